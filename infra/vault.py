"""The vault in a SQLite file: a key for each customer, under which personal data is sealed.

Personal fields are encrypted from the first byte stored and unreadable for good once the customer's key is destroyed
(DOMAIN §7, HOUSE "Laws of the log" 1). The keys lie in one SQLite file, each wrapped by the master key; the master
key comes from the environment or a file and is never in the vault. Forms of what is stored: `infra.sealing`.

Laws
- A key exists durably before anything sealed under it does: `commit` the vault, then what was sealed. A crash in
  between leaves a key that nothing needs.
- A key once durable is never replaced. Destroyed is for good: the key's bytes are overwritten in the file, the
  write-ahead log is emptied, and the customer never gets another key. Copies of the file made before (backups) are
  not reached.
- The file tells a wrong master key at once, when it holds any customer.
- One process writes; others may read, and call `refresh` to notice what was destroyed meanwhile. One thread at a
  time. Not to be carried across a fork.

A destroyed key's row stays, with zeros for the key: that is how the vault remembers. Rows that move when the pages of
the table are balanced leave copies behind unless `secure_delete` is on for every writer (without it a twelfth of the
keys had one), so nothing but this class should write to the file.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from infra.master_key import KEY_BYTES, VaultError, master_key
from infra.sealing import CACHED_CIPHERS, CACHED_KEYS, DESTROYED, KeyDestroyed, Sealing

__all__ = ["KEY_BYTES", "KeyDestroyed", "Vault", "VaultError", "has_keys", "is_destroyed", "master_key"]

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (customer_id TEXT PRIMARY KEY, wrapped BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS master (one INTEGER PRIMARY KEY CHECK (one = 1), check_value BLOB NOT NULL);
"""


def has_keys(path: str | Path) -> bool:
    """Whether a vault file exists and holds any customer, so that its master key must not be made anew."""
    if not Path(path).exists():
        return False
    try:
        db = sqlite3.connect(path)
        try:
            if db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'master'").fetchone() is None:
                return False
            return db.execute("SELECT 1 FROM master").fetchone() is not None
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        raise _unreadable(path, error) from error


def is_destroyed(path: str | Path, customer_id: str) -> bool:
    """Whether a vault file says of a customer that the key was destroyed; no master key is needed. Raises VaultError."""
    try:
        db = sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)
        try:
            row = db.execute("SELECT wrapped FROM keys WHERE customer_id = ?", (customer_id,)).fetchone()
        finally:
            db.close()
    except sqlite3.DatabaseError as error:
        raise _unreadable(path, error) from error
    return row is not None and row[0] == DESTROYED


