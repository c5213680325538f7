"""Keeps a shard's state in step with its log: from a snapshot and the tail at the start, and back into files as it runs.

Whatever is derived (snapshot, ids, projections) has its own position. At the start each is brought from there to the end of
the log; a derived thing that stands beyond the log belongs to another one and is made anew. All of it may be deleted.
"""

import gc
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from operator import attrgetter
from typing import Protocol

import numpy as np
from msgspec.structs import replace

from aggregates.customer import Customer
from aggregates.dates import month_from
from aggregates.policy import Policies, Policy
from aggregates.shard import EVOLVE, Shard
from aggregates.triggers import catalog
from events.fields import CustomerRecord
from processors.archive import key_of, position_of
from processors.faults import Faults
from processors.history import History, stamp_of
from processors.intake import Counts, Intake
from processors.policies import activation
from processors.ports import EventLog, HistoryPages, IdIndex, LogDamaged, LogNewer, Seal, SnapshotDamaged, Words
from processors.snapshot import chunks_of, frame_of, shard_from
from processors.stored import Line, decode_lines
from processors.tail import Told, told

LINES_BETWEEN = 500_000
"""Projections and snapshot are written after this many lines, later where customers are many."""
WARM_CUSTOMERS = 100_000
"""Customers touched since the last checkpoint stay unpacked, unless they are more than these."""
_SHOWN_ASIDE = 50_000
"""Rows of so many customers, half a KB each, are made while batches wait, to be written beside them; of more, a part after
another, each written before the next is made."""
LINES_PER_CUSTOMER = 25
_SWEEP_SHARE, _SWEEP_FREELY = 4, 1_000_000
"""Ids are looked through for doubles when they are few or a quarter is new, so that the cost an id stays the same."""
_LINES_AT_MOST = 5_000_000
_BLOCKS_COMPARED = 64

Progress = Callable[[int, int], None]
"""Told how many of how many blocks are done."""


def unheard(done: int, of: int) -> None:
    """Tells nobody."""


class Snapshots(Protocol):
    """Where a shard's snapshot is kept (derived)."""

    def block(self) -> int:
        """The block it stands on, 0: none."""

    def standing(self) -> tuple[int, str]:
        """That block and its stamp."""

    def load(self) -> tuple[bytes, Iterator[bytes]] | None:
        """Frame and chunks. Raises SnapshotDamaged, the chunks as they are read."""

    def save(self, block: int, stamp: str, frame: bytes, chunks: Iterator[bytes]) -> None:
        """Replace it, whole or not at all."""

    def discard(self) -> None:
        """Forget it."""


class Views(Protocol):
    """Where the rows of a shard's projections are kept (derived)."""

    @property
    def stands(self) -> int:
        """The last block in the rows of all projections; 0: none."""

    def tell(
        self, told: Sequence[Told], customers: Iterable[Customer], shard: Shard, shard_id: str, through: int
    ) -> None:
        """Fold consecutive blocks into every projection; in one transaction with the position `through`.

        customers: all that the blocks touched, as they are behind the last; shard: likewise; shard_id: its name. Told
        again, nothing changes. Raises ViewsUnusable where a block is missing, the rows are another shard's, or the store
        fails: then nothing was written.
        """

    def prepare(
        self, told: Sequence[Told], customers: Iterable[Customer], shard: Shard, shard_id: str, through: int
    ) -> Callable[[], None]:
        """As ``tell``, but what is returned writes: once, in any thread, before anything else is asked of the views.

        The state may move on meanwhile. What is returned raises ViewsUnusable also where others told the rows since.
        """


