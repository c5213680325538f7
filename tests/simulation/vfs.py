"""Under SQLite itself: a VFS over the system's own that asks somebody else what becomes of each write, sync and delete.

It is registered, as the default, in the very library that Python's ``sqlite3`` uses. A file is opened by the system's
VFS and keeps its state there; only its table of methods is exchanged for one in which write, sync, truncate and close
are ours, so that reading and locking stay as they are and cost nothing. Nothing is really synced: what is durable is
what the owner says.
"""

import _sqlite3
import ctypes
import os
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, c_char_p, c_int, c_int64, c_void_p
from typing import Any, Protocol

OK, IOERR, FULL, CANTOPEN = 0, 10, 13, 14
IOERR_WRITE, IOERR_FSYNC, IOERR_TRUNCATE, IOERR_DELETE = (IOERR | code << 8 for code in (3, 4, 6, 10))
_CREATE, _JOURNALS = 0x4, 0x800 | 0x4000 | 0x80000

_OPEN = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
_DELETE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_RANDOMNESS = CFUNCTYPE(c_int, c_void_p, c_int, c_void_p)
_CLOSE = CFUNCTYPE(c_int, c_void_p)
_WRITE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_TRUNCATE = CFUNCTYPE(c_int, c_void_p, c_int64)
_SYNC = CFUNCTYPE(c_int, c_void_p, c_int)


class _Vfs(Structure):
    _fields_ = (
        ("version", c_int),
        ("file_bytes", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        *(
            (name, c_void_p)
            for name in (
                "open", "delete", "access", "full_path", "dl_open", "dl_error", "dl_symbol", "dl_close", "randomness",
                "sleep", "time", "last_error", "time_64", "set_call", "get_call", "next_call",
            )
        ),
    )  # fmt: skip


class _Methods(Structure):
    _fields_ = (
        ("version", c_int),
        *(
            (name, c_void_p)
            for name in (
                "close", "read", "write", "truncate", "sync", "size", "lock", "unlock", "reserved", "control",
                "sector", "traits", "shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch",
            )
        ),
    )  # fmt: skip


_METHOD_BYTES = {1: 104, 2: 136, 3: ctypes.sizeof(_Methods)}
"""Of the table of methods, by its version."""


class Owner(Protocol):
    """Who decides. Codes are those of SQLite, ``OK`` for done; nothing may be raised."""

    def watches(self, path: str) -> bool:
        """Whether a file is under the owner's hand at all."""

    def opening(self, path: str) -> int:
        """A file is opened, and made if it is missing."""

    def writing(self, path: str, offset: int, data: bytes) -> tuple[int, int]:
        """-> (code, how many of the bytes get into the file)."""

    def truncating(self, path: str, size: int) -> int:
        """A file is cut or grown."""

    def syncing(self, path: str, folder_too: bool) -> int:
        """A file is to be durable; folder_too: its name as well."""

    def deleting(self, path: str, folder_too: bool) -> int:
        """A file is deleted."""

    def random(self, count: int) -> bytes:
        """So many bytes."""


class NotReachable(Exception):
    """This Python's SQLite does not let a VFS be registered."""


def library() -> Any:
    """The SQLite of this Python. Raises NotReachable."""
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))  # also finds what it is linked to
    try:
        library.sqlite3_vfs_find.restype = c_void_p
        library.sqlite3_vfs_find.argtypes = [c_char_p]
        library.sqlite3_vfs_register.argtypes = [c_void_p, c_int]
        library.sqlite3_vfs_unregister.argtypes = [c_void_p]
        library.sqlite3_randomness.argtypes = [c_int, c_void_p]
        library.sqlite3_initialize()
    except AttributeError as error:
        raise NotReachable(f"SQLite cannot be reached under this Python: {error}") from None
    return library


class _Open:
    """A watched file that is open."""

    def __init__(self, path: str, methods: int, folder_at_sync: bool) -> None:
        self.path, self.methods, self.folder_at_sync = path, methods, folder_at_sync


