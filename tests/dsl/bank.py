"""A bank on one shard, without log or files: ``given(…).when(…).then(…)``.

Beside it stands a twin whose customers are all cold whenever a record comes or a day closes: it must decide the same
line for line. Everything a spec says is also rebuilt from its lines, and the state must be the same (laws of the log 4).
"""

from collections.abc import Iterable, Iterator
from typing import Any, Self

import msgspec

from aggregates import closing
from aggregates.customer import Customer, aum_sum
from aggregates.dates import day_of, iso, month_from
from aggregates.packing import pack, unpack
from aggregates.policy import Policies, Policy
from aggregates.records import take
from aggregates.shard import Shard
from aggregates.verdict import HistoryNeeded, Outcome
from events import codec
from events.calendar import BusinessDayClosed
from events.decisions import AccountDaysKept, Decision, Tier
from events.fields import CustomerRecord, Record
from events.refusals import Refusal
from events.transactions import Reversal
from processors.archive import Archive
from processors.snapshot import frame_of
from processors.stored import Line, content
from tests.dsl.expect import shown
from tests.dsl.records import UNNAMED, Through, close

Said = Record | Through


class _Told(Archive):
    """The archive of a bank that keeps its lines in a list."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def lines_of(self, customer_id: str) -> Iterator[Line]:
        return (line for line in self._lines if getattr(line, "customer_id", None) == customer_id)


class Bank:
    """See the module."""

    def __init__(self, *policies: Policy) -> None:
        self._policies = policies or (Policy(),)
        self.shard, self._cold = Shard(Policies(self._policies)), Shard(Policies(self._policies))
        self.lines: list[Line] = []
        self._named = 0
        self._when: list[Record] = []
        self.decisions: list[Decision] = []
        self._refusal: Refusal | None = None

    def given(self, *said: Said | Iterable[Said]) -> Self:
        """Records taken before; none may be refused."""
        for each in self._plain(said):
            self._take(each)
            assert self._refusal is None, f"{each} was refused: {self._refusal}"
        return self

    def when(self, *said: Said | Iterable[Said]) -> Self:
        """The records of the spec; `then` speaks about what follows from all of them, or the refusal of the last."""
        self.decisions, self._when = [], []
        for each in self._plain(said):
            assert self._refusal is None, f"refused: {self._refusal}"
            self._when.append(each)
            self._take(each)
        return self

    def then(self, *expected: dict[str, Any]) -> Self:
        """Exactly these decisions, in this order. The record again is a duplicate; rebuilt, the bank is the same."""
        assert self._refusal is None, f"refused: {self._refusal}"
        assert [each for decision in self.decisions if (each := shown(decision))] == list(expected)
        if self._when:
            assert self.is_duplicate(self._when[-1])
        self.check_rebuild()
        return self

    def then_refused(self, reason: str, field: str | None = None) -> Self:
        """Refused in this word; the state is as before and the same record is refused again."""
        assert self._refusal is not None, f"taken; decided: {self.decisions}"
        assert (self._refusal.reason, self._refusal.field) == (reason, field)
        assert self._refusal.detail
        again, before = self._when[-1], self.state()
        self._take(again)
        assert self._refusal is not None
        assert self._refusal.reason == reason
        assert self.state() == before
        self.check_rebuild()
        self._refusal = None
        return self

    # What a spec may ask

    def tier(self, customer_id: str = "C1") -> Tier:
        return self.customer(customer_id).tier

    def customer(self, customer_id: str = "C1") -> Customer:
        found = self.shard.customers.get(customer_id)
        assert found is not None
        return found

    def sum(self, month: str, customer_id: str = "C1") -> int:
        """Sum of the end-of-day balances of a month, minor units."""
        return aum_sum(self.customer(customer_id), month_from(month))

    def spot(self, customer_id: str = "C1") -> int:
        return self.customer(customer_id).spot_minor

    def is_duplicate(self, record: Record) -> bool:
        """Whether the bank took a record of this identity and content (DOMAIN §2, Identity)."""
        if isinstance(record, BusinessDayClosed):
            return record.date in self.shard.calendar.closes.get(record.source, {})
        return any(
            isinstance(line, CustomerRecord) and type(line) is type(record) and content(line) == content(record)
            for line in self.lines
        )

    def check_rebuild(self) -> None:
        rebuilt = Shard(Policies(self._policies))
        for line in self.lines:
            rebuilt.evolve(line)
        assert state_of(rebuilt) == self.state()
        assert state_of(self._cold) == self.state()

    def evolve(self, decision: Decision) -> None:
        """A decision that no record caused, a policy version for instance."""
        self.lines.append(decision)
        for shard in (self.shard, self._cold):
            shard.evolve(decision)

    def state(self) -> tuple[bytes, dict[str, Any]]:
        return state_of(self.shard)

    # The way in

    def _plain(self, said: Iterable[Said | Iterable[Said]]) -> Iterator[Record]:
        for each in said:
            if isinstance(each, Through):
                yield from self._closes(each)
            elif isinstance(each, Record):
                yield self._name(each)
            else:
                yield from self._plain(each)

    def _closes(self, through: Through) -> Iterator[Record]:
        highest, end = self.shard.calendar.highest.get(through.source, 0), day_of(through.date)
        for day in range(highest + 1 if highest else end, end + 1):
            yield close(iso(day), source=through.source)

    def _name(self, record: Record) -> Record:
        if record.event_id != UNNAMED:
            return record
        self._named += 1
        return msgspec.structs.replace(record, event_id=f"e{self._named}")

    def _take(self, record: Record) -> None:
        codec.check(record)
        freeze(self._cold)
        outcome, cold = self._judge(self.shard, record), self._judge(self._cold, record)
        assert outcome == cold, "a cold customer was judged otherwise"
        self._refusal = outcome if isinstance(outcome, Refusal) else None
        if isinstance(outcome, Refusal):
            return
        ahead = [each for each in outcome if isinstance(each, AccountDaysKept)]
        decisions = [*ahead, *(each for each in outcome if not isinstance(each, AccountDaysKept))]
        self.lines += [*ahead, record, *decisions[len(ahead) :]]
        while self.shard.closing:
            made = list(closing.steps(self.shard))
            freeze(self._cold)
            assert made == list(closing.steps(self._cold)), "a cold customer was decided on otherwise"
            self.lines += made
            decisions += made
        self.decisions += decisions

    def _judge(self, shard: Shard, record: Record) -> Outcome:
        original = self._original(record) if isinstance(record, Reversal) else None
        try:
            return take(shard, record, original)
        except HistoryNeeded as needed:
            return take(shard, record, original, _Told(self.lines).history(needed.customer_id, shard))

    def _original(self, reversal: Reversal) -> Record | None:
        named = reversal.reverses
        source = named.source if isinstance(named.source, str) else reversal.source
        wanted = (reversal.customer_id, source, named.event_id)
        return next(
            (r for r in reversed(self.lines)
             if isinstance(r, CustomerRecord) and (r.customer_id, r.source, r.event_id) == wanted),
            None,
        )  # fmt: skip


def freeze(shard: Shard) -> None:
    """Let every customer go cold."""
    for customer_id in list(shard.customers.all):
        shard.frozen(customer_id)


def state_of(shard: Shard) -> tuple[bytes, dict[str, Any]]:
    """Everything a shard remembers, comparable: accounts brought to the last closed month, else done when it suits."""
    everyone = {}
    for each in shard.customers:
        copy = unpack(pack(each))
        shard.roll(copy)
        everyone[each.id] = msgspec.to_builtins(copy, builtin_types=(int,))
    return frame_of(shard), everyone


def given(*said: Said | Iterable[Said], policies: Iterable[Policy] = ()) -> Bank:
    return Bank(*policies).given(*said)
