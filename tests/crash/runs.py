"""A small bank taken in by processes that die, and everything that can be asked of a log, for comparing.

A process that is to die at a certain write is a fork of the test's own, a hundred times cheaper than a new one.
"""

import os
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from zlib import crc32

from aggregates import closing
from aggregates.policy import Policies
from aggregates.shard import Shard
from events.decisions import RecordRefused
from events.fields import Record
from guanxi import bank as bank_file
from guanxi import bootstrap, reading
from guanxi.bootstrap import open_bank
from guanxi.settings import Settings, log_url
from guanxi.simulator import records
from infra.history_pages import SqliteHistoryPages
from infra.ids import IdIndex
from infra.sqlite_log import LogUnusable, SqliteEventLog, _Recorder
from infra.sqlite_snapshots import SqliteSnapshots
from infra.sqlite_views import SqliteViews
from infra.vault import Vault
from processors import closing_days, history, keeper
from processors.erased import open_refused
from processors.history import History
from processors.keeper import evolve
from processors.stored import decode_lines, opened
from tests.proof.world import digest

KILLED = -signal.SIGKILL
_FREE = ("refused_at", "alerted_at", "log_line")
"""What depends on when and in which batch a record was taken."""

WRITES: dict[str, tuple[type[Any], str]] = {
    "log append": (SqliteEventLog, "append"),
    "log row, not yet committed": (_Recorder, "_insert_events"),
    "keys": (Vault, "commit"),
    "ids": (IdIndex, "flush"),
    "snapshot": (SqliteSnapshots, "save"),
    "history": (SqliteHistoryPages, "pack"),
    "history rows, not yet committed": (SqliteHistoryPages, "_put_run"),
    "views": (SqliteViews, "put"),
    "views rows, not yet committed": (SqliteViews, "_put_rows"),
}


def settings(log: Path) -> Settings:
    return Settings(log=log_url(log))


def simulated(path: Path, customers: int, days: int, seed: int) -> Path:
    """A file of the simulator with malformed lines and duplicates; the last line has no newline."""
    path.write_bytes(b"\n".join(records(customers, days, seed, malformed=True)))
    return path


def take(log: Path, file: Path, say: Callable[[str], None] = str) -> None:
    with open_bank(settings(log), write=True, say=say) as bank:
        bank.ingest([str(file)])
        for _ in range(8):  # who asks packs a run of the history
            assert list(bank.lines_of("nobody")) == []


# ---------------------------------------------------------------------------------------------- processes that die


def forked(job: Callable[[], object]) -> int:
    """Run a job in a process of its own -> its exit code, negative for a signal."""
    return ended(started(job))


def ended(child: int) -> int:
    """Wait for a process that was started -> its exit code, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def started(job: Callable[[], object]) -> int:
    """Start a job in a process of its own -> its id."""
    sys.stdout.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside threads: the child uses none of them
        child = os.fork()
    if not child:
        _end(job)
    return child


def _end(job: Callable[[], object]) -> NoReturn:
    try:
        job()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def small_steps() -> None:
    """Make this process write often: small batches, closes cut everywhere, a checkpoint every few hundred lines."""
    reading.BATCH_BYTES = 12_000
    closing_days.CUT_AFTER_LINES = 10
    closing.CUSTOMERS_A_STEP = 3
    keeper.LINES_BETWEEN = 200
    keeper.LINES_PER_CUSTOMER = 0
    history.PACKED_LINES = 100
    history.RUN_LINES = 150
    bank_file.IdIndex = partial(IdIndex, recent_ids=60)  # type: ignore[misc,assignment]


def count_writes(at: Callable[[str], None]) -> None:
    """Call `at` before and after every write of this process, with its name."""
    for name, (owner, method) in WRITES.items():
        setattr(owner, method, _counted(getattr(owner, method), name, at))


def _counted(method: Callable[..., Any], name: str, at: Callable[[str], None]) -> Callable[..., Any]:
    def counted(*args: Any, **named: Any) -> Any:
        at(f"before {name}")
        result = method(*args, **named)
        at(f"after {name}")
        return result

    return counted


class Write(NamedTuple):
    """One moment before or after a write. files: a checksum of all files as a process that is killed there leaves them."""

    name: str
    files: int


def writes_of(job: Callable[[], object], folder: Path) -> list[Write]:
    """Everything that a job writes into a folder, in order."""
    said, saying = os.pipe()

    def run() -> None:
        small_steps()
        with open(saying, "w") as file:
            count_writes(lambda name: print(_checksum(folder), name, file=file))
            job()

    child = started(run)
    os.close(saying)
    with open(said) as file:
        lines = [line.rstrip("\n").split(" ", 1) for line in file]
    assert ended(child) == 0
    return [Write(name, int(files)) for files, name in lines]


def _checksum(folder: Path) -> int:
    files = {str(path): crc32(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}
    return crc32(repr(sorted(files.items())).encode())


def kills(writes: list[Write], *kinds: str) -> Iterator[tuple[int, str]]:
    """Where to kill a process: number and name of each write (of these kinds) that leaves other files than the one before.

    Where it leaves the same files to the last byte, whoever goes on there does what was tried already.
    """
    before = None
    for number, write in enumerate(writes):
        if write.name.endswith(kinds or "") and write.files != before:
            before = write.files
            yield number, write.name


def die_at(number: int, job: Callable[[], object]) -> int:
    """Run a job in a process that is killed, as by the machine, before or after its write of that number, from 0."""

    def run() -> None:
        left = iter(range(number, -1, -1))

        def at(_: str) -> None:
            if next(left) == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        small_steps()
        count_writes(at)
        job()

    return forked(run)


@contextmanager
def fast_folder(otherwise: Path) -> Iterator[Path]:
    """A folder in memory where there is one: a killed process leaves the same there, and syncing costs nothing."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield otherwise
        return
    folder = Path(tempfile.mkdtemp(prefix="guanxi-crash-", dir=memory))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def is_finished(log: Path) -> bool:
    """Whether a file was taken to its end: the log forgot how far it was (taken again, it is judged anew)."""
    if not log.exists():
        return False
    try:
        found = SqliteEventLog(str(log))
    except LogUnusable:  # killed while it was made
        return False
    head = found.head()
    found.close()
    return head.block > 1 and not head.inputs


