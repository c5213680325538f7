"""What a store of views does so that ``infra.answers`` can read it: run a query, say where a table is, hold a page."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager

from aggregates.dates import Day
from projections.feed import Basis, Row
from projections.moment import KnownAt, Moment
from projections.table import Table


class Store:
    """Rows of the views of one shard."""

    def _standing(self) -> AbstractContextManager[None]:
        """Everything read inside stands on one block; may be opened inside of another. Raises ViewsUnusable."""
        raise NotImplementedError

    def _rows(self, sql: str, values: Sequence[object] = (), *, few: bool = False) -> Iterator[Row]:
        """Rows as they come, within a page. few: so few that a store may hold all of them at once."""
        raise NotImplementedError

    def _one(self, sql: str, values: Sequence[object] = ()) -> Row | None:
        """The first row; only within a page."""
        raise NotImplementedError

    def _from(self, table: str) -> str:
        """Where the rows of a projection's table are, to be followed by a name of one's own or none."""
        raise NotImplementedError

    def basis(self) -> Basis:
        """Calendar and policies that the rows stand on; all empty before the first ``put``."""
        raise NotImplementedError

    def _select(self, table: Table, columns: Sequence[str] = (), where: str = "") -> str:
        """All rows of a table, or those of a condition, in the order of its key."""
        names, key = quoted(columns or table.names), quoted(table.key)
        return f"SELECT {names} FROM {self._from(table.name)} AS kept {where} ORDER BY {key}"

    def moment(self, as_of: Day = 0, known_at: KnownAt | None = None) -> Moment:
        """See ``infra.answers.Answers.moment``."""
        raise NotImplementedError


def quoted(names: Iterable[str]) -> str:
    """Names as SQL."""
    return ", ".join(f'"{name}"' for name in names)