class WatchedVfs:
    """See the module. One at a time; ``close`` makes the system's own the default again."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._library = library()
        base = self._library.sqlite3_vfs_find(None)
        self._base = _Vfs.from_address(base)
        self.open_files: dict[int, _Open] = {}
        self.broken: BaseException | None = None
        self._tables: dict[int, _Methods] = {}
        self._base_open = _OPEN(self._base.open)
        self._base_delete = _DELETE(self._base.delete)
        self._ours: list[Any] = []
        self._vfs = _Vfs()
        ctypes.memmove(ctypes.byref(self._vfs), base, ctypes.sizeof(_Vfs))
        self._vfs.next, self._vfs.name = None, b"guanxi-simulation"
        self._vfs.open = self._address(_OPEN, self._open, CANTOPEN)
        self._vfs.delete = self._address(_DELETE, self._delete, IOERR_DELETE)
        self._vfs.randomness = self._address(_RANDOMNESS, self._randomness, 0)
        self._methods = {
            "close": self._address(_CLOSE, self._close, IOERR),
            "write": self._address(_WRITE, self._write, IOERR_WRITE),
            "truncate": self._address(_TRUNCATE, self._truncate, IOERR_TRUNCATE),
            "sync": self._address(_SYNC, self._sync, IOERR_FSYNC),
        }
        if self._library.sqlite3_vfs_register(ctypes.byref(self._vfs), 1):
            raise NotReachable("SQLite takes no VFS")

    def close(self) -> None:
        """Take it out again."""
        self._library.sqlite3_vfs_unregister(ctypes.byref(self._vfs))
        self.draw_anew()

    def draw_anew(self) -> None:
        """Have SQLite begin its random numbers again, from ours."""
        self._library.sqlite3_randomness(0, None)

    def _address(self, form: Any, function: Callable[..., int], failed: int) -> int:
        """A function for C. What it raises is kept in `broken` and told by who asked SQLite."""

        def called(*args: Any) -> int:
            try:
                return function(*args)
            except BaseException as error:  # nothing can be raised through C
                self.broken = self.broken or error
                return failed

        kept = form(called)
        self._ours.append(kept)
        return int(ctypes.cast(kept, c_void_p).value or 0)

    # ------------------------------------------------------------------------------------------ of the VFS

    def _open(self, vfs: int, name: int, file: int, flags: int, told: Any) -> int:
        path = os.fsdecode(ctypes.string_at(name)) if name else ""
        if not path or not self._owner.watches(path):
            return int(self._base_open(vfs, name, file, flags, told))
        code = self._owner.opening(path)
        if code == OK:
            code = self._base_open(vfs, name, file, flags, told)
        if code != OK:
            c_void_p.from_address(file).value = None  # else SQLite would close it
            return code
        methods = c_void_p.from_address(file).value or 0
        if methods not in self._tables:
            table = _Methods()
            size = _METHOD_BYTES[min(_Methods.from_address(methods).version, 3)]
            ctypes.memmove(ctypes.byref(table), methods, size)
            for each, address in self._methods.items():
                setattr(table, each, address)
            self._tables[methods] = table
        c_void_p.from_address(file).value = ctypes.addressof(self._tables[methods])
        journal = bool(flags & _CREATE and flags & _JOURNALS)  # SQLite syncs the folder with their first sync
        self.open_files[file] = _Open(path, methods, journal)
        return OK

    def _delete(self, vfs: int, name: int, folder_too: int) -> int:
        path = os.fsdecode(ctypes.string_at(name))
        if self._owner.watches(path) and os.path.lexists(path):
            code = self._owner.deleting(path, bool(folder_too))
            if code != OK:
                return code
        return int(self._base_delete(vfs, name, 0))

    def _randomness(self, _: int, count: int, into: int) -> int:
        ctypes.memmove(into, self._owner.random(count), count)
        return count

    # ------------------------------------------------------------------------------------------ of a file

    def _close(self, file: int) -> int:
        found = self.open_files.pop(file)
        c_void_p.from_address(file).value = found.methods
        return int(_CLOSE(_Methods.from_address(found.methods).close)(file))

    def _write(self, file: int, data: int, count: int, offset: int) -> int:
        found = self.open_files[file]
        code, kept = self._owner.writing(found.path, offset, ctypes.string_at(data, count))
        if kept:
            really = _WRITE(_Methods.from_address(found.methods).write)(file, data, kept, offset)
            code = code or really
        return code

    def _truncate(self, file: int, size: int) -> int:
        found = self.open_files[file]
        code = self._owner.truncating(found.path, size)
        return code or int(_TRUNCATE(_Methods.from_address(found.methods).truncate)(file, size))

    def _sync(self, file: int, _: int) -> int:
        found = self.open_files[file]
        code = self._owner.syncing(found.path, found.folder_at_sync)
        if code == OK:
            found.folder_at_sync = False
        return code