class Keeper:
    """Owns the state of one shard. See the module. now: the commit clock."""

    def __init__(
        self,
        log: EventLog,
        ids: IdIndex,
        vault: Seal,
        snapshots: Snapshots,
        views: Views,
        now: Callable[[], str],
        pages: HistoryPages | None = None,
        faults: Faults | None = None,
    ) -> None:
        """faults: what is known to fail, kept by whoever makes keepers anew."""
        self.log, self.ids, self.snapshots, self.views = log, ids, snapshots, views
        self._told: list[Told] = []
        self._lines = self._swept_at = 0
        self.shard = self._restored()
        self.history = History(log, pages)
        self.intake = Intake(log, self.shard, ids, vault, self._told_of, now, self.history, faults)

    def _restored(self) -> Shard:
        block, stamp = self.snapshots.standing()
        # Behind the views at most: what moved in a block is known only as the state passes it.
        if 0 < block <= min(self.log.head().block, self.views.stands) and stamp == stamp_of(self.log, block):
            try:
                found = self.snapshots.load()
                shard = shard_from(*found) if found else None
            except SnapshotDamaged:
                shard = None
            if shard is not None:
                self._state_block = block
                return shard
        self.snapshots.discard()
        self._state_block = 0
        return Shard(Policies())

    # ------------------------------------------------------------------------------------------ start

    def recover(self, progress: Progress = unheard) -> None:
        """Bring state, ids and projections to the end of the log, and finish a close that was interrupted.

        Raises DerivedAhead, LogNewer; and OurFault, CannotPark where that close fails.
        """
        head = self.log.head().block
        views_at = self.views.stands
        ids_at = max(self.ids.through, 0)
        if views_at > head or ids_at > head:
            raise DerivedAhead(
                f"the log ends with block {head}, what is derived from it knows block {max(views_at, ids_at)}"
            )
        if not self._ids_fit(ids_at):
            raise DerivedAhead("the index of ids is of another log")
        start = min(self._state_block, views_at, ids_at)
        for block in self.log.blocks(start):
            lines = decode_lines(block.body)
            if block.number > self._state_block:
                evolve(self.shard, lines)
                self._swept_at -= block.facts  # ids are looked through before a snapshot: these perhaps were not
            if block.number > ids_at:
                add_ids(self.ids, block.number, lines)
                if self.ids.needs_flush:
                    self.ids.flush(block.number)
            if block.number > views_at:
                self._told.append(told(block, lines, self.shard))
                self.intake.touched.update(customers_of(lines))
                self._lines += len(lines)
            self.shard.take_moves()
            progress(block.number - start, head - start)
        self._state_block = head
        if unknown := [code for code in self.shard.triggers if catalog.rule_of(code) is None]:
            raise LogNewer(
                f"{self.log.name}: triggers {', '.join(unknown)} are active in it, which this release does not know: "
                "a newer one wrote it; install that"
            )
        self.intake.destroy_keys()
        if len(self.shard.policies) and self.shard.closing:
            self.intake.close_days()
            self.intake.commit()

    def _ids_fit(self, through: int) -> bool:
        """Whether the index knows the ids of the last block that has any just where they stand in this log."""
        for number in range(through, max(through - _BLOCKS_COMPARED, 0), -1):
            found = identities(number, decode_lines(self._body(number)))
            for month, keys, positions in found:
                known = {position for _, position in self.ids.lookup(month, keys)}
                if not known.issuperset(positions.tolist()):
                    return False
            if found:
                break
        return True

    def _body(self, number: int) -> bytes:
        """The lines of a block that the head says is there."""
        try:
            return self.log.block(number).body
        except KeyError as error:
            raise LogDamaged(f"{self.log.name}: block {number} is missing; restore the log from a copy") from error

    def carry(self, counts: Counts) -> None:
        """Go on counting where the keeper before this one stood."""
        self.intake.counts, self.intake.settled = replace(counts), counts
        self._swept_at += counts.taken

    def activate(self, policy: Policy | None) -> None:
        """Take a policy version into the log unless it is there, and rules of triggers it does not have. Raises PolicyRefused.

        None: the versions that the log has, or the built-in one if it has none.
        """
        if policy is None and not len(self.shard.policies):
            policy = Policy()
        self.intake.activate_all(None if policy is None else activation(self.shard, policy))

    # ------------------------------------------------------------------------------------------ running

    def _told_of(self, block: Told) -> None:
        self._told.append(block)
        self._lines += sum(block.facts.values()) + len(block.decisions)
        if self.ids.needs_flush:
            self.log.settle()
            self.ids.flush(block.block)

    @property
    def due(self) -> bool:
        """Whether so much happened that a checkpoint is worth its cost, and no more should wait in memory to be shown."""
        wanted = min(max(LINES_BETWEEN, LINES_PER_CUSTOMER * len(self.shard.customers)), _LINES_AT_MOST)
        return self._lines >= wanted

    def show(self) -> None:
        """Write projections as of the end of the log. Only between batches."""
        if self._told:
            self.log.settle()
            touched = self.intake.touched
            found = filter(None, map(self.shard.customers.get, touched))  # one may be parked before its first record
            self.views.tell(self._told, found, self.shard, self.log.shard.hex(), self.log.head().block)
            self._told, self._lines = [], 0
            touched.clear()

    def showing(self) -> Callable[[], None]:
        """As ``show``, but what is returned writes, in any thread, while batches go on; it is to be waited for before more.

        Raises what the views raise; what is returned does, too, and then the keeper is of no use.
        """
        touched = self.intake.touched
        if len(touched) > _SHOWN_ASIDE:
            self.show()
        if not self._told:
            return lambda: None
        self.log.settle()
        found = filter(None, map(self.shard.customers.get, touched))
        write = self.views.prepare(self._told, found, self.shard, self.log.shard.hex(), self.log.head().block)
        self._told, self._lines = [], 0
        touched.clear()
        return write

    def checkpoint(self) -> None:
        """Write projections, ids and snapshot as of the end of the log. Only between batches."""
        new = self.intake.counts.taken - self._swept_at
        if new and (len(self.ids) <= _SWEEP_FREELY or new * _SWEEP_SHARE >= len(self.ids)):
            self._swept_at += new
            self.intake.sweep()
        self.log.settle()
        block = self.log.head().block
        touched = self.intake.touched
        warm = frozenset(touched) if len(touched) <= WARM_CUSTOMERS else frozenset()
        self.show()
        if self.ids.through < block:
            self.ids.flush(block)
        if self.snapshots.block() != block:
            self.snapshots.save(block, stamp_of(self.log, block), frame_of(self.shard), chunks_of(self.shard, warm))


