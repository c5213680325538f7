"""A bank whose log is a file: the log with what is derived from it, opened together.

Beside the log `NAME` stand: `NAME-lock`, held by the process that writes; `NAME-vault`, the customers' keys wrapped under the
master key, and `NAME-master.key`, both to be kept; `NAME-views`, `NAME-ids`, `NAME-snapshot`, `NAME-history`, derived, which
may be deleted; `NAME-history-lock`, held by the process that packs the history.
"""

import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from msgspec.structs import asdict

from aggregates.customer import Customer
from aggregates.dates import iso, iso_month
from aggregates.policy import Policies, PolicyRefused
from events.decisions import TriggerMoved
from guanxi import policy_file
from guanxi.derived import UNREADABLE, delete, is_cut, is_damage
from guanxi.errors import FoundWrong, UserError
from guanxi.reading import Batch, batches, batches_of, size_of
from guanxi.reports import Blocks, Progress, Say, Status, nothing, now
from guanxi.settings import Settings
from infra.history_pages import SqliteHistoryPages
from infra.ids import IdIndex, IdIndexError
from infra.sqlite_log import SqliteEventLog, is_locked
from infra.sqlite_snapshots import SqliteSnapshots
from infra.sqlite_views import SqliteViews
from infra.vault import Vault, has_keys, is_destroyed, master_key
from processors.faults import Faults
from processors.history import History
from processors.intake import Counts, Origin
from processors.keeper import DerivedAhead, Keeper, rebuild, uncollected
from processors.owner import Erase, Lines, Owner, Unpark
from processors.past import folded
from processors.ports import LogBusy, Mark, ViewsUnusable
from processors.redriving import Redrive, Redriven, folded_intake, judged
from processors.stored import Line
from processors.trigger_life import Manage, sealed
from processors.what_if import Parameters, what_if
from projections.differences import Difference
from projections.feed import Freshness
from projections.moment import Moment

Opened = TypeVar("Opened", SqliteEventLog, SqliteViews, SqliteHistoryPages)


