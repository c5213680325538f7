"""Taking refused records of a reason again, from their originals that the log holds sealed: after an account was opened, say.

A refusal is redriven at most once with success: the line RecordRedriven behind what came of it says so. One that is refused
again is told, and can be redriven again.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec

from aggregates.policy import Policies
from aggregates.shard import Shard
from events import codec
from events.calendar import BusinessDayClosed
from events.catalog import TOPIC_OF, type_name
from events.decisions import RecordRedriven, RecordRefused
from events.refusals import REASONS, Refusal
from processors.erased import open_refused
from processors.faults import CannotPark, CommandUnfit, Faults, OurFault
from processors.intake import Intake
from processors.keeper import add_ids, evolve
from processors.parked import Place
from processors.ports import EventLog, Head, IdIndex, Input, Seal
from processors.stored import decode_line, decode_lines

REFUSED: Input = ("refused", 0)
"""Where refused records come from when they are judged again: their position is their line of the log."""
PART = 20_000
"""So many are judged together in one block."""
_ABOUT_REFUSALS = b'{"type":"record_re'
_NEVER = {
    "key_mismatch": "publish these again under their customer's key: the log does not hold what is right",
    "customer_erased": "these are refused for good",
    "too_large": "only the beginning of these was kept; publish them again, smaller",
}


_ERASED = Refusal("customer_erased", "the original cannot be read any more: publish it again", "customer_id")


class Refused(NamedTuple):
    """A refusal that may be redriven, and its line of the log."""

    log_line: int
    refused: RecordRefused


class Redriven(msgspec.Struct, frozen=True):
    """What came of one. refused: why it was refused again; outcome: `taken`, `duplicate`, `parked` or `refused`."""

    log_line: int
    source: str | None
    event_id: str | None
    place: Place
    refused: Refusal | None
    outcome: str


class Redrive(msgspec.Struct):
    """Redrives what was refused for a reason (``owner.Work``). results: what came of each, in log order.

    command: input and position of the command that asks for it, if any; keep: False to judge without writing.
    """

    reason: str
    command: tuple[Input, int] | None = None
    keep: bool = True
    results: list[Redriven] = []
    done: int = -1
    """The last line of the log that was judged again."""

    def take(self, intake: Intake) -> None:
        """See Work. Raises CommandUnfit for a reason there is not, or that cannot be redriven."""
        if self.reason not in REASONS:
            raise CommandUnfit(f"{self.reason}: no reason for a refusal; guanxi rejected shows those there are")
        if self.reason in _NEVER:
            raise CommandUnfit(f"{self.reason}: {_NEVER[self.reason]}")
        found = (each for each in refused_for(intake.log, self.reason) if each.log_line > self.done)
        ahead = list(islice(found, PART))
        while True:
            part, ahead = ahead, list(islice(found, PART))
            self._judge(intake, part, None if ahead else self.command)
            if not ahead:
                return

    def _judge(self, intake: Intake, part: list[Refused], command: tuple[Input, int] | None) -> None:
        results: list[Redriven] = []
        erased = intake.shard.erased
        gone = [each.refused.sealed_for in erased or not each.refused.original for each in part]
        lines = [
            (each.log_line, _place(each.refused), b"" if lost else open_refused(each.refused, intake.vault))
            for each, lost in zip(part, gone, strict=True)
        ]
        barred = [_ERASED if lost else _barred(line, place) for (_, place, line), lost in zip(lines, gone, strict=True)]

        counts = intake.counts
        before = [counts.duplicate, counts.parked]

        def told(at: int, refusal: Refusal | None) -> None:
            log_line, place, _ = lines[at]
            refused, now = part[at].refused, [counts.duplicate, counts.parked]
            outcome = "refused" if refusal else ("duplicate", "parked", "taken")[_first_moved(before, now)]
            before[:] = now
            results.append(Redriven(log_line, refused.source, refused.event_id, place, refusal, outcome))
            again = None if refusal is None else refusal.reason
            field = None if refusal is None else refusal.field
            intake.decide(RecordRedriven(log_line=log_line, refused=again, field=field), "")

        intake.redrive(REFUSED, lines, barred, told, command, keep=self.keep)
        self.results += results
        self.done = part[-1].log_line if part else self.done

    def left(self, head: Head) -> "Redrive | None":
        """See Work."""
        if self.command is not None and head.inputs.get(self.command[0], 0) >= self.command[1]:
            return None
        return self

    def halves(self) -> None:
        """See Work."""


def refused_for(log: EventLog, reason: str) -> Iterator[Refused]:
    """What was refused for a reason and not redriven with success, in log order. Raises LogDamaged."""
    found: dict[int, RecordRefused] = {}
    for block in log.blocks():
        if _ABOUT_REFUSALS not in block.body:
            continue
        for at, text in enumerate(block.body.split(b"\n")):
            if text.startswith(_ABOUT_REFUSALS):
                line = decode_line(text)
                if isinstance(line, RecordRedriven) and line.refused is None:
                    found.pop(line.log_line, None)
                elif isinstance(line, RecordRefused) and line.reason == reason:
                    found[block.first + at] = line
    return (Refused(*each) for each in found.items())


def _first_moved(before: list[int], now: list[int]) -> int:
    return next((at for at, (was, is_) in enumerate(zip(before, now, strict=True)) if was != is_), len(now))


def _place(refused: RecordRefused) -> Place:
    return Place(refused.topic, refused.partition, refused.offset, refused.file, refused.line)


def _barred(line: bytes, place: Place) -> Refusal | None:
    """Why a record cannot be taken by this way whatever it says: what is checked of a topic ahead of the intake."""
    record = codec.decode(line)
    if isinstance(record, Refusal):
        return None
    name = type_name(type(record))
    who = {"source": record.source, "event_id": record.event_id}
    if isinstance(record, BusinessDayClosed):
        return Refusal("unknown_type", "a close of a day is published again, not redriven", "type", **who)
    if place.file is None and TOPIC_OF[name] != place.topic:
        return Refusal("unknown_type", f"{name} belongs on {TOPIC_OF[name]}", "type", **who)
    return None


def judged(work: Redrive, folded: Callable[[Faults], Intake]) -> list[Redriven]:
    """What would come of a redrive, judged on a state made for it alone. Raises CommandUnfit, CannotPark."""
    faults = Faults()
    while True:
        try:
            dry = msgspec.structs.replace(work, results=[])
            dry.take(folded(faults))
        except OurFault as fault:
            if not fault.found:
                raise CannotPark(f"{fault}; install a mended version") from fault
        else:
            return dry.results


def folded_intake(log: EventLog, ids: IdIndex, vault: Seal, faults: Faults) -> Intake:
    """An intake on a state folded from the log; as long as nothing is committed it changes nothing. ids: an empty index."""
    shard = Shard(Policies())
    for block in log.blocks():
        lines = decode_lines(block.body)
        evolve(shard, lines)
        add_ids(ids, block.number, lines)
    return Intake(log, shard, ids, vault, lambda _: None, lambda: "", faults=faults)
