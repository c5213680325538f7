"""How far a log was published, and what comes next: the relay's part without clock, broker or database.

Each shard has a position of its own: a block, how many of its lines are done, and the block's stamp. The position is kept
where the messages go, written together with them, so that what was published and what is known of it never differ. A
log that was restored to an earlier point no longer holds the block of that stamp: nothing is published then, until a
person says so.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from processors.handover import Handed
from processors.history import stamp_of_block
from processors.outgoing import Message, messages_of
from processors.ports import Block, NotYet

MOST_MESSAGES = 2_000
MOST_BYTES = 4 << 20
"""A batch holds little more than this, messages and blocks read for it alike, so that memory stays bounded."""
_BLOCKS_AT_A_TIME = 16


class Position(msgspec.Struct, frozen=True):
    """How far a shard was published: everything up to a line of a block.

    incarnation: of the log; lines: of that block that are done; stamp: of that block ("" before the first); id: of the
    last message, if there was one.
    """

    incarnation: str
    block: int
    lines: int
    stamp: str
    id: str | None


class Batch(msgspec.Struct):
    """Messages in log order, shard by shard, and the positions behind them."""

    messages: list[Message]
    positions: dict[int, Position]


class LogTail(Protocol):
    """All shards of one log, for reading behind what was read. For one thread at a time; raises LogUnusable, LogDamaged."""

    @property
    def name(self) -> str:
        """The log's own name."""

    @property
    def where(self) -> str:
        """The log's address for people, without a password."""

    @property
    def incarnation(self) -> str:
        """What tells this log from another of the same name."""

    @property
    def shards(self) -> Sequence[bytes]:
        """The 16 bytes that name each shard, by number."""

    def heads(self) -> list[int]:
        """The last block of each shard, 0: none."""

    def blocks(self, shard: int, after: int, most: int) -> list[Block]:
        """The next blocks of a shard, at most so many; none behind the head."""

    def hand(self, shard: int, number: int, stored: bytes) -> None:
        """Have a block at hand, behind those that are, so that ``blocks`` need not read it."""

    def wait(self, timeout_s: float) -> None:
        """Return when a block may have been written, or when the time is up."""

    def rest(self) -> None:
        """Have nobody told of new blocks until ``wait`` is called again, which then returns at once."""

    def close(self) -> None:
        """Let go of the log."""


