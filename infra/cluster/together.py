"""The broker and the database of one folder: up, down, and how they are.

Up twice is harmless: what runs is left alone, what is gone is started again on the same port with its data. Any number
of processes may call at a time: a lock on the folder lets one in.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from infra.cluster import processes
from infra.cluster.kafka import Broker, address, make_topics
from infra.cluster.postgres import Database
from infra.cluster.processes import Running
from infra.cluster.topics import DEFAULT_PARTITIONS
from infra.cluster.trouble import ClusterTrouble, PortTaken

ROOM_BYTES: Final = 300 * 1024 * 1024
"""Less than this free, and nothing is started: a database that runs out of space in the middle is worse than none."""

HANGS_AFTER_S: Final = 20
"""A process that lives and does not answer for so long hangs; on a busy machine an answer may take a few seconds."""
HANGS_GRACE_S: Final = 2
"""A process that does not answer has shorter to end by itself."""

_TRIES: Final = 3
"""So many ports are tried where none was asked for: another program may take one between finding and listening."""


class Addresses(msgspec.Struct, frozen=True):
    """Where clients connect to."""

    kafka: str
    postgres: str


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How one of the two is. died: it was started and never told to stop, but it is gone or does not answer."""

    service: str
    state: Literal["running", "stopped", "died"]
    address: str | None
    pid: int | None
    log: str


class _Kept(msgspec.Struct):
    """What a folder remembers from one start to the next."""

    partitions: int
    kafka_port: int = 0
    postgres_port: int = 0


def default_folder(environ: Mapping[str, str] | None = None) -> Path:
    """Where a user's cluster keeps its data if nothing else is said."""
    base = (os.environ if environ is None else environ).get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "guanxi" / "cluster"


class LocalCluster:
    """The cluster of a folder, which is made where it is not there. gather_s: see ``Broker``."""

    def __init__(self, folder: Path, gather_s: int = 0) -> None:
        self.folder = folder.absolute()
        self._broker = Broker(self.folder / "kafka", gather_s)
        self._database = Database(self.folder / "postgres")

    def up(
        self,
        *,
        partitions: int | None = None,
        kafka_port: int | None = None,
        postgres_port: int | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> Addresses:
        """Both run and the topics are there when this returns. Raises ClusterTrouble, OSError.

        partitions: of the topics with customers in them; fixed with the first start. Ports: None for the one it had, or
        a free one. What fails leaves the other running: run again, or take down.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._alone():
            kept = self._kept(partitions)
            database = self._running(self._database, postgres_port)
            broker = self._running(self._broker, kafka_port)
            if database is None or broker is None:
                self._room()
            if database is None:
                database = _started(self._database.start, postgres_port, kept.postgres_port)
                kept.postgres_port = database.port
                self._keep(kept)
            if broker is None:
                broker = _started(lambda port: self._broker.start(port, say), kafka_port, kept.kafka_port)
                kept.kafka_port = broker.port
                self._keep(kept)
            make_topics(address(broker.port), kept.partitions)
            return Addresses(address(broker.port), self._database.url(database.port))

    def down(self) -> bool:
        """End both and return when they are gone -> whether any ran. The data stays. Raises OSError."""
        if not self.folder.is_dir():
            return False
        any_ran = False
        with self._alone():
            for service in (self._broker, self._database):
                running = processes.recorded(service.pid_file)
                if running is not None and processes.lives(running):
                    service.stop(running)
                    any_ran = True
                service.pid_file.unlink(missing_ok=True)
        return any_ran

    def status(self) -> list[ServiceStatus]:
        """How each of the two is; changes nothing and does not wait for an up that is under way."""
        return [self._status(self._broker), self._status(self._database)]

    def _status(self, service: Broker | Database) -> ServiceStatus:
        running = processes.recorded(service.pid_file)
        shown = ServiceStatus(service=service.name, state="stopped", address=None, pid=None, log=str(service.log))
        if running is None:
            return shown
        if not processes.lives(running):
            return msgspec.structs.replace(shown, state="died", pid=running.pid)
        where = address(running.port) if isinstance(service, Broker) else service.url(running.port)
        state: Literal["running", "died"] = "running" if service.answers(running) else "died"
        return msgspec.structs.replace(shown, state=state, address=where, pid=running.pid)

    def _running(self, service: Broker | Database, port: int | None) -> Running | None:
        """The process that is there and answers; one that lives and does not is ended, so that it can be started."""
        running = processes.recorded(service.pid_file)
        if running is None or not processes.lives(running):
            return None
        if port not in (None, running.port):
            raise ClusterTrouble(
                f"{service.name} runs on port {running.port}", self.folder, "take it down first to move it"
            )
        until = time.monotonic() + HANGS_AFTER_S
        while not service.answers(running):
            if not processes.lives(running):
                return None
            if time.monotonic() > until:
                service.stop(running, HANGS_GRACE_S)
                return None
            time.sleep(processes.TICK_S)
        return running

    def _kept(self, partitions: int | None) -> _Kept:
        try:
            kept = msgspec.json.decode((self.folder / "cluster.json").read_bytes(), type=_Kept)
        except FileNotFoundError:
            kept = _Kept(partitions or DEFAULT_PARTITIONS)
        except msgspec.DecodeError as error:
            raise ClusterTrouble(
                f"not readable ({error})", self.folder / "cluster.json", "begin in another folder"
            ) from None
        if partitions not in (None, kept.partitions):
            raise ClusterTrouble(
                f"its topics have {kept.partitions} partitions, not {partitions}, and that is fixed for good",
                self.folder, "begin in another folder",
            )  # fmt: skip
        return kept

    def _keep(self, kept: _Kept) -> None:
        file = self.folder / "cluster.json"
        new = file.with_suffix(".new")
        new.write_bytes(msgspec.json.encode(kept))
        new.replace(file)

    def _room(self) -> None:
        if shutil.disk_usage(self.folder).free < ROOM_BYTES:
            raise ClusterTrouble(
                f"less than {ROOM_BYTES // 1024 // 1024} MB are free",
                self.folder,
                "free some space, then run the same again",
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _started(start: Callable[[int], Running], asked: int | None, kept: int) -> Running:
    """Start on the port asked for, else on the one kept, else on one that is free. Raises PortTaken."""
    if asked is not None:
        if not processes.is_free(asked):
            raise PortTaken(asked)
        return start(asked)
    for _ in range(_TRIES):
        port = kept if kept and processes.is_free(kept) else processes.free_port()
        try:
            return start(port)
        except PortTaken:
            kept = 0
    raise PortTaken(port)
