"""What a process that writes a log on PostgreSQL keeps of it: two connections, the keys, and a folder of derived files.

The folder is `DIR/0`, `DIR/1`, …: the first that no other process on this machine holds. In it stand for shard N: `N-ids`,
`N-snapshot`, `N-history`; derived, may be deleted. `DIR/master.key` is the key under which the customers' keys are wrapped,
unless GUANXI_KEY holds it: to be kept, and the same on every machine that writes the log.
"""

import fcntl
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from aggregates.policy import PolicyRefused
from guanxi import policy_file
from guanxi.derived import UNREADABLE, delete, is_cut, is_damage
from guanxi.errors import FoundWrong, UserError
from guanxi.reports import Say, nothing, now
from guanxi.settings import Settings
from infra.history_pages import SqliteHistoryPages
from infra.ids import IdIndex, IdIndexError
from infra.master_key import MASTER_VARIABLE, VaultError, master_key
from infra.postgres_commands import PostgresCommands
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import Identity, create_log, identity_of, shards_of
from infra.postgres_session import Session, address_of
from infra.postgres_together import Together
from infra.postgres_vault import PostgresVault, has_keys
from infra.postgres_views import PostgresViews
from infra.sqlite_snapshots import SqliteSnapshots
from processors.faults import Faults
from processors.handover import Handover
from processors.keeper import DerivedAhead, Keeper
from processors.ports import ViewsUnusable

MOST_SLOTS: Final = 1_000
_SUFFIXES: Final = ("ids", "snapshot", "history")


def make_log(url: str, shards: int, *, say: Say = nothing) -> None:
    """Make the log if there is none, as many shards as its topics have partitions; one that is there stays as it is.

    Raises LogUnusable, also where this user may not make one.
    """
    if shards_of(url) is None:
        create_log(url, shards=shards)
        say(f"{address_of(url).shown}: a new log of {shards} shards")


def data_folder(identity: Identity, environ: Mapping[str, str]) -> Path:
    """Where the processes of a user keep what is derived from a log, if nothing else is said."""
    base = environ.get("XDG_DATA_HOME")
    where = Path(base) if base else Path.home() / ".local" / "share"
    return where / "guanxi" / "worker" / f"{identity.name}-{identity.incarnation}"


