"""A bank whose log is on PostgreSQL, all of its shards.

Who reads needs no more than to read the log's tables: rows come from the views that the workers tell, a customer's lines from
the log of its shard. Who takes records (`ingest`) is the owner of all shards for that time, as a worker is of some.
"""

import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from aggregates.customer import Customer
from aggregates.dates import iso, iso_month
from aggregates.policy import Policies
from events.decisions import TriggerMoved
from guanxi.errors import FoundWrong, UserError
from guanxi.reading import size_of
from guanxi.reports import Blocks, Progress, Say, nothing
from guanxi.settings import Settings
from guanxi.shards import Shards
from guanxi.splitting import Splitter
from infra.ids import IdIndexError
from infra.postgres_answers import PostgresAnswers
from infra.postgres_log import PostgresEventLog
from infra.postgres_rebuild import RebuiltViews
from infra.postgres_schema import identity_of
from infra.postgres_session import Session, address_of
from infra.postgres_vault import is_destroyed
from infra.sqlite_views import SqliteViews
from processors.history import History
from processors.intake import Counts
from processors.keeper import rebuild, uncollected
from processors.owner import Owner
from processors.partition import partition_of
from processors.past import folded
from processors.redriving import Redriven
from processors.stored import Line
from processors.what_if import Parameters, what_if
from projections.differences import Difference
from projections.feed import Freshness
from projections.moment import Moment


class ShardStatus(msgspec.Struct, frozen=True):
    """Where a shard stands: its last block, and the last one in the views."""

    shard: int
    block: int
    views_block: int
    closed_through: str | None


class PostgresStatus(msgspec.Struct, frozen=True):
    """Where a log on PostgreSQL stands; blocks are of all shards together, the closed days those closed in all of them."""

    log: str
    name: str
    blocks: int
    lines: int
    stored_bytes: int
    customers: int
    first_month: str | None
    closed_through: str | None
    policies: list[str]
    views_block: int
    shards: list[ShardStatus]


