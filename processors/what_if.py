"""What triggers a log would have raised had today's rules been active from its start, or under other parameters.

The log's records and all that was decided of balances and tiers are folded again as they stand; only triggers are judged
anew, each record behind what was decided from it and each day ahead of its close. Nothing is written.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from aggregates.policy import Policies
from aggregates.postings import cause_of
from aggregates.shard import Shard
from aggregates.triggers import catalog
from aggregates.triggers.ending import withdraw_all
from aggregates.triggers.judging import claimed, contacted, judge_close, judge_noted, judge_record
from aggregates.triggers.sifting import sifted
from events.customers import ErasureRequested
from events.decisions import DayClosed, DayClosing, Decision, PolicyActivated, TriggerMoved, TriggersActivated
from events.fields import CustomerRecord
from events.interactions import ManagerContact, TriggerClaimed
from processors.ports import Block
from processors.stored import Line, decode_lines

Parameters = Mapping[str, dict[str, Any]]
"""Of `[triggers]`, as ``Policy.triggers`` keeps them."""


def what_if(blocks: Iterable[Block], triggers: Parameters | None = None) -> Iterator[TriggerMoved]:
    """The steps of triggers in the order in which they would have come. triggers: parameters instead of every version's own."""
    folding = _Folding(triggers)
    for block in blocks:
        for line in decode_lines(block.body):
            yield from folding.add(line)
    yield from folding.judge_waiting()


class _Folding:
    """See the module."""

    def __init__(self, triggers: Parameters | None) -> None:
        self._triggers = triggers
        self._shard = Shard(Policies())
        self._waiting: CustomerRecord | None = None
        """The record taken last: judged once everything that was decided from it is folded, too."""
        self._decided: list[Decision] = []

    def add(self, line: Line) -> Iterator[TriggerMoved]:
        """Fold a line; what it, or the record before it, would have raised."""
        shard = self._shard
        match line:
            case TriggerMoved() | TriggersActivated() | DayClosing():
                return
            case PolicyActivated():
                shard.evolve(self._under(line))
                if not shard.triggers:
                    shard.evolve(TriggersActivated(codes=tuple(rule.code for rule in catalog.RULES)))
            case DayClosed():
                yield from self.judge_waiting()
                yield from self._close()
                shard.evolve(line)
            case CustomerRecord():
                yield from self.judge_waiting()
                shard.evolve(line)
                self._waiting = line
            case Decision():
                shard.evolve(line)
                self._decided.append(line)
            case _:  # a close, the only record about no customer
                yield from self.judge_waiting()
                shard.evolve(line)

    def judge_waiting(self) -> Iterator[TriggerMoved]:
        """What the last record would have made true at once."""
        record, made = self._waiting, self._decided
        self._waiting, self._decided = None, []
        if record is None:
            return
        customer = self._shard.customers.ensure(record.customer_id)
        if isinstance(record, TriggerClaimed):
            yield from _steps(claimed(self._shard, customer, record.trigger_id, record.manager_id, cause_of(record)))
        elif isinstance(record, ManagerContact) and isinstance(record.trigger_id, str):
            outcome = record.outcome if isinstance(record.outcome, str) else None
            yield from _steps(
                contacted(self._shard, customer, record.trigger_id, record.manager_id, outcome, cause_of(record))
            )
        elif isinstance(record, ErasureRequested):
            yield from _steps(withdraw_all(self._shard, record.customer_id, cause_of(record)))
        yield from _steps(judge_record(self._shard, record, made))

    def _close(self) -> Iterator[TriggerMoved]:
        """The close of the day that is due, as ``aggregates.closing`` judges it."""
        shard = self._shard
        day, everyone = shard.closing, shard.customers
        if not shard.closed_through:
            for noted in list(shard.noted.values()):
                if noted.customer_id not in shard.parked:
                    yield from _steps(judge_noted(shard, everyone.ensure(noted.customer_id), noted, day))
        for customer_id, asked in sifted(shard, day).looked.items():
            if customer_id not in shard.parked:
                yield from _steps(judge_close(shard, everyone.ensure(customer_id), day, asked))

    def _under(self, line: PolicyActivated) -> PolicyActivated:
        """A policy version with the parameters that are asked about."""
        if self._triggers is None:
            return line
        return msgspec.structs.replace(line, policy=line.policy | {"triggers": self._triggers})


def _steps(decisions: Iterable[Decision]) -> Iterator[TriggerMoved]:
    return (each for each in decisions if isinstance(each, TriggerMoved))