# ---------------------------------------------------------------------------------------------- answers


def answers(log: Path) -> dict[str, Any]:
    """Everything that can be asked of a log, and whether it holds together, without what may differ between runs."""
    found: dict[str, Any] = {}
    with open_bank(settings(log), write=False) as bank:
        views = bank.views
        found["differences"] = [str(each) for each in bank.rebuild(check=True)]
        found["freshness"] = views.freshness.closed_through
        found["tiers"] = list(views.tiers())
        found["tier_changes"] = list(views.tier_changes())
        found["rejected"] = [_compared(row) for row in views.rejected()]
        found["alerts"] = [_compared(row) for row in views.alerts()]
        found["counts"] = views.counts()
        found["lines"] = _lines_of(bank)
        for by in ("total", "category", "account"):
            found[f"aum by {by}"] = list(views.aum(by))
        for month in _months(bank):
            found[f"aum of {month}"] = list(views.aum(month=month))
    found |= from_log(log)
    return found


def _lines_of(bank: bootstrap.Bank) -> dict[str, Counter[str]]:
    """How many lines of each type about each customer; they are those that the log alone gives."""
    log = SqliteEventLog(str(bank.path))
    alone, found = History(log), {}
    for customer_id in (row["customer_id"] for row in bank.views.tiers()):
        lines = list(bank.lines_of(customer_id))
        assert lines == list(alone.lines_of(customer_id)), "history pages tell something else than the log"
        found[customer_id] = Counter(type(line).__name__ for _, _, line in lines)
    log.close()
    return found


def _months(bank: bootstrap.Bank) -> list[str]:
    closed = bank.status().closed_through
    return [closed[:7]] if closed else []


def _compared(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _FREE}


def from_log(path: Path) -> dict[str, Any]:
    """What the log alone says: its state rebuilt, how many records of each type, refusals and duplicates."""
    log = SqliteEventLog(str(path))
    try:
        shard = Shard(Policies())
        types: Counter[str] = Counter()
        refused = []
        duplicates = at = 0
        for number, block in enumerate(log.blocks(), 1):
            lines = decode_lines(block.body)
            assert (block.number, block.first, block.lines) == (number, at, len(lines)), "the log has a gap"
            at += len(lines)
            duplicates += block.duplicates
            evolve(shard, lines)
            types.update(type(line).__name__ for line in lines)
            refused += [(line.line, line.reason) for line in lines if isinstance(line, RecordRefused)]
        del types["DayClosing"]  # as many as there were places to cut
        frame, customers = digest(shard)
        return {
            "types": dict(types), "refused": refused, "duplicates": duplicates, "state": frame,
            "customers": customers, "marks": dict(log.head().marks),
        }  # fmt: skip
    finally:
        log.close()


def check_readable(path: Path) -> None:
    """Everything sealed in the log opens: its keys were durable before it."""
    log, key = SqliteEventLog(str(path)), path.with_name(f"{path.name}-master.key")
    vault = Vault(f"{path}-vault", b64decode(key.read_text()))
    opened_records = 0
    for block in log.blocks():
        for line in decode_lines(block.body):
            if isinstance(line, RecordRefused):
                assert open_refused(line, vault)
            elif isinstance(line, Record) and isinstance(line.sealed, str):
                assert opened(line, vault)
                opened_records += 1
    assert opened_records
    vault.close()
    log.close()


def check_sequences(found: dict[str, Any]) -> None:
    """Tier changes of each customer are numbered from 1 without a gap, each id once."""
    last: Counter[str] = Counter()
    for change in found["tier_changes"]:
        last[change["customer_id"]] += 1
        assert change["sequence"] == last[change["customer_id"]]
    assert len({change["id"] for change in found["tier_changes"]}) == len(found["tier_changes"])