class Output(Protocol):
    """Where messages and positions go. Raises OutputAway, Fenced, OutputUnusable.

    After an error nothing is known of the last batch: open it again, which tells the positions that stand.
    """

    async def open(self) -> dict[int, Position]:
        """Begin, shutting out whoever published this log before -> the position of each shard that has one."""

    async def put(
        self,
        messages: Sequence[Message],
        positions: Mapping[int, Position],
        sure: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        """Publish, all or nothing where there are transactions; there for good when this returns.

        sure: asked at the last moment whether to; if not, raises NotWritten, and nothing was published.
        """

    async def close(self) -> None:
        """Let go of it, at once; what was not put is not published."""


class OutputAway(NotYet):
    """Messages cannot be published now; later they can."""


class OutputUnusable(Exception):
    """Messages cannot be published before a person has done something: what, where."""


class NotWritten(Exception):
    """What was to be published did not come into the log, or nobody knows: read it again."""


class Fenced(Exception):
    """Another relay publishes this log now."""


class LogRestored(Exception):
    """What was published is not in the log, or not as it was published: who, where, what to do."""


class Reading:
    """Reads a log behind the positions of its shards. See the module. Raises what the log raises."""

    def __init__(self, log: LogTail, positions: Mapping[int, Position]) -> None:
        self._log = log
        self._positions = dict(positions)
        self._source = f"guanxi/{log.name}"
        self._heads: list[int] = []
        self._open: dict[int, Block] = {}
        """Blocks that are published in part."""

    def check(self, *, accept_restored: bool = False) -> dict[int, Position]:
        """See that the log holds what was published of it; raises LogRestored if not.

        accept_restored: have those shards published again from their first block -> their new positions, to be written.
        """
        self._heads = self._log.heads()
        unfit: dict[int, str] = {}
        for shard, position in sorted(self._positions.items()):
            if position.block:
                why = self._against(shard, position)
                if why is not None:
                    unfit[shard] = why
        if unfit and not accept_restored:
            raise LogRestored(self._told(unfit))
        new = {shard: Position(self._log.incarnation, 0, 0, "", None) for shard in unfit}
        self._positions |= new
        for shard in unfit:
            self._open.pop(shard, None)
        return new

    def _against(self, shard: int, position: Position) -> str | None:
        """What is wrong with the position of a shard; remembers a block that was published in part."""
        if shard >= len(self._heads):
            return f"the log has no shard {shard}"
        if position.incarnation != self._log.incarnation:
            return "it is another log of the same name"
        if position.block > self._heads[shard]:
            return f"it ends with block {self._heads[shard]}"
        (block,) = self._log.blocks(shard, position.block - 1, 1)
        if stamp_of_block(self._log.shards[shard], block) != position.stamp:
            return f"its block {position.block} is another one"
        if position.lines < block.lines:
            self._open[shard] = block
        return None

    def _told(self, unfit: Mapping[int, str]) -> str:
        (shard, why), *_ = unfit.items()
        last = self._positions[shard]
        more = f" (and {len(unfit) - 1} shards more)" if len(unfit) > 1 else ""
        said = f", last {last.id}" if last.id else ""
        return (
            f"{self._log.where}: the log is not the one that was published: of shard {shard} everything up to block "
            f"{last.block} was{said}, but {why}{more}; if it was restored from a copy, first take in again what it lost, then "
            "run guanxi relay --accept-restored: it publishes these shards again from the beginning, under the same ids"
        )

    def look(self) -> None:
        """See how far each shard is now."""
        self._heads = self._log.heads()

    def take(self, handed: Sequence[Handed]) -> bool:
        """Have blocks at hand that follow on the ends last seen -> whether all did; else ``look``."""
        numbers = {shard: number for number, shard in enumerate(self._log.shards)}
        for block in handed:
            shard = numbers[block.shard]
            if block.number > self._heads[shard] + 1:
                return False
            if block.number == self._heads[shard] + 1:
                self._log.hand(shard, block.number, block.stored)
                self._heads[shard] = block.number
        return True

    @property
    def at_end(self) -> bool:
        """Whether everything up to the ends last seen was read."""
        done = self._positions
        return not self._open and all(
            not head or (shard in done and done[shard].block >= head) for shard, head in enumerate(self._heads)
        )

    def read(self) -> Batch:
        """What comes next, up to the ends last seen; empty: nothing. Goes on behind it, also if it is never published."""
        batch = Batch([], {})
        left = MOST_BYTES
        for shard, head in enumerate(self._heads):
            while left > 0 and len(batch.messages) < MOST_MESSAGES:
                blocks = self._next(shard, head)
                if not blocks:
                    break
                for block in blocks:
                    left -= len(block.body)
                    left -= self._publish(shard, block, batch)
                    if shard in self._open:
                        return batch
        return batch

    def _next(self, shard: int, head: int) -> list[Block]:
        opened = self._open.pop(shard, None)
        if opened is not None:
            return [opened]
        done = self._positions[shard].block if shard in self._positions else 0
        return self._log.blocks(shard, done, min(_BLOCKS_AT_A_TIME, head - done)) if done < head else []

    def _publish(self, shard: int, block: Block, batch: Batch) -> int:
        """Put the messages of a block into a batch, as far as there is room -> bytes of them."""
        before = self._positions.get(shard)
        behind = before.lines if before is not None and before.block == block.number else 0
        lines, last, taken = block.lines, before.id if before is not None else None, 0
        for line, message in messages_of(block, self._source, behind):
            if len(batch.messages) >= MOST_MESSAGES:
                lines = line
                self._open[shard] = block
                break
            batch.messages.append(message)
            last = message.id
            taken += len(message.value)
        position = Position(
            self._log.incarnation, block.number, lines, stamp_of_block(self._log.shards[shard], block), last
        )
        self._positions[shard] = batch.positions[shard] = position
        return taken
