"""The answers of views in a SQLite file."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from infra.answers import Answers
from processors.ports import ViewsUnusable
from projections.feed import Basis, Row

_decode_basis = msgspec.json.Decoder(Basis).decode


class SqliteAnswers(Answers):
    """See ``infra.answers``."""

    path: Path
    _connection: sqlite3.Connection
    _pages: int
    _closed: bool

    def _usable(self) -> None:
        raise NotImplementedError

    def _unusable(self, error: Exception) -> ViewsUnusable:
        return ViewsUnusable(f"{self.path}: {error}; if it is not busy, delete it and run: guanxi rebuild")

    @contextmanager
    def _standing(self) -> Iterator[None]:
        self._usable()
        if not self._pages and not self._connection.in_transaction:
            self._connection.execute("BEGIN")
        self._pages += 1
        try:
            yield
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        finally:
            self._pages -= 1
            if not self._pages and not self._closed and self._connection.in_transaction:
                self._connection.execute("COMMIT")

    def basis(self) -> Basis:
        """Calendar and policies that the rows stand on; all empty before the first ``put``."""
        row = self._connection.execute("SELECT facts FROM basis").fetchone()
        return Basis() if row is None else _decode_basis(row[0])

    def _from(self, table: str) -> str:
        return f'"{table}"'

    def _rows(self, sql: str, values: Sequence[object] = (), *, few: bool = False) -> Iterator[Row]:  # noqa: ARG002
        with self._standing():
            for row in self._connection.execute(sql, values):  # noqa: UP028 - would close a cursor of a closed connection
                yield row

    def _one(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        found: Row | None = self._connection.execute(sql, values).fetchone()
        return found