class DerivedAhead(Exception):
    """Derived data knows more than the log or something else: it is of another log, or of this one's lost end."""


def evolve(shard: Shard, lines: list[Line]) -> None:
    """Bring a state behind these lines."""
    for line in lines:
        EVOLVE[line.__class__](shard, line)


def customers_of(lines: list[Line]) -> set[str]:
    """Ids of the customers that lines are about."""
    try:
        found = set(map(_CUSTOMER, lines))
    except AttributeError:  # a close, or another line that is about nobody
        found = {getattr(line, "customer_id", None) for line in lines}
    return {customer_id for customer_id in found if customer_id}


_CUSTOMER = attrgetter("customer_id")


def add_ids(ids: IdIndex, block: int, lines: list[Line]) -> None:
    """Add the identities of a block read back."""
    for month, keys, positions in identities(block, lines):
        ids.add(month, keys, positions)


def identities(block: int, lines: list[Line]) -> list[tuple[int, Words, Words]]:
    """(month of occurred_at, keys, positions) of the records of a block read back."""
    by_month: dict[str, tuple[list[int], list[int]]] = {}
    for at, line in enumerate(lines):
        if isinstance(line, CustomerRecord):
            keys, positions = by_month.setdefault(line.occurred_at[:7], ([], []))
            keys.append(key_of(line.source, line.event_id))
            positions.append(position_of(block, at))
    return [
        (month_from(month), np.array(keys, dtype=np.uint64), np.array(positions, dtype=np.uint64))
        for month, (keys, positions) in by_month.items()
    ]


@contextmanager
def uncollected() -> Iterator[None]:
    """Without the cyclic garbage collector: millions of customers hold no cycles, and looking for them costs a sixth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@uncollected()
def rebuild(
    log: EventLog, views: Views, progress: Progress = unheard, until: int | None = None, behind: Shard | None = None
) -> Shard:
    """Every projection from the log alone, into empty views; nothing is decided again -> the shard behind the last block.

    until: the last block to be told, None for all. behind: what an earlier call gave, to go on from there: the views
    stand on that block.
    """
    shard = Shard(Policies()) if behind is None else behind
    head = log.head().block if until is None else until
    feed: list[Told] = []
    touched: set[str] = set()
    lines_fed = 0
    for block in log.blocks(0 if behind is None else views.stands):
        if block.number > head:
            break
        lines = decode_lines(block.body)
        evolve(shard, lines)
        feed.append(told(block, lines, shard))
        touched.update(customers_of(lines))
        lines_fed += len(lines)
        if lines_fed >= _LINES_AT_MOST:
            views.tell(feed, (), shard, log.shard.hex(), block.number)
            feed, lines_fed = [], 0
        progress(block.number, head)
    views.tell(feed, filter(None, map(shard.customers.get, touched)), shard, log.shard.hex(), head)
    return shard
