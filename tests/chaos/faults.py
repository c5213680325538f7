"""What happens to a stream in a round: each fault does its harm, waits, and leaves the mending to ``Stream.heal``."""

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import psycopg

from infra.cluster import processes
from infra.cluster.postgres import as_whom
from infra.cluster.processes import Running
from tests.chaos.players import Player
from tests.chaos.stream import Stream
from tests.patience import PATIENCE_S

SESSION_S: Final = 10
"""After so long without a word a worker's partitions are given to others."""
FULL_BYTES: Final = 64 << 10
"""No file of a process whose disk is full grows beyond this."""
FILL_BYTES: Final = 256 << 10
SMALL_BYTES: Final = 2 << 30
"""A filesystem of less was made for this: it may be filled."""
TRIES: Final = 100
Fault = Callable[[Stream, random.Random], None]


def _pause(chance: random.Random, most_s: float) -> None:
    time.sleep(chance.random() * most_s)


def kill_worker(stream: Stream, chance: random.Random) -> None:
    """A worker is gone without a word; it comes again a little later."""
    worker = stream.any_worker(chance)
    worker.kill()
    _pause(chance, 3)
    worker.start()


def kill_all_workers(stream: Stream, chance: random.Random) -> None:
    """Power is cut where the workers are; the calendar is copied in one of them."""
    for worker in stream.workers:
        worker.tell(signal.SIGKILL)
    for worker in stream.workers:
        worker.kill()
        worker.start()


def hang_worker(stream: Stream, chance: random.Random) -> None:
    """A worker stands still until others have its partitions, and then goes on as if nothing had been."""
    worker = stream.any_worker(chance)
    worker.tell(signal.SIGSTOP)
    time.sleep(SESSION_S + 2 + chance.random() * 2)
    worker.tell(signal.SIGCONT)


def hiccup_worker(stream: Stream, chance: random.Random) -> None:
    """A worker stands still, but not for so long that anyone would notice."""
    worker = stream.any_worker(chance)
    worker.tell(signal.SIGSTOP)
    _pause(chance, 4)
    worker.tell(signal.SIGCONT)


def join_and_leave(stream: Stream, chance: random.Random) -> None:
    """Workers come and go every few seconds."""
    for number in range(2):
        guest = stream.new_worker(f"guest-{number}", project=chance.choice(stream.releases))
        guest.start()
        _pause(chance, 6)
        if chance.random() < 0.5:
            guest.kill()
        else:
            guest.stop()


def kill_relay(stream: Stream, chance: random.Random) -> None:
    """The relay is gone without a word."""
    stream.relay.kill()
    _pause(chance, 2)
    stream.relay.start()


def hang_relay(stream: Stream, chance: random.Random) -> None:
    """The relay stands still while a second one takes over, and then goes on as if nothing had been."""
    stream.relay.tell(signal.SIGSTOP)
    other = Player("relay-2", stream.folder, "relay", "--log", stream.log, "--kafka", stream.kafka)
    other.start()
    _pause(chance, 6)
    stream.relay.tell(signal.SIGCONT)
    _pause(chance, 3)
    other.stop()
    stream.relay.start()


def kill_broker(stream: Stream, chance: random.Random) -> None:
    """The broker is killed, and started again a little later."""
    _kill(stream, "kafka", signal.SIGKILL)
    _pause(chance, 3)
    stream.cluster.up()


def kill_database(stream: Stream, chance: random.Random) -> None:
    """The database's first process is killed; the others notice."""
    _kill(stream, "postgres", signal.SIGKILL)
    _pause(chance, 2)
    stream.cluster.up()


def crash_database(stream: Stream, chance: random.Random) -> None:
    """The database ends at once, as in a crash, and recovers from its write-ahead log."""
    _kill(stream, "postgres", signal.SIGQUIT)
    _pause(chance, 2)
    stream.cluster.up()


def cut_connections(stream: Stream, chance: random.Random) -> None:
    """Every connection to the database is cut, in the middle of whatever it does."""
    for _ in range(3):
        with _owner(stream) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        _pause(chance, 1)


