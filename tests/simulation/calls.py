"""The system's own calls to the machine, led to the simulated one: files, chance, clock, and connections to SQLite."""

import gc
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch
from weakref import WeakSet

from guanxi import bank
from tests.simulation.machine import Died, Machine
from tests.simulation.vfs import WatchedVfs

_close, _fdopen, _fsync, _open = os.close, os.fdopen, os.fsync, os.open
_link, _pwrite, _replace, _symlink = os.link, os.pwrite, os.replace, os.symlink
_truncate, _unlink = os.ftruncate, os.unlink
_FOLDER = "."


class Calls:
    """What the system calls while a machine is under it. checkpoint_pages: after which SQLite empties its log."""

    def __init__(self, machine: Machine, checkpoint_pages: int) -> None:
        self.machine = machine
        self._checkpoint_pages = checkpoint_pages
        self._vfs = WatchedVfs(machine)
        self._files: dict[int, str] = {}
        self._connections: WeakSet[sqlite3.Connection] = WeakSet()
        self._connect: Callable[..., sqlite3.Connection] = sqlite3.connect

    @contextmanager
    def led(self) -> Iterator[None]:
        """Inside, the system calls the machine."""
        with ExitStack() as stack:
            stack.callback(self._vfs.close)
            self._vfs.draw_anew()
            for name in (
                "open",
                "close",
                "fsync",
                "fdopen",
                "link",
                "unlink",
                "replace",
                "symlink",
                "pwrite",
                "ftruncate",
            ):
                stack.enter_context(patch.object(os, name, getattr(self, f"_{name}")))
            stack.enter_context(patch.object(os, "remove", self._unlink))
            stack.enter_context(patch.object(os, "rename", self._replace))
            stack.enter_context(patch.object(os, "urandom", self.machine.random))
            stack.enter_context(patch.object(uuid, "uuid4", self._uuid))
            stack.enter_context(patch.object(bank, "now", self.machine.now))
            stack.enter_context(patch.object(sqlite3, "connect", self._connected))
            yield

    def check(self) -> None:
        """After a call of SQLite. Raises Died if the process ended in it."""
        if self._vfs.broken is not None:
            raise self._vfs.broken
        if self.machine.dead:
            raise Died

    def end_process(self) -> None:
        """The operating system closes what the program left open; not a byte is written."""
        self.machine.dead = True
        for connection in list(self._connections):
            connection.close()
        for file in list(self._files):
            _close(file)
        self._files.clear()
        if self._vfs.open_files:
            gc.collect()
        assert not self._vfs.open_files, "the simulation lost hold of open files"
        assert self._vfs.broken is None, self._vfs.broken

    # ------------------------------------------------------------------------------------------ SQLite

    def _connected(self, *args: Any, **named: Any) -> sqlite3.Connection:
        if self.machine.dead:
            raise Died
        try:
            connection = self._connect(*args, **named, factory=partial(_Connection, self))
        except sqlite3.Error:
            self.check()
            raise
        self._connections.add(connection)
        self.check()
        connection.execute(f"PRAGMA wal_autocheckpoint={self._checkpoint_pages}")
        return connection

    # ------------------------------------------------------------------------------------------ files

    def _watched(self, path: Any) -> str | None:
        return None if isinstance(path, int) else self.machine.name_of(os.fspath(path))

    def _open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        name = None if dir_fd is not None else self._watched(path)
        if name is None:
            file = _open(path, flags, mode, dir_fd=dir_fd)
            if dir_fd is None and os.path.abspath(path) == str(self.machine.folder):
                self._files[file] = _FOLDER
            return file
        made = bool(flags & os.O_CREAT) and not os.path.exists(path)
        if made:
            self.machine.ask("make", name)
        elif self.machine.dead:
            raise Died
        file = _open(path, flags, mode)
        self._files[file] = name
        if made:
            self.machine.disk.file(name)
            self.machine.settle()
        return file

    def _close(self, file: int) -> None:
        self._files.pop(file, None)
        _close(file)

    def _fsync(self, file: int) -> None:
        name = self._files.get(file)
        if name is None:
            _fsync(file)
            return
        self.machine.ask("sync", name)
        if name == _FOLDER:
            self.machine.disk.sync_names()
        else:
            self.machine.disk.sync(os.path.basename(os.path.realpath(self.machine.folder / name)))
        self.machine.settle()

    def _pwrite(self, file: int, data: bytes, offset: int) -> int:
        name = self._files.get(file)
        kept = len(data) if name is None else self.machine.ask("write", name, len(data))
        done = _pwrite(file, data[:kept], offset)
        if name is not None:
            self.machine.settle()
        return done

    def _ftruncate(self, file: int, size: int) -> None:
        name = self._files.get(file)
        if name is not None:
            self.machine.ask("truncate", name)
        _truncate(file, size)
        if name is not None:
            self.machine.settle()

    def _fdopen(self, file: int, *args: Any, **named: Any) -> Any:
        opened = _fdopen(file, *args, **named)
        name = self._files.pop(file, None)
        return opened if name is None else _File(opened, name, self)

    def _unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        name = None if dir_fd is not None else self._watched(path)
        self._change(name, "delete", lambda: _unlink(path, dir_fd=dir_fd), self.machine.disk.remove)

    def _link(self, path: Any, other: Any, **named: Any) -> None:
        name, second = self._watched(path), self._watched(other)
        link = partial(_link, path, other, **named)
        self._change(name, "link", link, lambda name: self.machine.disk.link(name, str(second)))

    def _replace(self, path: Any, other: Any, **named: Any) -> None:
        name, second = self._watched(path), self._watched(other)
        rename = partial(_replace, path, other, **named)
        self._change(name, "rename", rename, lambda name: self.machine.disk.rename(name, str(second)))

    def _symlink(self, path: Any, other: Any, *args: Any, **named: Any) -> None:
        symlink = partial(_symlink, path, other, *args, **named)
        self._change(
            self._watched(other), "link", symlink, lambda name: self.machine.disk.symlink(name, os.fspath(path))
        )

    def _change(self, name: str | None, call: str, done: Callable[[], None], told: Callable[[str], None]) -> None:
        """Change names: really, and on the simulated disk."""
        if name is None:
            done()
            return
        if call == "delete" and not self.machine.disk.holds(name):
            done()  # what SQLite shares between processes, or nothing
            return
        self.machine.ask(call, name)
        done()
        told(name)
        self.machine.settle()

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(bytes=self.machine.random(16), version=4)


