"""Taking records again that the log holds sealed: those of a parked customer as it is unparked."""

from collections.abc import Iterable
from typing import Protocol

from aggregates.shard import Shard
from aggregates.specials import judge_special
from events.decisions import CustomerUnparked, Decision
from processors.faults import CommandUnfit
from processors.parked import Place, Waiting, open_original
from processors.ports import Input, Seal

PARKED: Input = ("parked", 0)
"""Where parked records come from when they are judged: their position is their line of the log."""


class Judge(Protocol):
    """What is needed of the intake."""

    shard: Shard
    vault: Seal

    def waiting(self, customer_id: str) -> list[Waiting]:
        """The parked records of a customer in order."""

    def decide(self, decision: Decision, customer_id: str) -> None:
        """Put a decision, already evolved, into the block."""

    def again(self, source: Input, lines: Iterable[tuple[int, Place, bytes]]) -> None:
        """Judge records of the log anew, in order, into the block that is being made."""


def unpark(judge: Judge, customer_id: str) -> int:
    """Let a customer go on: what waited is judged in order as if it came now -> how many records.

    Nothing is committed. What our code still fails on is parked again, and what comes behind it. Raises CommandUnfit,
    OurFault.
    """
    shard = judge.shard
    if customer_id not in shard.parked:
        raise CommandUnfit(f"{customer_id}: this customer is not parked; guanxi parked lists those who are")
    waiting = judge.waiting(customer_id)
    asked = [each for each in shard.asked if each.customer_id == customer_id] if shard.closed_through else []
    unparked = CustomerUnparked(customer_id=customer_id, records=len(waiting))
    shard.evolve(unparked)
    judge.decide(unparked, customer_id)
    for each in asked:
        for decision in judge_special(shard, customer_id, each.level, each.value_date, each.cause):
            judge.decide(decision, customer_id)
    judge.again(PARKED, ((each.log_line, place_of(each), open_original(each.parked, judge.vault)) for each in waiting))
    return len(waiting)


def place_of(waiting: Waiting) -> Place:
    """Where a parked record came from."""
    found = waiting.parked
    return Place(found.topic, found.partition, found.offset, found.file, found.line)
