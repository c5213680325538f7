"""The vault of a shard in a table of the log's schema on PostgreSQL: every process that writes the log seals with one set of keys.

The laws of `infra.vault` and the forms of `infra.sealing` hold, and besides:

- A key lies under the shard and its customer. Two processes may both believe for a moment that they own a shard and make
  a key for the same new customer: the first key stands, and the other process gets LostShard from ``commit``, so that
  what it sealed is dropped with its state and never stored.
- A key is made durable in a transaction of its own, ahead of the block, or in that of the block where the blocks of several
  shards are written together. Where the outcome of the first is not known, `commit` may be called again.
- A customer belongs to one shard, but a record that came the wrong way may have been sealed in another: a key is destroyed
  in all of them.
- The database refuses to change a key into anything but a destroyed one, and a destroyed key for good, to everyone; to
  delete keys likewise. The bytes of a destroyed key are gone from the table once it was vacuumed; the server's
  write-ahead log, its archive and its copies are not reached.

The keys of a shard are read at once, wrapped, when the first one is asked for: one question to the server instead of one
a customer, and a customer without a key is known to have none. They lie in memory as 68 bytes each, found by a hash of
the customer; what a hash finds is proven by unwrapping it, for the customer is part of what was wrapped.
"""

from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier
from xxhash import xxh3_64_intdigest

from infra.postgres_session import Session
from infra.postgres_together import Keys, Together
from infra.sealing import CACHED_CIPHERS, CACHED_KEYS, DESTROYED, WRAPPED_BYTES, Sealing
from processors.ports import LostShard, Words

__all__ = ["PostgresVault", "has_keys", "is_destroyed"]

_AT_ONCE = 100_000
"""Keys read in one question: some 10 MB."""


def has_keys(session: Session) -> bool:
    """Whether the log's vault holds any customer, so that its master key must not be made anew. Raises LogUnusable."""
    with session.get_connection() as connection:
        found = connection.execute(
            SQL("SELECT EXISTS (SELECT FROM {}) AS found").format(Identifier(session.schema, "vault_master"))
        ).fetchone()
    return bool(found and found["found"])


def is_destroyed(session: Session, shard_number: int, customer_id: str) -> bool:
    """Whether the log's vault says of a customer that the key was destroyed; no master key is needed. Raises LogUnusable."""
    with session.get_connection() as connection:
        row = connection.execute(
            SQL("SELECT wrapped FROM {} WHERE shard = %b::smallint AND customer_id = %b").format(
                Identifier(session.schema, "vault_key")
            ),
            (shard_number, customer_id.encode()),
        ).fetchone()
    return row is not None and bytes(row["wrapped"]) == DESTROYED


class _Held:
    """Wrapped keys as the table holds them: their customers' hashes in order, and beside each its key."""

    def __init__(self) -> None:
        self._hashes: Words = np.array([], dtype=np.uint64)
        self._keys = np.array([], dtype=f"V{WRAPPED_BYTES}")

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Keys of customers, by their ids in UTF-8."""
        hashes, parts = [], []
        for customer_id, wrapped in rows:
            hashes.append(xxh3_64_intdigest(customer_id))
            parts.append(wrapped if len(wrapped) == WRAPPED_BYTES else b"\xff" * WRAPPED_BYTES)  # opens for nobody
        found = np.concatenate((self._hashes, np.array(hashes, dtype=np.uint64)))
        keys = np.concatenate((self._keys, np.frombuffer(b"".join(parts), dtype=self._keys.dtype)))
        order = np.argsort(found, kind="stable")
        self._hashes, self._keys = found[order], keys[order]

    def of(self, customer_id: str) -> list[bytes]:
        """The keys that may be this customer's."""
        hashed = np.uint64(xxh3_64_intdigest(customer_id.encode()))
        at = int(np.searchsorted(self._hashes, hashed))
        found = []
        while at < len(self._hashes) and self._hashes[at] == hashed:
            found.append(self._keys[at].tobytes())
            at += 1
        return found


