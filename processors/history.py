"""One customer's lines, in log order: the one way to read them back, for the way in and for whoever asks.

What is packed comes from the history pages, sorted by customer. The blocks behind them are found by the checksum of each
line's customer (column `cust`), without decoding the others, and those read lately are kept decompressed: the tail is read
again for every customer. Two customers may share a checksum, so the real id is compared behind it. Without pages, or
with pages of another log, every block is tail: slower, and the same lines.

Who asks packs, before the answer, what has gathered behind the pages: taking records costs nothing for it, and a log of
which nobody asks histories has no pages.
"""

from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from itertools import chain
from zlib import crc32

import numpy as np
import numpy.typing as npt
from xxhash import xxh3_128

from processors.ports import Block, EventLog, FoundLine, HistoryDamaged, HistoryPages
from processors.stored import Line, decode_line

PACKED_LINES = 25_000
PACKED_BLOCKS = 256
"""Less than these many lines in less than these many blocks are left unpacked: reading them takes some milliseconds."""
RUN_LINES = 500_000
"""A run is packed in memory: so many lines take some 60 MB and a second. Who asks packs one at most, so that the pages of a
large log come by and by."""
KEPT_BYTES = 64 << 20
"""Bodies of blocks kept decompressed."""
COLUMNS_KEPT = 256

Checksums = npt.NDArray[np.uint32]


class History:
    """Reads one customer's lines, and packs them. pages: of this log or another, None for none. See the module."""

    def __init__(self, log: EventLog, pages: HistoryPages | None = None) -> None:
        self._log, self._pages = log, pages
        self._damaged = False
        self._trusted: tuple[int, str] = (0, "")
        self._columns: OrderedDict[int, Checksums] = OrderedDict()
        self._kept: OrderedDict[int, tuple[Block, list[bytes]]] = OrderedDict()
        self._kept_bytes = 0

    # ------------------------------------------------------------------------------------------ looking

    def lines_of(self, customer_id: str, until_block: int | None = None) -> Iterator[tuple[int, int, Line]]:
        """(block, number of the line in the whole log, line) of everything about a customer, in log order.

        until_block: the last block that is looked at, None for all there are. Raises LogDamaged.
        """
        for block, number, line in self._found(customer_id, until_block):
            if getattr(line, "customer_id", None) == customer_id:
                yield block, number, line

    def sealed_for(self, customer_id: str, until_block: int | None = None) -> Iterator[tuple[int, int, Line]]:
        """The lines of a customer, and of those about nobody the refusals whose original is under the customer's key."""
        for block, number, line in self._found(customer_id, until_block):
            if customer_id in (getattr(line, "customer_id", None), getattr(line, "sealed_for", None)):
                yield block, number, line

    def _found(self, customer_id: str, until_block: int | None) -> Iterator[tuple[int, int, Line]]:
        """All lines under the customer's checksum, in log order."""
        self.pack()
        checksum = crc32(customer_id.encode())
        head = self._log.head().block
        until = head if until_block is None else min(until_block, head)
        through, packed = self._packed(checksum, until)
        for block, number, line in chain(packed, self._tail(checksum, through, until)):
            yield block, number, decode_line(line)

    def _packed(self, checksum: int, until: int) -> tuple[int, list[FoundLine]]:
        if self._pages is None or self._damaged or not checksum or not self.fits():
            return 0, []
        try:
            return self._pages.lines_of(checksum, until)
        except HistoryDamaged:
            self._damaged = True
            return 0, []

    def _tail(self, checksum: int, through: int, until: int) -> Iterator[FoundLine]:
        for number in range(through + 1, until + 1):
            found = np.flatnonzero(self._column(number) == checksum).tolist()
            if found:
                block, lines = self._block(number)
                for at in found:
                    yield number, block.first + at, lines[at]

    def _column(self, number: int) -> Checksums:
        kept = self._columns.get(number)
        if kept is None:
            kept = self._columns[number] = np.frombuffer(self._log.customers(number), dtype="<u4")
            if len(self._columns) > COLUMNS_KEPT:
                self._columns.popitem(last=False)
        else:
            self._columns.move_to_end(number)
        return kept

    def _block(self, number: int) -> tuple[Block, list[bytes]]:
        kept = self._kept.get(number)
        if kept is not None:
            self._kept.move_to_end(number)
            return kept
        block = self._log.block(number)
        kept = self._kept[number] = block, block.body.split(b"\n")
        self._kept_bytes += len(block.body)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            self._kept_bytes -= len(self._kept.popitem(last=False)[1][0].body)
        return kept

    # ------------------------------------------------------------------------------------------ pages

    def fits(self) -> bool:
        """Whether the pages are of this log. They may stand beyond the end that a reader of the log knows."""
        assert self._pages is not None
        through, _, stamp = self._pages.standing()
        if through and (through, stamp) != self._trusted:
            try:
                if stamp_of(self._log, through) != stamp:
                    return False
            except KeyError:
                return False
            self._trusted = through, stamp
        return True

    def pack(self) -> None:
        """Pack a run of the blocks behind the pages if it is worth it; discard them before if they are of another log."""
        pages = self._pages
        if pages is None or not self._is_due():
            return
        with pages.alone() as alone:
            if alone and self._is_due():
                if self._damaged or not self.fits():
                    pages.discard()
                    self._damaged = False
                through, lines, _ = pages.standing()
                pages.pack(self._run(through, lines + RUN_LINES), partial(stamp_of_block, self._log.shard))

    def _is_due(self) -> bool:
        assert self._pages is not None
        through, lines, _ = (0, 0, "") if self._damaged or not self.fits() else self._pages.standing()
        head = self._log.head()
        return head.lines - lines >= PACKED_LINES or head.block - through >= PACKED_BLOCKS

    def _run(self, through: int, until_line: int) -> Iterator[Block]:
        for block in self._log.blocks(through):
            yield block
            if block.first + block.lines >= until_line:
                return


def stamp_of(log: EventLog, number: int) -> str:
    """What tells a block from every other, of this log or another: by it what is derived is known to belong here.

    Raises KeyError, LogDamaged.
    """
    return stamp_of_block(log.shard, log.block(number))


def stamp_of_block(shard: bytes, block: Block) -> str:
    """``stamp_of`` of a block at hand; shard: the 16 bytes that name it."""
    digest = xxh3_128(shard)
    for part in (f"{block.number} {block.first} {block.lines} {block.at}".encode(), block.customers, block.body):
        digest.update(part)
    return digest.hexdigest()
