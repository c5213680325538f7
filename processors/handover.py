"""Blocks handed from who writes them to the relay of the same process, which need not read them back from the log.

A block is handed over before it is written: the relay may send what follows from it while the log waits for its disk, in a
transaction that it ends only when the block is there. What is never written was then never published either. Whatever is
not handed over, the relay finds in the log: this saves time, and nothing depends on it.

``opened``, ``dropped``, ``coming`` and ``written`` are called by the thread that writes, the others in the relay's loop.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple

MOST_BYTES: Final = 4 << 20
"""So much waits for a relay at most; what does not fit it reads from the log."""


class Handed(NamedTuple):
    """A block as it is stored. shard: the 16 bytes that name it."""

    shard: bytes
    number: int
    stored: bytes


class Handover:
    """See the module. shards: of the log; who writes them all hands over, else others have to be listened for anyway."""

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._open: set[int] = set()
        self._told = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forget()

    def _forget(self) -> None:
        self._ready: list[Handed] = []
        self._coming: Sequence[Handed] = ()
        self._fate: asyncio.Future[None] | None = None
        self.failed = False
        """Whether something that was taken did not come into the log, or nobody knows; till ``join``."""
        self._some = asyncio.Event()

    # ------------------------------------------------------------------------------------------ who writes

    @property
    def whole(self) -> bool:
        """Whether this process writes every shard of the log; any thread may ask."""
        return len(self._open) == self._shards

    def opened(self, number: int) -> None:
        """This process writes a shard from now on."""
        self._open.add(number)

    def dropped(self, number: int) -> None:
        """It does not any more."""
        self._open.discard(number)

    def coming(self, blocks: Sequence[Handed]) -> None:
        """These are about to be written, each the next of its shard; ``written`` follows, whatever happens."""
        self._told = self._loop is not None and self.whole
        if self._told:
            self._call(self._has_come, blocks)

    def written(self, there: Collection[bytes]) -> None:
        """Of the shards of what was coming, those whose block is in the log for good; of the others it is not known."""
        if self._told:
            self._call(self._was_written, there)

    def _call(self, hear: Callable[[Any], None], what: object) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(hear, what)

    # ------------------------------------------------------------------------------------------ the relay

    def join(self) -> None:
        """Have blocks handed over to the loop that runs, from now on."""
        self._forget()
        self._loop = asyncio.get_running_loop()

    def leave(self) -> None:
        """Have no more handed over."""
        self._loop = None
        self._forget()

    def _has_come(self, blocks: Sequence[Handed]) -> None:
        self._coming = blocks
        self._some.set()

    def _was_written(self, there: Collection[bytes]) -> None:
        coming, self._coming = self._coming, ()
        fate, self._fate = self._fate, None
        if fate is not None:
            self.failed = self.failed or not all(block.shard in there for block in coming)
            fate.set_result(None)
            return
        self._ready += [block for block in coming if block.shard in there]
        if sum(len(block.stored) for block in self._ready) > MOST_BYTES:
            self._ready.clear()
        self._some.set()

    async def take(self, timeout_s: float) -> list[Handed]:
        """What was handed over since the last time, in order within a shard; nothing: the time is up.

        Some of it may not be written yet: see ``sure``. There may be gaps.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._some.wait(), timeout_s)
        self._some.clear()
        found = [*self._ready, *(self._coming if self._fate is None else ())]
        self._ready.clear()
        if self._coming and self._fate is None:
            self._fate = asyncio.get_running_loop().create_future()
        return found

    async def sure(self) -> bool:
        """Wait until it is known of everything taken so far whether it is in the log -> whether all of it is."""
        if self._fate is not None:
            await asyncio.shield(self._fate)
        return not self.failed