class PostgresVault(Sealing):
    """Keys per customer of a shard in a table. Laws: the module's docstring.

    session: to the log's database, may be shared, not closed here; where: the log and shard, for people; shard_number:
    which of its `shards`; master: 32 bytes, from `master_key`; cached_keys, cached_ciphers: how many customers' are kept
    unwrapped at most; together: writes the shard's blocks, and keys with them. Raises VaultError where the vault was
    made under another master key; LogUnusable.
    """

    def __init__(
        self,
        session: Session,
        where: str,
        shard_number: int,
        master: bytes,
        *,
        shards: int = 1,
        cached_keys: int = CACHED_KEYS,
        cached_ciphers: int = CACHED_CIPHERS,
        together: Together | None = None,
    ) -> None:
        super().__init__(where, master, cached_keys=cached_keys, cached_ciphers=cached_ciphers)
        self._session, self._shard, self._together = session, shard_number, together
        self._shards = shards
        self._names = {
            "keys": Identifier(session.schema, "vault_key"),
            "master": Identifier(session.schema, "vault_master"),
        }
        self._held: _Held | None = None
        self._since: dict[str, bytes] = {}
        self._is_checked = self._check()

    def commit(self) -> None:
        """Make the keys of new customers durable. Nothing to do if there are none.

        Raises LostShard if another process made a key for one of them: nothing sealed since the last commit may be stored.
        VaultError if another master key came first. LogUnusable: the outcome is not known; it may be called again.
        """
        if not self._pending:
            return
        self._guard()
        if not self._is_checked:
            self._write_check()
        made = sorted((customer_id.encode(), wrapped) for customer_id, wrapped in self._pending.items())
        ids, keys = ([each[at] for each in made] for at in (0, 1))
        if self._together is not None:
            self._together.put_keys(Keys("vault_key", self._shard, ids, keys))
        else:
            self._write(ids, keys)
        if self._held is not None or self._together is not None:
            self._since.update(self._pending)
        if self._held is not None and len(self._since) > max(_AT_ONCE, len(self._held) // 4):
            self._held.add((customer_id.encode(), wrapped) for customer_id, wrapped in self._since.items())
            self._since.clear()
        self._pending.clear()

    def _write(self, ids: list[bytes], keys: list[bytes]) -> None:
        with self._session.get_connection() as connection:
            # In order, so that two processes that insert the same ones wait for each other and do not lock up.
            cursor = connection.execute(
                SQL(
                    "INSERT INTO {keys} (shard, customer_id, wrapped) SELECT %b::smallint, * "
                    "FROM unnest(%b::bytea[], %b::bytea[]) ON CONFLICT DO NOTHING"
                ).format(**self._names),
                (self._shard, ids, keys),
            )
            if cursor.rowcount != len(ids):
                cursor = connection.execute(
                    SQL(
                        "SELECT COUNT(*) AS n FROM unnest(%b::bytea[], %b::bytea[]) AS made (id, wrapped) "
                        "JOIN {keys} AS k ON k.shard = %b::smallint AND k.customer_id = made.id "
                        "AND k.wrapped = made.wrapped"
                    ).format(**self._names),
                    (ids, keys, self._shard),
                )
                row = cursor.fetchone()
                if row is None or row["n"] != len(ids):
                    raise LostShard(
                        f"{self.path}: another process made keys for customers of this shard; run the same command again: "
                        "nothing is taken twice"
                    )

    def not_destroyed(self, customer_ids: Iterable[str]) -> list[str]:
        """Those whose key is there or could still be made, in order; of this shard."""
        asked = list(customer_ids)
        with self._session.get_connection() as connection:
            rows = connection.execute(
                SQL(
                    "SELECT customer_id FROM {keys} WHERE shard = %b::smallint AND customer_id = ANY(%b::bytea[]) "
                    "AND wrapped = %b"
                ).format(**self._names),
                (self._shard, [customer_id.encode() for customer_id in asked], DESTROYED),
            ).fetchall()
        gone = {bytes(row["customer_id"]).decode() for row in rows}
        return [customer_id for customer_id in asked if customer_id not in gone]

    def destroy(self, customer_id: str) -> None:
        """Destroy the customer's key for good, and remember that it was. May be called again; unknown customers too.

        Other processes may have it in memory until they ``refresh``. See the module for what is not reached.
        """
        self._guard()
        if not self._is_checked:
            self._write_check()
        with self._session.get_connection() as connection:
            connection.execute(
                SQL(
                    "INSERT INTO {keys} AS k (shard, customer_id, wrapped) "
                    "SELECT number, %b, %b FROM generate_series(0, %b::integer) AS number "
                    "ON CONFLICT (shard, customer_id) DO UPDATE SET wrapped = excluded.wrapped "
                    "WHERE k.wrapped <> excluded.wrapped"
                ).format(**self._names),
                (customer_id.encode(), DESTROYED, max(self._shards - 1, self._shard)),
            )
        self._forget_customer(customer_id)
        self._since[customer_id] = DESTROYED

    def open(self, customer_id: str, sealed: bytes, context: bytes) -> bytes:
        """See ``Sealing.open``. What is sealed has a key: one that another process made since the keys were read is found."""
        known = customer_id in self._keys or customer_id in self._pending
        if not known and self._stored(customer_id) is None and (wrapped := self._read(customer_id)) is not None:
            self._since[customer_id] = wrapped
        return super().open(customer_id, sealed, context)

    def refresh(self) -> None:
        """Forget what was read, so that what another process made or destroyed meanwhile is seen."""
        self._forget()

    def close(self) -> None:
        """Forget all keys; those not committed are lost. The connection is its owner's."""
        self._forget()
        self._pending.clear()

    # ------------------------------------------------------------------------------------------ reading

    def _forget(self) -> None:
        super()._forget()
        self._held = None
        self._since.clear()

    def _stored(self, customer_id: str) -> bytes | None:
        since = self._since.get(customer_id)
        if since is not None:
            return since
        if self._held is None:
            held = _Held()
            held.add(chain.from_iterable(self._pages()))
            self._held = held
        found = self._held.of(customer_id)
        if not found:
            return None
        if len(found) == 1 and found[0] != DESTROYED and self._opens(customer_id, found[0]):
            return found[0]
        return self._read(customer_id)  # destroyed, damaged, or of another customer with the same hash

    def _pages(self) -> Iterator[list[tuple[bytes, bytes]]]:
        behind = b""
        statement = SQL(
            "SELECT customer_id, wrapped FROM {keys} WHERE shard = %b::smallint AND customer_id >= %b "
            "ORDER BY customer_id OFFSET %b LIMIT %b"
        ).format(**self._names)
        while True:
            with self._session.get_connection() as connection:
                cursor = connection.cursor(row_factory=tuple_row)
                cursor.execute(statement, (self._shard, behind, 1 if behind else 0, _AT_ONCE))
                rows = cursor.fetchall()
            yield rows
            if len(rows) < _AT_ONCE:
                return
            behind = rows[-1][0]

    def _read(self, customer_id: str) -> bytes | None:
        with self._session.get_connection() as connection:
            row = connection.execute(
                SQL("SELECT wrapped FROM {keys} WHERE shard = %b::smallint AND customer_id = %b").format(**self._names),
                (self._shard, customer_id.encode()),
            ).fetchone()
        return bytes(row["wrapped"]) if row else None

    # ------------------------------------------------------------------------------------------ the master key

    def _check(self) -> bool:
        """False if the vault has no check value yet. Raises VaultError if it was made under another master key."""
        with self._session.get_connection() as connection:
            row = connection.execute(SQL("SELECT check_value FROM {master}").format(**self._names)).fetchone()
        if row is None:
            return False
        self._verify(bytes(row["check_value"]))
        return True

    def _write_check(self) -> None:
        with self._session.get_connection() as connection:
            connection.execute(
                SQL("INSERT INTO {master} (one, check_value) VALUES (1, %b) ON CONFLICT DO NOTHING").format(
                    **self._names
                ),
                (self._check_value(),),
            )
        self._is_checked = self._check()  # another process may have been first