class _File:
    """A file that the system writes."""

    def __init__(self, file: Any, name: str, calls: Calls) -> None:
        self._file, self._name, self._calls = file, name, calls

    def write(self, data: bytes) -> int:
        kept = self._calls.machine.ask("write", self._name, len(data))
        self._file.write(data[:kept])
        self._file.flush()
        self._calls.machine.settle()
        return len(data)

    def flush(self) -> None:
        self._file.flush()

    def fileno(self) -> int:
        file = self._file.fileno()
        self._calls._files[file] = self._name
        return int(file)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *_: object) -> None:
        self._calls._files.pop(self._file.fileno(), None)
        self._file.close()


class _Connection(sqlite3.Connection):
    """A connection of a program that may die in any call."""

    def __init__(self, calls: Calls, *args: Any, **named: Any) -> None:
        self._calls = calls
        super().__init__(*args, **named)

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _Cursor)

    def commit(self) -> None:
        self._checked(super().commit)

    def rollback(self) -> None:
        self._checked(super().rollback)

    def __exit__(self, *args: Any) -> Any:
        return self._checked(partial(super().__exit__, *args))

    def _checked(self, done: Callable[[], Any]) -> Any:
        try:
            found = done()
        except sqlite3.Error:
            self._calls.check()
            raise
        self._calls.check()
        return found


class _Cursor(sqlite3.Cursor):
    def execute(self, *args: Any) -> Any:
        return self._checked(partial(super().execute, *args))

    def executemany(self, *args: Any) -> Any:
        return self._checked(partial(super().executemany, *args))

    def executescript(self, *args: Any) -> Any:
        return self._checked(partial(super().executescript, *args))

    def _checked(self, done: Callable[[], Any]) -> Any:
        connection: Any = self.connection
        return connection._checked(done)