def no_connections(stream: Stream, chance: random.Random) -> None:
    """A client takes all connections that the database has, those of the others too, and keeps them for a while."""
    with contextlib.ExitStack() as taken:

        def take_all() -> None:
            with contextlib.suppress(psycopg.OperationalError):
                while True:
                    taken.enter_context(psycopg.connect(stream.postgres, connect_timeout=5))

        owner = taken.enter_context(_owner(stream))
        take_all()
        owner.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'guanxi' "
            "AND backend_type = 'client backend'"
        )
        until = time.monotonic() + 3 + chance.random() * 3
        while time.monotonic() < until:
            take_all()
            time.sleep(0.01)


def full_disk(stream: Stream, chance: random.Random) -> None:
    """Tables cannot grow for a while: the database says what it says of a full disk to whoever inserts."""
    tables = [f"chaos.journal_{number}" for number in range(stream.shards)]
    with _owner(stream) as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION chaos_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
            "'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$"
        )
        for table in tables:
            connection.execute(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION chaos_full()")
        time.sleep(2 + chance.random() * 3)
        for table in tables:
            connection.execute(f"DROP TRIGGER full_disk ON {table}")


def full_log_disk(stream: Stream, chance: random.Random) -> None:
    """No room for the write-ahead log: the database's processes may write no further and give up."""
    with _owner(stream) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()
        for (pid,) in found:
            _no_room(pid, as_whom())
    time.sleep(2 + chance.random() * 2)
    stream.cluster.up()


def full_worker_disk(stream: Stream, chance: random.Random) -> None:
    """A worker cannot write the files that it derives from the log, neither while it runs nor as it ends."""
    worker = stream.any_worker(chance)
    if worker.runs:
        _no_room(worker.pid, ())
        time.sleep(2 + chance.random() * 3)
        worker.stop()
        worker.start()


def full_filesystem(stream: Stream, chance: random.Random) -> None:
    """Another program fills the disk that broker, database and workers share, and later makes room again."""
    filler = stream.folder / "filler"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(FILL_BYTES))
            file.flush()
    time.sleep(2 + chance.random() * 3)
    filler.unlink()
    stream.cluster.up()


FAULTS: Final[tuple[Fault, ...]] = (
    kill_worker, kill_all_workers, hang_worker, hiccup_worker, join_and_leave, kill_relay, hang_relay, kill_broker,
    kill_database, crash_database, cut_connections, no_connections, full_disk, full_log_disk, full_worker_disk,
)  # fmt: skip


def faults_for(folder: Path) -> tuple[Fault, ...]:
    """Those that may be done to a stream in a folder; a disk is filled only where it is a small one."""
    return (*FAULTS, full_filesystem) if shutil.disk_usage(folder).total < SMALL_BYTES else FAULTS


def _no_room(pid: int, as_whom: Sequence[str]) -> None:
    """No file of a process is written from here on behind its first bytes, as on a full disk.

    as_whom: what makes a command its owner's, who alone may say this.
    """
    asked = [*as_whom, sys.executable, "-c", _LIMITS, str(pid), str(FULL_BYTES)]
    subprocess.run(asked, capture_output=True, check=False)  # it may have ended


_LIMITS: Final = """
import resource, sys
pid, size = map(int, sys.argv[1:])
resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]))
"""


def _kill(stream: Stream, service: str, how: signal.Signals) -> None:
    running = processes.recorded(stream.folder / "cluster" / service / "pid")
    if running is not None and processes.lives(running):
        os.kill(running.pid, how)
        _gone(running)


def _gone(running: Running) -> None:
    until = time.monotonic() + PATIENCE_S
    while processes.lives(running) and time.monotonic() < until:
        time.sleep(0.02)


@contextmanager
def _owner(stream: Stream) -> Iterator[psycopg.Connection]:
    """The database's owner, who is let in when others are not. The database may be gone: then it is started."""
    for left in range(TRIES, -1, -1):
        try:
            connection = psycopg.connect(stream.postgres, autocommit=True, connect_timeout=5)
            break
        except psycopg.OperationalError:
            if not left:
                raise
            stream.cluster.up()
            time.sleep(0.5)
    with connection:
        yield connection
