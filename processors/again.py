"""Taking records again that the log holds sealed: those of a parked customer as it is unparked, and refused ones."""

from collections.abc import Callable, Iterable, Sequence

from aggregates.specials import judge_special
from events import codec
from events.decisions import CustomerUnparked, Decision
from events.fields import Record
from events.refusals import Refusal
from processors.batch import Batch
from processors.faults import CommandUnfit
from processors.making import Origin
from processors.parked import Place, Waiting, open_original
from processors.parking import Parking, origin_of
from processors.ports import Input

_NO_LINE = Refusal("not_json", "not one line of JSON")
ENTERED: Input = ("entered", 0)
"""Where records come from that this program makes itself."""
PARKED: Input = ("parked", 0)
"""Where parked records come from when they are judged: their position is their line of the log."""


class TakingAgain(Parking):
    """The part of the intake that judges once more. See the module."""

    _again = False
    """Whether records of the log are judged anew: all of them in one block."""
    _refusals_told = False
    """Whether a refusal is told instead of logged, and kept in `_refusal`."""
    _refusal: Refusal | None = None

    def _look_up(self, records: Sequence[Record | Refusal | None]) -> Batch:
        raise NotImplementedError

    def _take_one(
        self, origin: Origin, places: Sequence[int], at: int, line: bytes, shortest: bytes, record: Record | Refusal
    ) -> None:
        raise NotImplementedError

    def again(
        self,
        source: Input,
        lines: Iterable[tuple[int, Place, bytes]],
        told: Callable[[int, Refusal | None], None] | None = None,
        barred: Sequence[Refusal | None] = (),
    ) -> None:
        """Judge records of the log anew, in order, as if they came now, into the block that is being made.

        lines: (line of the log, where it came from first, its bytes); told: called behind each with its place among them and
        why it is refused, which then is not logged; barred: what is refused without a look. Nothing is committed. Raises
        OurFault.
        """
        found = list(lines)
        with self._ours(source, [*(number for number, _, _ in found), -1]):
            data = b"".join(line + b"\n" if b"\n" not in line else b"\n" for _, _, line in found)
            _, decoded, shortest = codec.decode_batch(data)
            records = [_NO_LINE if record is None else record for record in decoded]
            batch = self._batch = self._look_up(records)
            self._hold(Origin(source), [number for number, _, _ in found])
            self._again = True
            origins = [origin_of(place) for _, place, _ in found]
            places = [position for _, position in origins]
            for at, (_, _, line) in enumerate(found):
                self._judging = at
                self._refusal = (barred[at] if barred else None) if told else None
                self._refusals_told = told is not None
                if self._refusal is None:
                    self._take_one(origins[at][0], places, at, line, shortest[at], records[at])
                if told:
                    told(at, self._refusal)
            self._refusals_told = False
            self._again = False
            batch.reached = len(found)

    def unpark(self, customer_id: str, command: tuple[Input, int] | None = None) -> None:
        """Let a parked customer go on: what waits is judged in order as if it came now; in the log when this returns.

        What our code still fails on is parked again, and what comes behind it. command: input and position of the command that
        asks for it. Raises CommandUnfit, and what ``take`` raises.
        """
        with self._ours(PARKED, [-1, -1, -1]):
            self._unpark(customer_id)
            self._moved_by(command)
            self.commit()

    def redrive(
        self,
        source: Input,
        lines: list[tuple[int, Place, bytes]],
        barred: Sequence[Refusal | None],
        told: Callable[[int, Refusal | None], None],
        command: tuple[Input, int] | None = None,
        *,
        keep: bool = True,
    ) -> None:
        """Judge refused records anew (``again``); in the log when this returns, unless `keep` says not to write.

        command: input and position of the command that asks for it. Raises what ``take`` raises.
        """
        with self._ours(source, [-1, -1, -1]):
            self.again(source, lines, told, barred)
            if keep:
                self._moved_by(command)
                self.commit()

    def enter(self, line: bytes, place: Place, command: tuple[Input, int] | None = None) -> list[Decision]:
        """Take a record that this program makes itself; in the log when this returns -> what was decided from it.

        place: what is said of where it came from; command: input and position of the command that asks for it. Raises
        CommandUnfit where the record is refused: then nothing is in the log. And what ``take`` raises.
        """
        refused: list[Refusal] = []
        with self._ours(ENTERED, (0, 1)):
            self.again(ENTERED, [(0, place, line)], lambda _, refusal: refused.extend([refusal] if refusal else []))
            if refused:
                field = f"{refused[0].field}: " if refused[0].field else ""
                raise CommandUnfit(f"{field}{refused[0].detail} ({refused[0].reason})")
            decided = [decision for _, decision in self._decisions]
            self._moved_by(command)
            self.commit()
        return decided

    def _unpark(self, customer_id: str) -> None:
        shard = self.shard
        if customer_id not in shard.parked:
            raise CommandUnfit(f"{customer_id}: this customer is not parked; guanxi parked lists those who are")
        waiting = self.waiting(customer_id)
        asked = [each for each in shard.asked if each.customer_id == customer_id] if shard.closed_through else []
        unparked = CustomerUnparked(customer_id=customer_id, records=len(waiting))
        shard.evolve(unparked)
        self.decide(unparked, customer_id)
        self.touched.add(customer_id)
        for each in asked:
            for decision in judge_special(shard, customer_id, each.level, each.value_date, each.cause):
                self.decide(decision, customer_id)
        self.again(PARKED, ((each.log_line, _place(each), open_original(each.parked, self.vault)) for each in waiting))


def _place(waiting: Waiting) -> Place:
    found = waiting.parked
    return Place(found.topic, found.partition, found.offset, found.file, found.line)
