"""The machine that the system runs on, in this process: its disk, its clock, its chance, and what goes wrong with them.

Everything under one folder is in its hand: what SQLite writes by way of the VFS, and the files that the system makes
itself by way of the calls of ``os``. A run of the program begins with ``start`` and ends with ``stop``; a fault may end
it at any call, by ``Died``, which nothing catches. After that nothing more reaches the files.
"""

import errno
import os
import random
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zlib import crc32

from tests.simulation import vfs
from tests.simulation.disk import Disk
from tests.simulation.faults import DEADLY, LASTING, Fault

_KEPT_CALLS = 60
_CODES = {"sync": vfs.IOERR_FSYNC, "delete": vfs.IOERR_DELETE, "truncate": vfs.IOERR_TRUNCATE, "make": vfs.CANTOPEN}


class Died(BaseException):
    """The process ended here."""


class Machine:
    """See the module. folder: with nothing in it. draw: what goes wrong in the next run, if anything."""

    def __init__(self, folder: Path, rng: random.Random, draw: Callable[[dict[str, int]], Fault | None]) -> None:
        self.folder = folder
        self.disk = Disk(folder)
        self.dead = self.told = False
        self.injected: Counter[str] = Counter()
        self.fired: Counter[str] = Counter()
        self.calls = 0
        self.seen: dict[str, int] = {}
        self.latest: deque[str] = deque(maxlen=_KEPT_CALLS)
        self.digest = 0
        self._shown = False
        self._rng, self._chance = random.Random(rng.random()), random.Random(rng.random())
        self._draw = draw
        self._waiting: Fault | None = None
        self._lasting: Fault | None = None
        self._room_bytes = 0
        self._cut = False
        self._clock = datetime(2030, 1, 1, tzinfo=UTC)

    # ------------------------------------------------------------------------------------------ runs of the program

    @property
    def spoiled(self) -> bool:
        """Whether something was or is wrong that the program may tell of."""
        return self.told or self._lasting is not None

    def start(self) -> None:
        """The program is started."""
        self.dead = self.told = self._cut = False
        if self._waiting is None:
            self._waiting = self._draw(self.seen)
            if self._waiting is not None:
                self.injected[self._waiting.kind] += 1

    def stop(self) -> None:
        """The program has ended, and nothing of it is left open."""
        if self._cut:
            self._note("the power goes")
            self.disk.cut(self._rng)
        self.dead = self._cut = False
        if self._lasting is not None:
            self._lasting.runs -= 1
            if not self._lasting.runs:
                self._lasting = None

    def cut_at_rest(self) -> None:
        """The power goes while the program does not run."""
        self.fired["power cut at rest"] += 1
        self._note("the power goes, at rest")
        self.disk.cut(self._rng)

    def repair(self) -> None:
        """Nothing goes wrong any more."""
        self._waiting = self._lasting = None
        self._draw = lambda _: None

    def now(self) -> str:
        """The commit clock: it stands still, goes on, or jumps, forward and back."""
        days = self._chance.choice([0, 0, 0, 0, 0, 0, 1, -1, self._chance.randint(-4000, 4000)])
        if days:
            self.fired["clock jumps"] += 1
        self._clock += timedelta(days=days, milliseconds=self._chance.randint(0, 5000))
        if not 1990 < self._clock.year < 2090:
            self._clock = datetime(2030, 1, 1, tzinfo=UTC)
        return self._clock.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def random(self, count: int) -> bytes:
        """Random bytes, for keys and ids."""
        return self._chance.randbytes(count)

    # ------------------------------------------------------------------------------------------ calls

    def name_of(self, path: str) -> str | None:
        """The name in the folder; None for what is not directly in it."""
        head, name = os.path.split(os.path.abspath(path))
        return name if head == str(self.folder) else None

    def show(self) -> None:
        """From now on print every call and fault."""
        self._shown = True

    def _note(self, what: str) -> None:
        if self._shown:
            print(what)
        self.latest.append(what)
        self.digest = crc32(what.encode(), self.digest)

    def call(self, call: str, name: str, grows_bytes: int = 0, size: int = 0) -> tuple[str, int]:
        """Something is asked of the disk -> "" or what goes wrong with it, and how many of so many bytes are written."""
        if self.dead:
            return "dead", 0
        self.calls += 1
        self.seen[name] = self.seen.get(name, 0) + 1
        self._note(f"{call} {name} {size}" if size else f"{call} {name}")
        fault = self._waiting
        if fault is not None and fault.hits(call, name):
            self._waiting = None
            return self._happen(fault, size)
        return self._last(call, grows_bytes, size)

    def _happen(self, fault: Fault, size: int) -> tuple[str, int]:
        self.fired[fault.kind] += 1
        self._note(f"  {fault.kind}{'' if fault.kind not in DEADLY else ' before it' if fault.before else ' after it'}")
        part = self._rng.randint(0, size)
        if fault.kind in DEADLY:
            self.dead, self._cut = True, fault.kind != "killed"
            if fault.kind == "torn write":
                return "dead", part
            return ("dead", 0) if fault.before else ("dead after it", size)
        self.told = True
        if fault.kind in LASTING:
            self._lasting, self._room_bytes = fault, fault.room_bytes
            if fault.kind == "disk full":
                return "", size  # from the next write on
        return fault.kind, part if fault.kind == "write fails half way" else 0

    def _last(self, call: str, grows_bytes: int, size: int) -> tuple[str, int]:
        if self._lasting is None:
            return "", size
        if self._lasting.kind == "all writes fail":
            return self._lasting.kind, 0
        if call == "write" and grows_bytes > self._room_bytes:
            part = size - grows_bytes + self._room_bytes
            self._room_bytes = 0
            return "disk full", max(0, min(size, part))
        self._room_bytes -= grows_bytes
        return "", size

    # ------------------------------------------------------------------------------------------ SQLite's

    def watches(self, path: str) -> bool:
        """See ``vfs.Owner``, as all of these."""
        return self.name_of(path) is not None

    def _name(self, path: str) -> str:
        name = self.name_of(path)
        assert name is not None
        return name

    def opening(self, path: str) -> int:
        """Opened, perhaps made."""
        name = self._name(path)
        if self.disk.holds(name):
            if self.dead:
                return vfs.CANTOPEN
        elif wrong := self.call("make", name)[0]:
            return vfs.CANTOPEN if wrong else vfs.OK
        self.disk.file(name, watched=True)
        return vfs.OK

    def writing(self, path: str, offset: int, data: bytes) -> tuple[int, int]:
        """Bytes are written, or some of them, or none."""
        name = self._name(path)
        size = os.stat(path).st_size
        wrong, kept = self.call("write", name, max(0, offset + len(data) - size), len(data))
        if kept:
            self.disk.write(name, offset, data[:kept])
        return (vfs.OK if not wrong else vfs.FULL if wrong == "disk full" else vfs.IOERR_WRITE), kept

    def truncating(self, path: str, size: int) -> int:
        """Cut."""
        return self._plainly("truncate", self._name(path), lambda name: self.disk.truncate(name, size))

    def syncing(self, path: str, folder_too: bool) -> int:
        """Made durable."""

        def sync(name: str) -> None:
            self.disk.sync(name)
            if folder_too:
                self.disk.sync_names()

        return self._plainly("sync", self._name(path), sync)

    def deleting(self, path: str, folder_too: bool) -> int:
        """Deleted."""

        def delete(name: str) -> None:
            self.disk.remove(name)
            if folder_too:
                self.disk.sync_names()

        return self._plainly("delete", self._name(path), delete)

    def _plainly(self, call: str, name: str, done: Callable[[str], None]) -> int:
        wrong, _ = self.call(call, name)
        if not wrong or wrong == "dead after it":
            done(name)
        return vfs.OK if not wrong or wrong == "dead after it" else _CODES[call]

    # ------------------------------------------------------------------------------------------ Python's

    def ask(self, call: str, name: str, size: int = 0) -> int:
        """As ``call``, for a call of ``os`` -> bytes to be written. Raises OSError or Died; see ``settle``."""
        wrong, kept = self.call(call, name, size, size)
        if wrong == "dead":
            if kept:
                return kept
            raise Died
        if wrong and wrong != "dead after it":
            code = errno.ENOSPC if wrong == "disk full" else errno.EIO
            raise OSError(code, os.strerror(code), name)
        return kept

    def settle(self) -> None:
        """After a call of ``os`` was carried out: the process may have ended with it."""
        if self.dead:
            raise Died