class Shards:
    """The shards of a log that this process writes. See the module.

    settings: log and policy; data: the folder DIR; say: told, once, what a person has to know; together: blocks of all
    shards are written in one transaction, and durable when the log of one is settled; ``handover`` gets them then. For one
    thread, but for making.
    Not carried across a fork. Raises UserError, LogUnusable, VaultError.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        data: Path | None = None,
        say: Say = nothing,
        environ: Mapping[str, str] = os.environ,
        together: bool = False,
    ) -> None:
        self.url, self._say = settings.log, say
        self._policy_file = settings.policy
        self._policy = policy_file.load(settings.policy)[0] if settings.policy else None
        self.address = address_of(self.url)
        self._stack = ExitStack()
        self._open: dict[int, ExitStack] = {}
        self.session = Session(self.address)
        self._stack.callback(self.session.close)
        self._views_session = Session(self.address)  # what takes long there keeps no block waiting for its turn
        self._stack.callback(self._views_session.close)
        try:
            self.identity = identity_of(self.session, self.address.shown)
            folder = data or data_folder(self.identity, environ)
            self.folder = self._slot(folder)
            self._master = self._master_key(folder, environ)
            self.handover = Handover(self.count)
            self._together = Together(self.session, self.handover) if together else None
        except BaseException:
            self._stack.close()
            raise
        self.commands = PostgresCommands(self.session)

    @property
    def count(self) -> int:
        """How many shards the log has."""
        return self.identity.shards

    def open(self, number: int, faults: Faults | None = None) -> Keeper:
        """A shard with its state at the end of its log; what this process had of it before is let go of, unwritten.

        Another process may have the shard too, or get it: then appending raises LostShard. Derived files that do not fit
        are made anew. faults: what is known to fail, kept by an ``Owner``. Raises what log, vault and views raise, UserError
        for a policy that the log refuses, FoundWrong for a folder that cannot be used, and OurFault.
        """
        self.drop(number)
        try:
            return self._opened(number, faults)
        except (DerivedAhead, IdIndexError, ViewsUnusable, *UNREADABLE) as error:
            if not isinstance(error, DerivedAhead | IdIndexError) and not is_damage(error):
                if isinstance(error, ViewsUnusable):
                    raise
                raise self._of_folder(number, error) from error
            if isinstance(error, DerivedAhead):
                self._say(
                    f"{self.address.shown}, shard {number}: {error}; if the log was restored from an earlier copy or lost "
                    "its end, publish again what came since; what is derived is made anew"
                )
        for suffix in _SUFFIXES:
            delete(self._file(number, suffix))
        try:
            return self._opened(number, faults)
        except (IdIndexError, *UNREADABLE) as error:
            raise self._of_folder(number, error) from error

    def _opened(self, number: int, faults: Faults | None) -> Keeper:
        with ExitStack() as stack:
            log = PostgresEventLog(self.url, number, write=True, session=self.session, together=self._together)
            stack.callback(log.close)
            vault = PostgresVault(
                self.session, log.path, number, self._master, shards=self.count, together=self._together
            )
            stack.callback(vault.close)
            for suffix in _SUFFIXES:
                if is_cut(self._file(number, suffix)):
                    delete(self._file(number, suffix))
            ids = IdIndex(self._file(number, "ids"))
            stack.callback(ids.close)
            pages = SqliteHistoryPages(self._file(number, "history"))
            stack.callback(pages.close)
            views = self._views(number, log)
            snapshots = SqliteSnapshots(self._file(number, "snapshot"))
            keeper = Keeper(log, ids, vault, snapshots, views, now, pages, faults)
            keeper.recover()
            try:
                keeper.activate(self._policy)
            except PolicyRefused as error:
                raise UserError(str(error), str(self._policy_file)) from error
            log.settle()
            self._open[number] = stack.pop_all()
            self.handover.opened(number)
            return keeper

    def _views(self, number: int, log: PostgresEventLog) -> PostgresViews:
        """The rows of a shard's projections; told anew from the log where another version or another log made them."""
        views = PostgresViews(self._views_session, number)
        if views.stands > log.head().block:
            log.refresh()  # another process wrote, and told, since the end of the log was looked at
        if views.stale or views.basis().shard_id not in ("", log.shard.hex()) or views.stands > log.head().block:
            views.forget()
        return views

    def drop(self, number: int) -> None:
        """Let go of a shard; what was not written by a checkpoint is made again from the log."""
        self.handover.dropped(number)
        if stack := self._open.pop(number, None):
            stack.close()

    def close(self) -> None:
        """Let go of all shards, the folder and the connection."""
        for number in list(self._open):
            self.drop(number)
        self._stack.close()

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------ the folder

    def _file(self, number: int, suffix: str) -> str:
        return str(self.folder / f"{number}-{suffix}")

    def _of_folder(self, number: int, error: Exception) -> FoundWrong:
        do = "check its space and permissions; what is in it is derived from the log and may be deleted"
        return FoundWrong(f"{error} in a file of shard {number}", str(self.folder), do)

    def _slot(self, folder: Path) -> Path:
        """The first numbered folder that no other process holds, held by this one until it ends."""
        for number in range(MOST_SLOTS):
            slot = folder / str(number)
            try:
                slot.mkdir(parents=True, exist_ok=True, mode=0o700)
                lock = os.open(slot / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise UserError(
                    f"cannot be used ({error.strerror})", str(slot), "check its permissions, or give another --data"
                ) from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(lock)
                continue
            self._stack.callback(os.close, lock)
            return slot
        raise UserError(f"all {MOST_SLOTS} places are taken by other processes", str(folder), "give another --data")

    def _master_key(self, folder: Path, environ: Mapping[str, str]) -> bytes:
        file, has = folder / "master.key", has_keys(self.session)
        if has and MASTER_VARIABLE not in environ and not file.exists():
            raise VaultError(
                f"{file} is missing, but the vault of {self.address.shown} holds keys made under it: on every machine that "
                f"writes this log set {MASTER_VARIABLE} to what the file holds where it was made, or copy the file; a new "
                "key could not read the stored personal data, so none is made"
            )
        master, made = master_key(environ, file, vault_has_keys=has)
        if made:
            self._say(
                f"{file}: a new master key; keep a copy of it in a safe place: without it the personal data in this log "
                f"cannot be read by anyone; other machines that write this log need it in {MASTER_VARIABLE}"
            )
        return master