class Bank:
    """A log opened with all that belongs to it. Use as a context manager; leaving it writes what is derived.

    write: take the writer's lock, make what is missing. say: told, once, what a person has to know.
    Raises UserError, LogBusy, LogUnusable, LogDamaged, VaultError, ViewsUnusable.
    """

    def __init__(self, settings: Settings, *, write: bool, say: Say = nothing, begin: bool = True) -> None:
        """begin: give a log the rules of triggers that it does not have, and the built-in policy if it has none."""
        self.path = settings.log_file
        self._stack = ExitStack()
        self._owner: Owner | None = None
        self._say = say
        self.views: SqliteViews
        try:
            if self.path.is_dir():
                raise UserError("a folder, not a log", str(self.path), f"name a file: {self.path}/guanxi.db")
            if write:
                with self._plainly():
                    self._open_writer(settings, begin=begin)
            else:
                self._open_reader()
        except BaseException:
            self._stack.close()
            raise

    # ------------------------------------------------------------------------------------------ taking records

    def ingest(self, paths: Sequence[str], progress: Progress = nothing) -> Counts:
        """Take the records of files in their order ("-": standard input). What is taken stays taken, come what may.

        A file that was left in the middle (a crash, Ctrl-C) goes on behind what was taken, provided it still begins with
        the same bytes. Raises UserError for a file that cannot be read, before anything is taken.
        """
        total = size_of(paths)
        done = 0
        for path in paths:
            with ExitStack() as stack, self._plainly():
                stream = sys.stdin.buffer if path == "-" else stack.enter_context(open(path, "rb"))
                done = self._take_all(path, batches(stream, self._mark(path)), done, total, progress)
        return self.counts

    def ingest_lines(
        self, name: str, lines: Iterable[bytes], total: int | None = None, progress: Progress = nothing
    ) -> Counts:
        """Take records made by a program, one a line without newline, under a name that stands for a file's."""
        with self._plainly():
            self._take_all(name, batches_of(lines), 0, total, progress)
        return self.counts

    def unpark(self, customer_id: str) -> Counts:
        """Let a parked customer go on; in the log when this returns -> what became of the records that waited.

        Raises CommandUnfit, CannotPark.
        """
        before = asdict(self.counts)
        with self._plainly():
            self._owned().take(Unpark(customer_id))
        after = asdict(self.counts)
        return Counts(**{name: after[name] - before[name] for name in after})

    def erase(self, customer_id: str, event_id: str, occurred_at: str, reason: str | None = None) -> None:
        """Erase a customer; in the log when this returns, and the key destroyed. One who is erased stays as it is.

        event_id, occurred_at: of the request; reason: in clear. Raises CommandUnfit, CannotPark, VaultError.
        """
        with self._plainly():
            self._owned().take(Erase(customer_id, event_id, occurred_at, reason))

    def manage(self, record: dict[str, Any]) -> list[TriggerMoved]:
        """Take what a manager does about a trigger (``processors.trigger_life``); in the log when this returns -> steps.

        Raises CommandUnfit, CannotPark.
        """
        work = Manage(sealed(record, self._vault))
        with self._plainly():
            self._owned().take(work)
        return work.done

    def redrive(self, reason: str) -> list[Redriven]:
        """Take what was refused for a reason again; in the log when this returns -> what came of each.

        Raises CommandUnfit, CannotPark.
        """
        work = Redrive(reason)
        with self._plainly():
            self._owned().take(work)
        return work.results

    def redrive_dry(self, reason: str) -> list[Redriven]:
        """What ``redrive`` would do, judged on a state folded from the log; nothing is written. For a bank opened to read.

        Raises CommandUnfit, CannotPark.
        """
        self._vault = self._open_vault()
        self._stack.callback(self._vault.close)
        return judged(
            Redrive(reason, keep=False), lambda faults: folded_intake(self._log, IdIndex(None), self._vault, faults)
        )

    def _mark(self, name: str) -> Mark:
        return self._log.head().marks.get((f"file:{name}", 0), Mark(0, "", 0))

    def _take_all(self, name: str, found: Iterable[Batch], done: int, total: int | None, progress: Progress) -> int:
        owner = self._owned()
        origin = Origin((f"file:{name}", 0), file=name)
        for batch in found:
            if batch.first < self._log.head().inputs.get(origin.input, 0):
                owner.keeper.intake.finish(origin.input)  # another stream under a known name
            owner.take(Lines(origin, batch.first, batch.data, batch.mark))
            done += len(batch.data)
            if owner.keeper.due:
                owner.keeper.checkpoint()
            counts = owner.keeper.intake.counts
            progress(done, total, counts.taken + counts.duplicate + counts.refused + counts.parked)
        owner.keeper.intake.finish(origin.input)
        return done

    @property
    def counts(self) -> Counts:
        """What became of the records taken since the bank was opened."""
        return self._owned().keeper.intake.counts

    @contextmanager
    def _plainly(self) -> Iterator[None]:
        """Tell what happened to the files beside the log as a person needs it."""
        try:
            yield
        except (sqlite3.Error, IdIndexError) as error:
            do = "check disk space and permissions, then run the same command again"
            if isinstance(error, IdIndexError) or is_damage(error):
                do = (
                    f"delete {self._beside('ids')}, {self._beside('snapshot')} and {self._beside('history')}, which are "
                    "made anew, "
                    "and run the same command again; what was taken is in the log"
                )
            raise FoundWrong(f"{error} in a file beside the log", str(self.path), do) from error

    def _owned(self) -> Owner:
        if self._owner is None:
            raise RuntimeError("the bank was opened for reading")
        return self._owner

    # ------------------------------------------------------------------------------------------ looking

    @property
    def freshness(self) -> Freshness:
        """How fresh the views are."""
        return self.views.freshness

    def status(self) -> Status:
        """Where the log stands and what is derived from it."""
        basis = self.views.basis()
        head = self._log.head()
        return Status(
            log=str(self.path),
            blocks=head.block,
            lines=head.lines,
            stored_bytes=self._log.stored_bytes(),
            customers=sum(count for _, _, count in self.views.levels()),
            first_month=iso_month(basis.first_month) if basis.first_month else None,
            closed_through=iso(basis.closed_through) if basis.closed_through else None,
            policies=[policy.version for policy in basis.policies],
            views_block=basis.block,
            snapshot_block=SqliteSnapshots(self._beside("snapshot")).block(),
            history_block=self._pages.standing()[0],
            being_written=is_locked(self.path),
        )

    def lines_of(self, customer_id: str, until_block: int | None = None) -> Iterator[tuple[int, int, Line]]:
        """(block, number of the line in the whole log, line) of everything about a customer, in log order.

        until_block: the last block that is looked at, None for all there are. Raises LogDamaged.
        """
        if until_block is not None and until_block > self._log.head().block:
            self._log.refresh()  # the views were read later
        history = self._history if self._owner is None else self._owner.keeper.history
        return history.lines_of(customer_id, until_block)

    def lines_sealed_for(self, customer_id: str) -> Iterator[tuple[int, int, Line]]:
        """As ``lines_of``, and with them the refusals whose original is under the customer's key. Raises LogDamaged."""
        history = self._history if self._owner is None else self._owner.keeper.history
        return history.sealed_for(customer_id)

    def is_key_destroyed(self, customer_id: str) -> bool:
        """Whether the customer's key was destroyed. Raises VaultError."""
        return is_destroyed(self._beside("vault"), customer_id)

    @property
    def log_name(self) -> str:
        """The log's own name."""
        return self._log.name

    def recorded_at(self, customer_id: str, block: int) -> str:  # noqa: ARG002 - there is one shard
        """Commit clock of a block, ISO, UTC. Raises LogDamaged, KeyError."""
        return self._log.block(block).at

    def what_if(self, triggers: Parameters | None = None) -> Iterator[TriggerMoved]:
        """What triggers the log would have raised, see ``processors.what_if``; nothing is written. Raises LogDamaged."""
        return what_if(self._log.blocks(), triggers)

    def customer_at(self, customer_id: str, at: Moment) -> Customer:
        """A customer at a moment, folded from its lines with nothing forgotten: every day is still in it.

        Raises LogDamaged.
        """
        basis = at.known.basis
        lines = (line for _, _, line in self.lines_of(customer_id, basis.block))
        return folded(customer_id, lines, Policies(basis.policies), basis.first_month)

    def rebuild(self, *, check: bool, progress: Blocks = nothing) -> Iterator[Difference]:
        """Every projection anew from the log. check: tell each difference from the live ones and change nothing.

        Without check the new ones take the place of the live ones; no difference is told.
        """
        if check:
            # Beside the log, where there is room for it; an auditor may not write there.
            where = self.path.parent if os.access(self.path.parent, os.W_OK) else None
            with tempfile.TemporaryDirectory(dir=where, prefix=f"{self.path.name}-check-") as folder:
                rebuilt = SqliteViews(Path(folder) / "views", write=True)
                try:
                    rebuild(self._log, rebuilt, progress, until=self.views.freshness.block)
                    yield from self.views.differences(rebuilt)
                finally:
                    rebuilt.close()
            return
        with self._plainly():
            self._swap_views(progress)

    def _swap_views(self, progress: Blocks) -> None:
        if self._owner is not None:
            self._owner.keeper.checkpoint()
        self.views.close()
        beside = SqliteViews.beside(self._beside("views"))
        try:
            rebuild(self._log, beside, progress)
            beside.swap()
        except BaseException:
            beside.discard()
            raise
        finally:
            self.views = SqliteViews(self._beside("views"), write=self._owner is not None)
            if self._owner is not None:
                self._owner.keeper.views = self.views

    # ------------------------------------------------------------------------------------------ opening

    def _beside(self, suffix: str) -> str:
        return f"{self.path}-{suffix}"

    def _open_reader(self) -> None:
        self._log = self._closing(SqliteEventLog(str(self.path)))
        views = self._beside("views")
        if not Path(views).exists() or not self._fit(views):
            self._catch_up()
        self.views = self._closing(SqliteViews(views))
        self._pages = self._closing(SqliteHistoryPages(self._beside("history")))
        self._history = History(self._log, self._pages)

    def _fit(self, views: str) -> bool:
        """Whether views are whole, of this log and stand at its end."""
        if is_cut(views):
            return False
        try:
            with SqliteViews(views) as found:
                basis, stale = found.basis(), found.stale
        except (ViewsUnusable, *UNREADABLE) as error:
            if not is_damage(error):
                raise
            return False
        if basis.block > self._log.head().block:  # perhaps a writer went on between the two looks
            self._log = self._closing(SqliteEventLog(str(self.path)))
        return not stale and basis.shard_id in ("", self._log.shard.hex()) and basis.block == self._log.head().block

    def _catch_up(self) -> None:
        """Bring the views to the end of the log, unless another process is writing and will."""
        try:
            with Bank(Settings(log=f"sqlite:///{self.path}"), write=True, say=self._say, begin=False):
                pass
        except LogBusy:
            if not Path(self._beside("views")).exists():
                raise

    def _open_writer(self, settings: Settings, *, begin: bool) -> None:
        policy = policy_file.load(settings.policy)[0] if settings.policy else None
        if not self.path.parent.is_dir():
            raise UserError("no such folder", str(self.path.parent), "make it first, or give another --log")
        self._stack.enter_context(uncollected())
        self._log = self._closing(SqliteEventLog(str(self.path), write=True))
        self._vault = self._open_vault()
        owner = Owner(self._recovered)
        if policy is not None or begin:
            try:
                owner.keeper.activate(policy)
            except PolicyRefused as error:
                raise UserError(str(error), str(settings.policy)) from error
        self._owner = owner
        self._stack.callback(self._vault.close)

    def _recovered(self, faults: Faults) -> Keeper:
        """A keeper made anew; what is derived is made anew with it where it does not fit the log."""
        try:
            keeper = self._open_keeper(faults)
            keeper.recover()
        except (DerivedAhead, IdIndexError, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.DatabaseError) and not is_damage(error):
                raise
            if isinstance(error, DerivedAhead):
                self._say(
                    f"{self.path}: {error}; if the log was restored from an earlier copy or lost its end, take in again "
                    "what came since; what is derived is made anew"
                )
            self._discard_derived()
            keeper = self._open_keeper(faults)
            keeper.recover()
        return keeper

    def _open_vault(self) -> Vault:
        path, key_file = self._beside("vault"), Path(self._beside("master.key"))
        master, made = master_key(os.environ, key_file, vault_has_keys=has_keys(path))
        if made:
            self._say(
                f"{key_file}: a new master key; keep a copy of it in a safe place: "
                "without it the personal data in this log cannot be read by anyone"
            )
        return Vault(path, master)

    def _open_keeper(self, faults: Faults) -> Keeper:
        self._close_derived()
        self.views = self._open_views()
        for suffix in ("ids", "snapshot", "history"):
            if is_cut(self._beside(suffix)):
                delete(self._beside(suffix))
        self._ids = IdIndex(self._beside("ids"))
        self._pages = SqliteHistoryPages(self._beside("history"))
        snapshots = SqliteSnapshots(self._beside("snapshot"))
        return Keeper(self._log, self._ids, self._vault, snapshots, self.views, now, self._pages, faults)

    def _open_views(self) -> SqliteViews:
        path = self._beside("views")
        if is_cut(path):
            delete(path)
        try:
            views = SqliteViews(path, write=True)
            if not views.stale and views.basis().shard_id in ("", self._log.shard.hex()):
                return views
            views.close()
        except (ViewsUnusable, *UNREADABLE) as error:
            if not is_damage(error):
                raise
        delete(path)
        return SqliteViews(path, write=True)

    def _close_derived(self) -> None:
        for opened in ("views", "_ids", "_pages"):
            if hasattr(self, opened):
                getattr(self, opened).close()

    def _discard_derived(self) -> None:
        self._close_derived()
        for suffix in ("views", "ids", "snapshot", "history"):
            delete(self._beside(suffix))

    def _closing(self, thing: Opened) -> Opened:
        self._stack.callback(thing.close)
        return thing

    def __enter__(self) -> "Bank":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._owner is not None and kind is None:
                with self._plainly():
                    self._owner.keeper.checkpoint()
        finally:
            if self._owner is not None:
                self._close_derived()
            self._stack.close()
