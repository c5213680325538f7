"""A disk that forgets: what of the files of one folder is durable, and what a power cut leaves of the rest.

The files themselves hold what programs see. Beside them stand, for each, the bytes that are durable and the writes since
its last sync; for the folder, the names that are durable and the changes since. A power cut keeps a beginning of the
changes of names, as file systems with a journal do, and of the writes of each file whatever the seed says: none, all, a
beginning, any subset, each cut in sectors.
"""

import os
import random
from collections.abc import Callable
from pathlib import Path

SECTOR_BYTES = 512
_symlink, _unlink = os.symlink, os.unlink  # as they are now: later they lead here


class File:
    """What one name stands for. written: writes (offset, data) and cuts (size, None) since the last sync."""

    def __init__(self, link_to: str | None = None) -> None:
        self.durable = b""
        self.written: list[tuple[int, bytes | None]] = []
        self.link_to = link_to
        self.watched = False
        """Its writes are told; else what was written is what differs from the durable bytes."""


Change = list[tuple[str, File | None]]
"""Names and what each stands for from now on (None: nothing): at once or not at all."""


class Disk:
    """The files of a folder. Every method is told what has just happened to the real files, by name in the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._names: dict[str, File] = {}
        self._durable_names: dict[str, File] = {}
        self._changes: list[Change] = []

    def holds(self, name: str) -> bool:
        """Whether there is a file or link of that name."""
        return name in self._names

    def _change(self, *change: tuple[str, File | None]) -> None:
        self._changes.append(list(change))
        _applied(self._names, [list(change)])

    def file(self, name: str, watched: bool = False) -> File:
        """The file of a name, new if there is none."""
        found = self._names.get(name)
        if found is None:
            found = File()
            self._change((name, found))
        if watched and not found.watched:
            found.watched = True
            real = self.folder / name
            now = real.read_bytes() if real.exists() else b""
            if now != found.durable:
                found.written = [(0, now), (len(now), None)]
        return found

    def write(self, name: str, offset: int, data: bytes) -> None:
        """Bytes were written."""
        if name in self._names:  # else deleted while it is open
            self._names[name].written.append((offset, data))

    def truncate(self, name: str, size: int) -> None:
        """A file was cut."""
        if name in self._names:
            self._names[name].written.append((size, None))

    def sync(self, name: str) -> None:
        """A file was synced."""
        file = self._names.get(name)
        if file is not None:
            file.durable = _after(file.durable, file.written) if file.watched else (self.folder / name).read_bytes()
            file.written = []

    def sync_names(self) -> None:
        """The folder was synced."""
        _applied(self._durable_names, self._changes)
        self._changes = []

    def remove(self, name: str) -> None:
        """A name is gone."""
        self._change((name, None))

    def link(self, name: str, other: str) -> None:
        """A second name for a file."""
        self._change((other, self._names[name]))

    def symlink(self, name: str, to: str) -> None:
        """A symbolic link was made."""
        self._change((name, File(to)))

    def rename(self, name: str, other: str) -> None:
        """A file or link took another name, whatever had it before."""
        self._change((other, self._names[name]), (name, None))

    def replace(self, name: str, content: bytes | None) -> None:
        """Put another file in the place of one, or none: durable at once."""
        real = self.folder / name
        if os.path.lexists(real):
            _unlink(real)
        found = File() if content is not None else None
        if found is not None and content is not None:
            real.write_bytes(content)
            found.durable, found.watched = content, True
        self._change((name, found))
        self.sync_names()

    def cut(self, rng: random.Random) -> None:
        """The power goes: put the real files into a state that may be found after it."""
        keep = rng.choice([0, len(self._changes), rng.randint(0, len(self._changes))])
        names = dict(self._durable_names)
        _applied(names, self._changes[:keep])
        contents = {}
        for file in dict.fromkeys([*names.values(), *self._names.values()]):
            if file.link_to is None:
                contents[id(file)] = self._left_of(file, rng)
        for name in self._names:
            _unlink(self.folder / name)
        for name, file in names.items():
            real = self.folder / name
            if file.link_to is not None:
                _symlink(file.link_to, real)
                continue
            file.durable, file.written = contents[id(file)], []
            real.write_bytes(file.durable)
        self._names, self._durable_names, self._changes = dict(names), names, []

    def _left_of(self, file: File, rng: random.Random) -> bytes:
        written = file.written
        if not file.watched:
            name = next((name for name, each in self._names.items() if each is file), None)
            now = (self.folder / name).read_bytes() if name else file.durable
            written = [] if now == file.durable else [(0, now), (len(now), None)]
        if not written:
            return file.durable
        return _after(file.durable, _HOWS[rng.randrange(len(_HOWS))](written, rng))


Written = list[tuple[int, bytes | None]]


def _none(_written: Written, _rng: random.Random) -> Written:
    return []


def _all(written: Written, _rng: random.Random) -> Written:
    return written


def _beginning(written: Written, rng: random.Random) -> Written:
    """So many writes, and part of the next."""
    count = rng.randrange(len(written))
    offset, data = written[count]
    return [*written[:count], *([] if data is None else [(offset, data[: rng.randint(0, len(data))])])]


def _any(written: Written, rng: random.Random) -> Written:
    return [each for each in written if rng.random() < 0.5]


def _sectors(written: Written, rng: random.Random) -> Written:
    """Each sector of each write by itself."""
    share = rng.choice([0.1, 0.5, 0.9])
    found: Written = []
    for offset, data in written:
        if data is None:
            if rng.random() < share:
                found.append((offset, data))
            continue
        at = 0
        while at < len(data):
            end = min(len(data), at + SECTOR_BYTES - (offset + at) % SECTOR_BYTES)
            if rng.random() < share:
                found.append((offset + at, data[at:end]))
            at = end
    return found


_HOWS: list[Callable[[Written, random.Random], Written]] = [_none, _all, _beginning, _any, _sectors, _sectors]


def _after(content: bytes, written: Written) -> bytes:
    """Bytes after writes."""
    if not written:
        return content
    new = bytearray(content)
    for offset, data in written:
        end = offset if data is None else offset + len(data)
        if end > len(new):
            new.extend(bytes(end - len(new)))
        if data is None:
            del new[offset:]
        else:
            new[offset:end] = data
    return bytes(new)


def _applied(names: dict[str, File], changes: list[Change]) -> None:
    for change in changes:
        for name, file in change:
            if file is None:
                names.pop(name, None)
            else:
                names[name] = file
