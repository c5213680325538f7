"""What the processors need from the outside. Adapters are in infra/; each port has one conformance suite in tests/."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec
import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Input = tuple[str, int]
"""A stream of records: topic and partition; for a file `file:NAME` and 0."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A place in a file: bytes and lines before it and the bytes' digest, so that another file is not resumed."""

    size: int
    digest: str
    lines: int


class Head(msgspec.Struct, frozen=True):
    """The end of a shard's log: last block (0: none), its number of lines so far, and how far each input was taken."""

    block: int
    lines: int
    inputs: Mapping[Input, int]
    marks: Mapping[Input, Mark]


class Draft(msgspec.Struct):
    """A block to be appended: lines in order and the positions behind them.

    inputs: input -> (from, next), only those that moved; at: commit clock, ISO, information only; duplicates: records
    left out because they were taken before, by input; customers: crc32 of the customer id of each line.
    """

    lines: list[bytes]
    facts: int
    customers: bytes
    inputs: dict[Input, tuple[int, int]]
    marks: dict[Input, Mark]
    duplicates: int
    at: str


class Block(msgspec.Struct, frozen=True):
    """A block as read back: `header` fields of design plus its lines, decompressed only when asked for."""

    number: int
    first: int
    lines: int
    facts: int
    duplicates: int
    at: str
    rules: int
    customers: bytes
    body: bytes


class LogBusy(Exception):
    """Another process writes this log; the message says which and what to do."""


class NotYet(Exception):
    """What is asked for is not there, and may come by itself: who starts waits for it. Mixed into what ports raise."""


class LogUnusable(Exception):
    """The log cannot be opened or written: where, why, what to do."""


class LogAway(LogUnusable, NotYet):
    """The server does not answer, or lets nobody in just now; or nobody has made the log yet."""


class LostShard(Exception):
    """Another writer has written: this one must drop its state and reload from the head."""


class LogDamaged(Exception):
    """Stored bytes are not what was written: which block, what is wrong, what to do."""


class LogNewer(LogDamaged):
    """A newer release wrote here: which block, what to do. Nothing of it is read, so that nothing is misread."""


class SnapshotDamaged(Exception):
    """Part of a snapshot is not what was written: do without it."""


class ViewsUnusable(Exception):
    """The views cannot be opened, read or fed: where, why, what to do."""


class KeyDestroyed(Exception):
    """The customer's key was destroyed: what was sealed under it opens for nobody, and no new key is made."""


class EventLog(Protocol):
    """The append-only log of one shard: the truth. Everything else may be deleted and made again from it."""

    @property
    def name(self) -> str:
        """The log's own name."""

    @property
    def shard(self) -> bytes:
        """16 bytes that name the shard."""

    def head(self) -> Head:
        """The end of the log as this writer knows it."""

    def append(self, draft: Draft) -> int:
        """Write one block -> its number; durable and seen by every reader when this returns, or when ``settle`` does.

        One transaction holds the lines, the decisions among them and the positions. Raises LostShard when another
        writer got there first or a position does not follow the stored one; then nothing was written. After any other
        error the outcome is unknown: open the log anew. A crash inside leaves the whole block or nothing.
        """

    def settle(self) -> None:
        """Make durable what was appended: nothing that is derived may be written before. Raises as ``append`` does.

        After an error none of the blocks since the last time counts. Who reads blocks through the log need not ask for it.
        """

    def refresh(self) -> None:
        """Look at the end of the log again: another process may have written since."""

    def blocks(self, after: int = 0) -> Iterator[Block]:
        """Blocks in order, those up to number `after` left out. Raises LogDamaged."""

    def block(self, number: int) -> Block:
        """One block. Raises LogDamaged, or KeyError if there is none."""

    def customers(self, number: int) -> bytes:
        """The column `customers` of one block, its lines left unread. Raises LogDamaged, or KeyError if there is none."""

    def close(self) -> None:
        """Let go of the log; another process may write it."""


class IdIndex(Protocol):
    """Which identities the log holds, and where (derived: made again from the log when lost).

    key: 64-bit hash of source and event_id; month: bucket, of occurred_at; position: block << 24 | line.
    """

    @property
    def through(self) -> int:
        """Every identity of the blocks up to this one is kept through a crash; below 1: none."""

    @property
    def needs_flush(self) -> bool:
        """Whether so much is in memory that it should be flushed."""

    def lookup(self, month: int, keys: Words) -> list[tuple[int, int]]:
        """(place in keys, position) of everything that may be the same identity; the caller compares with the log."""

    def add(self, month: int, keys: Words, positions: Words) -> None:
        """Seen by `lookup` at once."""

    def find(self, key: int) -> list[int]:
        """Positions of a key in all months, ascending."""

    def __len__(self) -> int:
        """How many identities are known."""

    def shared_keys(self) -> Iterator[tuple[int, list[int]]]:
        """Keys with more than one position."""

    def flush(self, through: int) -> None:
        """Keep everything added, through a crash."""

    def close(self) -> None:
        """Let go of the file; what was not flushed is lost."""


FoundLine = tuple[int, int, bytes]
"""Block, number of the line in the whole log, bytes of the line."""


class HistoryDamaged(Exception):
    """History pages are not what was written: do without them."""


class HistoryPages(Protocol):
    """The lines of the log's first blocks, sorted by customer (derived: made again from the log when lost).

    One process at a time packs, whichever it is; any may read meanwhile.
    """

    def alone(self) -> AbstractContextManager[bool]:
        """Whether this process may pack: while this is open no other may. False: another does, or it cannot be written."""

    def standing(self) -> tuple[int, int, str]:
        """The last block packed, the lines up to its end, its stamp; (0, 0, ""): none, or nothing that can be read."""

    def pack(self, blocks: Iterable[Block], stamp: Callable[[Block], str]) -> None:
        """Add the blocks that follow the last one packed, with the stamp of the last of them; none: nothing changes.

        Only inside of `alone`.

        Seen by readers at once, together. A crash inside leaves all of them packed or none; what was packed may be lost
        with power, from the end, and is packed again. Damaged pages are discarded: `standing` then says none. Where the
        disk is full or may not be written nothing changes.
        """

    def lines_of(self, checksum: int, until_block: int) -> tuple[int, list[FoundLine]]:
        """(last block packed, lines of customers with this checksum in blocks up to `until_block`), in log order.

        checksum: crc32 of the customer id; not 0, which is that of lines about nobody: these are not kept. The lines are
        byte for byte what the log holds; those behind the last block packed are in the log alone. Raises HistoryDamaged.
        """

    def discard(self) -> None:
        """Forget everything. Only inside of `alone`."""

    def close(self) -> None:
        """Let go of the file."""


class Seal(Protocol):
    """Keeps personal data unreadable without the customer's key."""

    def seal(self, customer_id: str, plaintext: bytes, context: bytes) -> bytes:
        """Ciphertext under the customer's key, which is made if there is none. Raises KeyDestroyed."""

    def open(self, customer_id: str, sealed: bytes, context: bytes) -> bytes:
        """The plaintext. Raises KeyDestroyed."""

    def commit(self) -> None:
        """Make new keys durable: before anything sealed under them is."""

    def not_destroyed(self, customer_ids: Iterable[str]) -> list[str]:
        """Those whose key is there or could still be made, in order: those that `destroy` is to be called for."""

    def destroy(self, customer_id: str) -> None:
        """Destroy the customer's key for good, durably; there need not be one, and never will be. May be called again."""