class Vault(Sealing):
    """Keys per customer in a SQLite file. Laws: the module's docstring."""

    def __init__(
        self, path: str, master: bytes, *, cached_keys: int = CACHED_KEYS, cached_ciphers: int = CACHED_CIPHERS
    ) -> None:
        """Open or create the vault (mode 0600; ":memory:" for none that lasts).

        master: 32 bytes, from `master_key`. cached_keys, cached_ciphers: how many customers' are kept in memory at
        most.
        Raises VaultError if the file is no vault or was made under another master key.
        """
        super().__init__(path, master, cached_keys=cached_keys, cached_ciphers=cached_ciphers)
        self._absent: set[str] = set()
        self._seen_version = 0
        if path != ":memory:":
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise _unreadable(path, error) from error
        except VaultError:
            self._db.close()
            raise

    def prefetch(self, customer_ids: Iterable[str]) -> None:
        """Read the keys of a batch of customers at once, so that sealing or opening for each does not look in the file.

        Saves time only; raises nothing for destroyed keys. customer_ids: at most `cached_keys`, else some are read
        again.
        """
        self._guard()
        asked = {each for each in customer_ids if each not in self._keys and each not in self._pending}
        with self._plainly():
            rows = self._db.execute(
                "SELECT customer_id, wrapped FROM keys WHERE customer_id IN (SELECT value FROM json_each(?))",
                (json.dumps(sorted(asked)),),
            ).fetchall()
        for customer_id, wrapped in rows:
            if wrapped != DESTROYED:
                self._keep_key(customer_id, self._unwrapped(customer_id, wrapped))
        self._absent = asked.difference(customer_id for customer_id, _ in rows)

    def commit(self) -> None:
        """Make the keys of new customers durable (on return: synced to disk). Nothing to do if there are none.

        Raises VaultError if another process made a key for one of them or uses another master key: then nothing
        sealed since the last commit may be stored; open the vault again.
        """
        if not self._pending:
            return
        self._guard()
        with self._plainly():
            self._insert_pending()
        self._pending.clear()

    def _insert_pending(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._write_check()
            self._db.executemany("INSERT INTO keys (customer_id, wrapped) VALUES (?, ?)", self._pending.items())
            self._db.execute("COMMIT")
        except sqlite3.IntegrityError as error:
            self._rollback()
            raise VaultError(f"another process writes to the vault {self.path}: stop one of them") from error
        except BaseException:
            self._rollback()
            raise

    def not_destroyed(self, customer_ids: Iterable[str]) -> list[str]:
        """Those whose key is there or could still be made, in order."""
        asked = list(customer_ids)
        with self._plainly():
            rows = self._db.execute(
                "SELECT customer_id FROM keys WHERE wrapped = ? AND customer_id IN (SELECT value FROM json_each(?))",
                (DESTROYED, json.dumps(asked)),
            ).fetchall()
        gone = {customer_id for (customer_id,) in rows}
        return [customer_id for customer_id in asked if customer_id not in gone]

    def destroy(self, customer_id: str) -> None:
        """Destroy the customer's key for good, and remember that it was. May be called again; unknown customers too.

        Raises VaultError if a reader held the write-ahead log all the time, so that the key's bytes may still be in
        that file: the key is gone for all uses, but call again to have the bytes gone too.
        """
        self._guard()
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._write_check()
            self._db.execute(
                "INSERT INTO keys (customer_id, wrapped) VALUES (?, ?) "
                "ON CONFLICT (customer_id) DO UPDATE SET wrapped = excluded.wrapped",
                (customer_id, DESTROYED),
            )
            self._db.execute("COMMIT")
        except BaseException:
            self._rollback()
            raise
        self._forget_customer(customer_id)
        self._absent.discard(customer_id)
        if self._empty_log():
            raise VaultError(
                f"the key of customer {customer_id} is destroyed, but a reader keeps {self.path}-wal from being "
                "emptied: destroy it again when the reader is done"
            )

    def refresh(self) -> None:
        """Forget keys if another process has changed the vault, so that what it destroyed is not opened here either."""
        version = self._data_version()
        if version != self._seen_version:
            self._seen_version = version
            self._forget()

    def close(self) -> None:
        """Close the file. Keys not committed are lost."""
        self._forget()
        self._pending.clear()
        self._db.close()

    def _forget(self) -> None:
        super()._forget()
        self._absent.clear()

    def _prepare(self) -> None:
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        if self._db.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('keys', 'master')").fetchone()[0] < 2:
            self._db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")
        self._verify_check()
        # What a crash left in the write-ahead log may hold a key destroyed since; if others read now, the next open
        # does it.
        self._db.execute("PRAGMA busy_timeout = 0")
        self._empty_log()
        self._db.execute("PRAGMA busy_timeout = 5000")
        self._seen_version = self._data_version()

    def _data_version(self) -> int:
        return int(self._db.execute("PRAGMA data_version").fetchone()[0])

    def _empty_log(self) -> bool:
        """Move the write-ahead log into the file and cut it to nothing; True if a reader was in the way."""
        return bool(self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0])

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """A damaged vault is told as such: what it is and what to do."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGE:
                raise _unreadable(self.path, error) from error
            raise

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def _verify_check(self) -> bool:
        """False if the vault has no check value yet; raises VaultError if it was made under another master key."""
        row = self._db.execute("SELECT check_value FROM master").fetchone()
        if row is None:
            return False
        self._verify(row[0])
        return True

    def _write_check(self) -> None:
        if not self._verify_check():
            self._db.execute("INSERT INTO master VALUES (1, ?)", (self._check_value(),))

    def _stored(self, customer_id: str) -> bytes | None:
        if customer_id in self._absent:
            return None
        with self._plainly():
            row = self._db.execute("SELECT wrapped FROM keys WHERE customer_id = ?", (customer_id,)).fetchone()
        return None if row is None else row[0]

    def _new_key(self, customer_id: str) -> AESGCM:
        self._absent.discard(customer_id)
        return super()._new_key(customer_id)


def _unreadable(path: str | Path, error: Exception) -> VaultError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    do = (
        "restore its copy"
        if code in _DAMAGE
        else "check its permissions and the space left, then run the command again"
    )
    return VaultError(f"{path} cannot be used as a vault ({error}): {do}")
