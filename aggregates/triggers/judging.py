"""What a record or the close of a day does to a customer's triggers (DOMAIN §5, When).

Whom a close looks at, and what it asks, says ``sifting``. Judged again, for instance after a crash, nothing is decided twice.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from aggregates.customer import Customer
from aggregates.dates import Day, iso
from aggregates.triggers import catalog
from aggregates.triggers.life import expires_on, is_news, raise_of, step_of
from aggregates.triggers.memory import Life, Open
from aggregates.triggers.rule import Found, Rule
from aggregates.triggers.seen import Seen
from aggregates.triggers.sifting import view_of
from aggregates.waiting import Noted
from events.decisions import Cause, Decision, PostingReversed, Step, TriggerMoved
from events.fields import CustomerRecord, Record
from events.transactions import AccountOpened, MoneyRecord, ValuationUpdated

if TYPE_CHECKING:
    from aggregates.shard import Shard

MOVES = (MoneyRecord, ValuationUpdated, AccountOpened)
"""Records of which a value date says from when they change AUM."""


def _made(shard: "Shard", decision: TriggerMoved) -> Decision:
    shard.evolve(decision)
    return decision


def _step(
    shard: "Shard",
    customer: Customer,
    of: Open,
    step: Step,
    day: Day,
    *,
    manager_id: str | None = None,
    cause: Sequence[Cause] | None = None,
) -> Decision:
    """A step of an open trigger on a business date, by the policy version of that day."""
    version = shard.terms_at(day).version
    return _made(shard, step_of(customer, of, step, day, version, manager_id=manager_id, cause=cause))


# ------------------------------------------------------------------------------------------------------ closes


def judge_close(shard: "Shard", customer: Customer, day: Day, asked: int) -> Iterator[Decision]:
    """A customer at the close of a day: withdrawals, expiries, raises (DOMAIN §2). Evolves as it goes.

    asked: which rules may have news (``sifting``).
    """
    life = customer.life
    if life is not None and life.open:
        yield from _withdrawals(shard, customer, life, day)
        terms = shard.terms_at(day).parameters
        for of in list(life.open):
            parameters = terms.get(of.code)
            if parameters is not None and expires_on(of, parameters) <= day:
                yield _step(shard, customer, of, "expired", day)
    judged = shard.asked_of(customer, asked).judged
    if judged:
        view = view_of(shard, customer, day)
        for rule, parameters, _ in judged:
            found = [*rule.find(view, parameters)]
            if found:
                yield from _raises(shard, customer, rule, parameters, found, view)


def _raises(
    shard: "Shard", customer: Customer, rule: Rule, parameters: Any, found: Iterable[Found], view: Seen
) -> Iterator[Decision]:
    if customer.id in shard.erased:
        return  # nobody may contact them
    for each in found:
        if is_news(customer.life, rule, parameters, each, view.day):
            yield _made(shard, raise_of(customer, rule, each, view, shard.policy.version, shard.currency))


def _withdrawals(shard: "Shard", customer: Customer, life: Life, day: Day) -> Iterator[Decision]:
    more = customer.conduct.more if customer.conduct is not None else None
    late = [] if more is None else more.late
    if not late and not any(of.on == day for of in life.open):
        return
    cause = [Cause(source, event_id) for source, event_id in zip(late[0::2], late[1::2], strict=True)]
    for of in list(life.open):
        rule = catalog.rule_of(of.code)
        if rule is None:
            continue
        of_today = of.on == day and rule.cools and rule.on_record is not None
        if (cause or of_today) and not _holds(shard, customer, rule, of):
            yield _step(shard, customer, of, "withdrawn", day, cause=None if of_today else cause)


def _holds(shard: "Shard", customer: Customer, rule: Rule, of: Open) -> bool:
    """Whether what was raised is true still, on the day it was raised, as known now, by the policy of that day."""
    view, parameters = Seen(shard, customer, of.on), shard.terms_at(of.on).parameters[rule.code]
    if rule.holds is not None:
        return rule.holds(view, parameters, of.key)
    return any(found.key == of.key for found in rule.find(view, parameters))


# ------------------------------------------------------------------------------------------------------ records


def judge_record(shard: "Shard", record: CustomerRecord, made: Sequence[Decision] = ()) -> Sequence[Decision]:
    """What a record, just taken and evolved, raises at once. Before the first close it waits for that: ``upkeep.note``.

    made: what else was decided from it.
    """
    if not shard.closed_through:
        return ()
    customer = shard.customers.ensure(record.customer_id)
    day, kind = shard.open_day, type(record)
    decisions: list[Decision] = []
    if kind in shard.on_types:
        view = Seen(shard, customer, day)
        for rule, parameters, _ in shard.judged:
            if rule.on_record is not None and kind in rule.records:
                decisions += _raises(shard, customer, rule, parameters, rule.on_record(view, parameters, record), view)
    elif _is_loss_possible(shard, customer, record, made):
        decisions += _losses(shard, customer, day)
    return decisions


def _is_loss_possible(shard: "Shard", customer: Customer, record: Record, made: Sequence[Decision]) -> bool:
    """Whether so much went out that a record valued on the open day may make a rule true that looks at money.

    A reversal is valued on the day of what it undoes.
    """
    conduct = customer.conduct
    if conduct is None or conduct.out < shard.floor:
        return False
    if isinstance(record, MOVES):
        return record.value_date == iso(shard.open_day)
    return any(isinstance(each, PostingReversed) and each.value_date == iso(shard.open_day) for each in made)


def _losses(shard: "Shard", customer: Customer, day: Day) -> Iterator[Decision]:
    view = Seen(shard, customer, day)
    for rule, parameters, _ in shard.asked_of(customer, shard.losing).judged:
        yield from _raises(shard, customer, rule, parameters, rule.find(view, parameters), view)


def judge_noted(shard: "Shard", customer: Customer, noted: Noted, day: Day) -> Iterator[Decision]:
    """With the first close: what waited for an open day, which is now `day`."""
    record = noted.record
    if record is None:
        if noted.day == day:
            yield from _losses(shard, customer, day)
        return
    view = Seen(shard, customer, day)
    for rule, parameters, _ in shard.judged:
        if rule.on_record is not None and type(record) in rule.records:
            yield from _raises(shard, customer, rule, parameters, rule.on_record(view, parameters, record), view)


# ------------------------------------------------------------------------------------------------------ managers


def claimed(shard: "Shard", customer: Customer, trigger_id: str, manager_id: str, cause: Cause) -> Sequence[Decision]:
    """A manager takes a trigger on; of one that is not in `raised`, and before the first close, it changes nothing."""
    of = _open(customer, trigger_id)
    if of is None or of.step != "raised":
        return ()
    return (_step(shard, customer, of, "claimed", shard.open_day, manager_id=manager_id, cause=(cause,)),)


def contacted(
    shard: "Shard", customer: Customer, trigger_id: str, manager_id: str, outcome: str | None, cause: Cause
) -> Sequence[Decision]:
    """A manager spoke with the customer because of a trigger; an outcome ends it, and is the one step then.

    Of a trigger that is unknown or ended nothing changes.
    """
    of = _open(customer, trigger_id)
    if of is None:
        return ()
    step = cast(Step, outcome or "contacted")
    return (_step(shard, customer, of, step, shard.open_day, manager_id=manager_id, cause=(cause,)),)


def _open(customer: Customer, trigger_id: str) -> Open | None:
    life = customer.life
    if life is None:  # so it is before the first close
        return None
    return next((of for of in life.open if f"{customer.id}:{of.code}:{of.key}" == trigger_id), None)
