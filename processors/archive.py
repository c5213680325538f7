"""Looking back into the log: one line by its position, the original of a reversal, an account's whole history.

Rare on the way in, so the log itself answers; the blocks looked at last are kept.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import chain

from xxhash import xxh3_64_intdigest

from aggregates.customer import Customer
from aggregates.shard import Shard
from events.fields import CustomerRecord
from processors.history import History
from processors.past import folded
from processors.ports import EventLog, IdIndex
from processors.stored import Line, decode_line

LINE_BITS = 24
BLOCKS_KEPT = 64


def key_of(source: str, event_id: str) -> int:
    """64-bit key of an event id; equal keys are compared with the log before anything is made of them."""
    return xxh3_64_intdigest(f"{source}\0{event_id}".encode())


def position_of(block: int, line: int) -> int:
    """A line's position in the log as one number."""
    return block << LINE_BITS | line


class Archive:
    """Reads lines back from the log; see the module."""

    def __init__(self, log: EventLog, history: History) -> None:
        self._log, self._history = log, history
        self._blocks: OrderedDict[int, list[bytes]] = OrderedDict()

    def raw(self, position: int) -> bytes:
        """The bytes of the line at a position. Raises KeyError, LogDamaged."""
        number, at = position >> LINE_BITS, position & ((1 << LINE_BITS) - 1)
        lines = self._blocks.get(number)
        if lines is None:
            lines = self._blocks[number] = self._log.block(number).body.split(b"\n")
            if len(self._blocks) > BLOCKS_KEPT:
                self._blocks.popitem(last=False)
        else:
            self._blocks.move_to_end(number)
        return lines[at]

    def line(self, position: int) -> Line:
        """The line at a position. Raises KeyError, LogDamaged."""
        return decode_line(self.raw(position))

    def records(self, positions: list[int], customer_id: str, source: str, event_id: str) -> Iterator[CustomerRecord]:
        """Those of the positions that hold this customer's record of this id, the one taken last first."""
        for position in sorted(positions, reverse=True):
            found = self.line(position)
            if isinstance(found, CustomerRecord) and (found.customer_id, found.source, found.event_id) == (
                customer_id,
                source,
                event_id,
            ):
                yield found

    def original(self, ids: IdIndex, customer_id: str, source: str, event_id: str) -> CustomerRecord | None:
        """The record that a reversal names: of several the one taken last."""
        return next(self.records(ids.find(key_of(source, event_id)), customer_id, source, event_id), None)

    def lines_of(self, customer_id: str) -> Iterator[Line]:
        """Every line about a customer, in log order."""
        return (line for _, _, line in self._history.lines_of(customer_id))

    def numbered(self, customer_id: str) -> Iterator[tuple[int, Line]]:
        """(line of the log, line) of every line about a customer, in log order."""
        return ((number, line) for _, number, line in self._history.lines_of(customer_id))

    def history(self, customer_id: str, shard: Shard, ahead: Iterable[Line] = ()) -> Customer:
        """The customer folded anew without closed months: every day of every account is kept. ahead: not in the log yet."""
        here = (line for line in ahead if getattr(line, "customer_id", None) == customer_id)
        return folded(customer_id, chain(self.lines_of(customer_id), here), shard.policies, shard.first_month)