class PostgresBank:
    """A log opened with all that belongs to it. Use as a context manager; leaving it writes what is derived.

    write: may take records and make views anew. say: told, once, what a person has to know.
    Raises UserError, LogUnusable, LogDamaged, LostShard, VaultError, ViewsUnusable.
    """

    def __init__(self, settings: Settings, *, write: bool, say: Say = nothing) -> None:
        self._settings, self._write, self._say = settings, write, say
        self._address = address_of(settings.log)
        self._stack = ExitStack()
        self._logs: dict[int, PostgresEventLog] = {}
        self._histories: dict[int, History] = {}
        self._splitter: Splitter | None = None
        self._shards: Shards | None = None
        try:
            self._session = self._connected(read_only=True)
            self.identity = identity_of(self._session, self._address.shown)
            # A page stays open for as long as somebody reads it: on a connection of its own.
            self.views = PostgresAnswers(self._connected(read_only=True))
        except BaseException:
            self._stack.close()
            raise

    def _connected(self, *, read_only: bool) -> Session:
        session = Session(self._address, read_only=read_only)
        self._stack.callback(session.close)
        return session

    # ------------------------------------------------------------------------------------------ taking records

    def ingest(self, paths: Sequence[str], progress: Progress = nothing) -> Counts:
        """Take the records of files in their order ("-": standard input), each into the shard of its customer.

        What is taken stays taken, come what may; a file that was left in the middle goes on behind it, in every shard.
        Not beside workers: whoever appends to a shard takes it from who had it. Raises UserError for a file that cannot
        be read, before anything is taken.
        """
        total = size_of(paths)
        splitter = self._owner()
        done = 0
        for path in paths:
            with ExitStack() as stack, self._plainly():
                stream = sys.stdin.buffer if path == "-" else stack.enter_context(open(path, "rb"))
                done = self._told(splitter.take(path, stream), done, total, progress)
        return splitter.counts

    def ingest_lines(
        self, name: str, lines: Iterable[bytes], total: int | None = None, progress: Progress = nothing
    ) -> Counts:
        """Take records made by a program, one a line without newline, under a name that stands for a file's."""
        splitter = self._owner()
        with self._plainly():
            self._told(splitter.take_lines(name, lines), 0, total, progress)
        return splitter.counts

    def _told(self, taken: Iterator[int], done: int, total: int | None, progress: Progress) -> int:
        splitter = self._owner()
        for size in taken:
            done += size
            counts = splitter.counts
            progress(done, total, counts.taken + counts.duplicate + counts.refused + counts.parked)
        return done

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Tell what happened to the derived files of this machine as a person needs it."""
        try:
            yield
        except (sqlite3.Error, IdIndexError) as error:
            where = self._shards.folder if self._shards is not None else self._address.shown
            do = "check disk space and permissions, then run the same command again; what was taken is in the log"
            raise FoundWrong(f"{error} in a file that is derived from the log", str(where), do) from error

    def _owner(self) -> Splitter:
        """All shards, opened for taking records."""
        if not self._write:
            raise RuntimeError("the bank was opened for reading")
        if self._splitter is None:
            self._stack.enter_context(uncollected())
            shards = self._shards = self._stack.enter_context(Shards(self._settings, say=self._say))
            self._owners = [Owner(partial(shards.open, number)) for number in range(self.identity.shards)]
            self._splitter = Splitter(self._owners)
        return self._splitter

    @property
    def counts(self) -> Counts:
        """What became of the records taken since the bank was opened."""
        return self._owner().counts

    def unpark(self, customer_id: str) -> Counts:
        """Refused: a worker owns the customer's shard."""
        raise self._of_workers(customer_id)

    def erase(self, customer_id: str, *_: object) -> None:
        """Refused: a worker owns the customer's shard."""
        raise self._of_workers(customer_id)

    def manage(self, record: dict[str, Any]) -> list[TriggerMoved]:
        """Refused: a worker owns the customer's shard."""
        raise self._of_workers(record["trigger_id"])

    def redrive(self, reason: str) -> list[Redriven]:
        """Refused: workers own the shards."""
        raise self._of_workers(reason)

    redrive_dry = redrive

    def _of_workers(self, what: str) -> UserError:
        return UserError("on PostgreSQL this is done by the workers that own the shards", what, "start guanxi worker")

    # ------------------------------------------------------------------------------------------ looking

    @property
    def freshness(self) -> Freshness:
        """How fresh the views are."""
        return self.views.freshness

    def status(self) -> PostgresStatus:
        """Where the log stands and what is derived from it."""
        logs = [self._log(number) for number in range(self.identity.shards)]
        with self.views.page():
            basis = self.views.basis()
            bases = [self.views.shard(number).basis() for number in range(len(logs))]
            customers = sum(count for _, _, count in self.views.levels())
        return PostgresStatus(
            log=self._address.shown,
            name=self.identity.name,
            blocks=sum(log.head().block for log in logs),
            lines=sum(log.head().lines for log in logs),
            stored_bytes=sum(log.stored_bytes() for log in logs),
            customers=customers,
            first_month=iso_month(basis.first_month) if basis.first_month else None,
            closed_through=iso(basis.closed_through) if basis.closed_through else None,
            policies=[policy.version for policy in basis.policies],
            views_block=basis.block,
            shards=[
                ShardStatus(
                    number, log.head().block, each.block, iso(each.closed_through) if each.closed_through else None
                )
                for number, (log, each) in enumerate(zip(logs, bases, strict=True))
            ],
        )

    def lines_of(self, customer_id: str, until_block: int | None = None) -> Iterator[tuple[int, int, Line]]:
        """(block, number of the line in its shard's log, line) of everything about a customer, in log order.

        until_block: the last block of the shard that is looked at, None for all there are. Raises LogDamaged.
        """
        log = self._log_of(customer_id)
        if until_block is not None and until_block > log.head().block:
            log.refresh()  # the views were read later
        return self._history_of(customer_id).lines_of(customer_id, until_block)

    def lines_sealed_for(self, customer_id: str) -> Iterator[tuple[int, int, Line]]:
        """As ``lines_of``, and with them the refusals whose original is under the customer's key. Raises LogDamaged."""
        return self._history_of(customer_id).sealed_for(customer_id)

    def is_key_destroyed(self, customer_id: str) -> bool:
        """Whether the customer's key was destroyed in the customer's shard. Raises LogUnusable."""
        return is_destroyed(self._session, self._number_of(customer_id), customer_id)

    @property
    def log_name(self) -> str:
        """The log's own name."""
        return self.identity.name

    def recorded_at(self, customer_id: str, block: int) -> str:
        """Commit clock of a block of the customer's shard, ISO, UTC. Raises LogDamaged, KeyError."""
        return self._log_of(customer_id).block(block).at

    def _number_of(self, customer_id: str) -> int:
        return partition_of(customer_id, self.identity.shards)

    def _log_of(self, customer_id: str) -> PostgresEventLog:
        return self._log(self._number_of(customer_id))

    def _history_of(self, customer_id: str) -> History:
        number = self._number_of(customer_id)
        if number not in self._histories:
            self._histories[number] = History(self._log(number))
        return self._histories[number]

    def what_if(self, triggers: Parameters | None = None) -> Iterator[TriggerMoved]:
        """What triggers the log would have raised, shard by shard; see ``processors.what_if``. Raises LogDamaged."""
        for number in range(self.identity.shards):
            yield from what_if(self._log(number).blocks(), triggers)

    def customer_at(self, customer_id: str, at: Moment) -> Customer:
        """A customer at a moment of its shard, folded from its lines with nothing forgotten: every day is still in it.

        Raises LogDamaged.
        """
        basis = at.known.basis
        lines = (line for _, _, line in self.lines_of(customer_id, basis.block))
        return folded(customer_id, lines, Policies(basis.policies), basis.first_month)

    def _log(self, number: int) -> PostgresEventLog:
        if number not in self._logs:
            self._logs[number] = PostgresEventLog(self._settings.log, number, session=self._session)
        return self._logs[number]

    # ------------------------------------------------------------------------------------------ rebuilding

    def rebuild(self, *, check: bool, progress: Blocks = nothing) -> Iterator[Difference]:
        """Every projection of every shard anew from the log. check: tell each difference from the live ones, change nothing.

        Without check the new ones take the place of the live ones, shard by shard; no difference is told. Workers may go on
        meanwhile. With check every block is looked for too. Raises LogDamaged.
        """
        logs = [self._log(number) for number in range(self.identity.shards)]
        blocks, before = sum(log.head().block for log in logs), 0
        for number, log in enumerate(logs):
            told = _behind(progress, before, blocks)
            if check:
                log.check_numbers()
                yield from self._differences(number, log, told)
            else:
                self._swap(number, log, told)
            before += log.head().block

    def _differences(self, number: int, log: PostgresEventLog, progress: Blocks) -> Iterator[Difference]:
        live = self.views.shard(number)
        with tempfile.TemporaryDirectory(prefix="guanxi-check-") as folder, self.views.page():
            until = live.basis().block
            if not until:
                return  # nothing was told yet, or what another release told was just forgotten
            if until > log.head().block:
                log.refresh()
            with SqliteViews(Path(folder) / "views", write=True) as rebuilt:
                rebuild(log, rebuilt, progress, until=until)
                for difference in live.differences(rebuilt):
                    yield msgspec.structs.replace(difference, table=f"{difference.table} of shard {number}")

    def _swap(self, number: int, log: PostgresEventLog, progress: Blocks) -> None:
        with ExitStack() as stack:
            session = Session(self._address)
            stack.callback(session.close)
            rebuilt = RebuiltViews(session, number)
            log.refresh()
            shard = rebuild(log, rebuilt, progress)

            def catch_up(block: int) -> None:
                log.refresh()
                rebuild(log, rebuilt, progress, until=block, behind=shard)

            rebuilt.swap(catch_up)

    # ------------------------------------------------------------------------------------------ closing

    def __enter__(self) -> "PostgresBank":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if self._splitter is not None and kind is None:
                with self._plainly():
                    for owner in self._owners:
                        owner.keeper.checkpoint()


def _behind(progress: Blocks, before: int, of: int) -> Callable[[int, int], None]:
    """Progress of one shard as part of all."""
    return lambda done, _: progress(before + done, of)
