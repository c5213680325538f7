"""One customer's lines, in log order: the one way to read them back, for the way in and for whoever asks.

Every block names the customer of each of its lines by a checksum (column `cust`), so the lines are found without decoding
the others. Two customers may share a checksum, so the real id is compared behind it. Blocks read lately are kept
decompressed, for those behind the last pages are read again for every customer.
"""

from collections import OrderedDict
from collections.abc import Iterator
from zlib import crc32

import numpy as np
import numpy.typing as npt

from processors.ports import Block, EventLog
from processors.stored import Line, decode_line

Checksums = npt.NDArray[np.uint32]
COLUMNS_KEPT = 256
KEPT_BYTES = 64 << 20
"""Bodies of blocks kept decompressed."""


class History:
    """Reads one customer's lines. See the module."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._columns: OrderedDict[int, Checksums] = OrderedDict()
        self._kept: OrderedDict[int, tuple[Block, list[bytes]]] = OrderedDict()
        self._kept_bytes = 0

    def lines_of(self, customer_id: str, until_block: int | None = None) -> Iterator[tuple[int, int, Line]]:
        """(block, number of the line in the whole log, line) of everything about a customer, in log order.

        until_block: the last block that is looked at, None for all there are. Raises LogDamaged.
        """
        checksum = crc32(customer_id.encode())
        for number, at, line in self._raw_of(checksum, until_block):
            decoded = decode_line(line)
            if getattr(decoded, "customer_id", None) == customer_id:
                yield number, at, decoded

    def _raw_of(self, checksum: int, until_block: int | None) -> Iterator[tuple[int, int, bytes]]:
        head = self._log.head().block
        for number in range(1, (head if until_block is None else min(until_block, head)) + 1):
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
