"""The close of a day, step by step in the order of DOMAIN §2: "Inside the close of day d".

``steps`` yields each decision after evolving it. Between customers of a month end it yields a ``DayClosing`` now and then: a
place where the work may be cut and, after a crash, taken up again. A day on which nothing is due costs nothing,
however many customers there are.
"""

from collections.abc import Iterable, Iterator

from aggregates import account as accounts
from aggregates.customer import Customer, aum_sum, months_known, story_of, tier_before
from aggregates.dates import Day, Month, days_in, first_day, iso, iso_month, last_day, month_of
from aggregates.onboarding import brought_alert
from aggregates.packing import is_quiet, thaw
from aggregates.policy import Policy
from aggregates.records import counted
from aggregates.shard import Shard
from aggregates.specials import judge_special
from aggregates.tier_change import change
from aggregates.tiers import Average, Move, close_month, end_special, last_closed_month, replay, stands_as
from aggregates.triggers.judging import judge_close, judge_noted
from aggregates.triggers.sifting import sifted
from aggregates.waiting import Statement
from events.decisions import DayClosed, DayClosing, Decision, IntegrityAlerted, TierMoved, TierRerun
from events.fields import MonthSum

CUSTOMERS_A_STEP = 20_000
"""Customers of a month end between two places where the work may be cut."""


def steps(shard: Shard) -> Iterator[Decision]:
    """Close the next day that is due (``shard.closing``), evolving as it goes; resumes where a crash left it."""
    day = shard.closing
    cursor = shard.closing_cursor
    if cursor is None:
        yield from _opening_day(shard, day)
        yield from _statements(shard, day)
        for customer_id in _at_hand(shard, list(shard.late)):
            yield from _rerun(shard, shard.customers.ensure(customer_id), day)
    month = month_of(day)
    if day == last_day(month):
        yield from _month_end(shard, month, cursor or 0)
    yield from _specials_end(shard, day)
    yield from _triggers(shard, day, max((cursor or 0) - len(shard.customers), 0))
    yield _made(shard, DayClosed(date=iso(day)))


def _at_hand(shard: Shard, customers: Iterable[str]) -> Iterator[str]:
    """Customers one by one, parked ones passed by; the one at hand is known to whoever catches an error."""
    for customer_id in customers:
        if customer_id not in shard.parked:
            shard.in_hand = customer_id
            yield customer_id
    shard.in_hand = ""


def _made(shard: Shard, decision: Decision) -> Decision:
    shard.evolve(decision)
    return decision


def _opening_day(shard: Shard, day: Day) -> Iterator[Decision]:
    """With the first close: what waited for an open day, in log order, ahead of it."""
    if shard.closed_through:
        return
    for waiting in shard.brought:
        month = month_of(waiting.value_date)
        if month + 1 != shard.first_month:
            yield _made(shard, brought_alert(shard, waiting.customer_id, iso(waiting.value_date), waiting.cause))
    for asked in shard.asked:
        for customer_id in _at_hand(shard, [asked.customer_id]):
            yield from judge_special(shard, customer_id, asked.level, asked.value_date, asked.cause)
    for noted in list(shard.noted.values()):
        for customer_id in _at_hand(shard, [noted.customer_id]):
            yield from judge_noted(shard, shard.customers.ensure(customer_id), noted, day)


def _statements(shard: Shard, day: Day) -> Iterator[Decision]:
    """Balances are final: compare those that were stated for this day, and what was counted with the control totals."""
    for stated_on in sorted(on for on in shard.statements if on <= day):
        for stated in shard.statements[stated_on]:
            for customer_id in _at_hand(shard, [stated.customer_id]):
                account = shard.customers.ensure(customer_id).accounts[stated.account_id]
                ours = accounts.balance_on(account, stated_on, shard.first_month)
                if ours not in (stated.balance_minor, None):  # None: the account was parked past its month
                    yield _made(shard, _differs(stated, stated_on, ours))
    for stated_on in sorted(on for on in shard.stated_totals if on <= day):
        for totals in shard.stated_totals[stated_on]:
            yield _made(shard, counted(shard, iso(stated_on), totals))


def _differs(stated: Statement, on: Day, ours: int | None) -> IntegrityAlerted:
    return IntegrityAlerted(
        kind=stated.kind,
        customer_id=stated.customer_id,
        account_id=stated.account_id,
        source=stated.cause.source,
        event_id=stated.cause.event_id,
        date=iso(on),
        expected=stated.balance_minor,
        actual=ours,
    )


# ------------------------------------------------------------------------------------------------------ re-runs


def _rerun(shard: Shard, customer: Customer, day: Day) -> Iterator[Decision]:
    """Run the machine again from the earliest restated month (DOMAIN §4, late and backdated records)."""
    story = story_of(customer)
    start, last = story.late_from, shard.last_closed
    months = range(start, last + 1)
    sums = {
        month: aum_sum(customer, month) for month in range(max(start - 1, shard.first_month, shard.kept_from), last + 1)
    }
    actions = [action for action in story.actions if action.open_day >= first_day(start)]
    tier = tier_before(story, start)
    timeline = replay(tier, months, sums, actions, day, shard.policies)
    after = timeline[-1][1] if timeline else tier
    version = shard.policies.at(last).version
    tier_change = change(
        customer,
        "restated",
        after,
        effective=day + 1,
        decided=day,
        version=version,
        closed_month=last,
        months=_named(customer, months, shard),
        cause=story.late,
    )
    differs = not stands_as(story.tier, after)
    yield _made(
        shard,
        TierRerun(
            customer_id=customer.id,
            decided_at=iso(day),
            from_month=iso_month(start),
            policy_version=version,
            timeline=tuple(timeline),
            tier=after,
        ),
    )
    if differs:
        yield _made(shard, tier_change)


def _named(customer: Customer, months: range, shard: Shard) -> tuple[MonthSum, ...]:
    known = months_known(customer, months, max(shard.first_month, shard.kept_from))
    return tuple(MonthSum(month=iso_month(m), sum=total, days=days_in(m)) for m, total in known.items())


# ------------------------------------------------------------------------------------------------------ month end


def _month_end(shard: Shard, month: Month, cursor: int) -> Iterator[Decision]:
    """Evaluate every customer once, in order of arrival, from `cursor` on; quiet ones cannot move (``Shard.is_quiet``)."""
    policy, days = shard.policies.at(month), days_in(month)
    entry_sum = policy.entry_minor * days
    everyone = shard.customers.all
    ids = list(everyone)
    for step in range(cursor, len(ids), CUSTOMERS_A_STEP):
        if step > cursor:
            yield _made(shard, DayClosing(date=iso(last_day(month)), cursor=step))
        for customer_id in _at_hand(shard, ids[step : step + CUSTOMERS_A_STEP]):
            found = everyone[customer_id]
            if isinstance(found, bytes):
                if is_quiet(found):
                    continue
                customer = thaw(found)
            else:
                customer = found
            total = aum_sum(customer, month)
            if total <= entry_sum and customer.tier.state == "ordinary":
                continue
            moves = tuple(close_month(customer.tier, Average(total, days), policy))
            if moves:
                everyone[customer_id] = customer
                for move in moves:
                    yield _made(shard, _moved(shard, customer, move, month, policy))


def _moved(shard: Shard, customer: Customer, move: Move, month: Month, policy: Policy) -> Decision:
    end = last_day(month)
    if move.kind is None:
        return TierMoved(customer_id=customer.id, decided_at=iso(end), policy_version=policy.version, tier=move.after)
    return change(
        customer,
        move.kind,
        move.after,
        effective=end + 1,
        decided=end,
        version=policy.version,
        closed_month=month,
        months=_named(customer, range(month - move.months + 1, month + 1), shard),
    )


# ------------------------------------------------------------------------------------------------------ specials


def _specials_end(shard: Shard, day: Day) -> Iterator[Decision]:
    """Specials whose `until` is closed now (DOMAIN §4, special)."""
    for until in sorted(on for on in shard.specials if on <= day):
        for customer_id in _at_hand(shard, list(shard.specials[until])):
            customer = shard.customers.ensure(customer_id)
            if customer.tier.state == "special" and customer.tier.until <= day:
                yield _made(shard, _ended(shard, customer, day))


def _ended(shard: Shard, customer: Customer, day: Day) -> Decision:
    month = last_closed_month(day)
    is_closed = month >= shard.first_month
    policy = shard.policies.at(month if is_closed else month_of(day))
    average = Average(aum_sum(customer, month), days_in(month)) if is_closed else None
    tier = customer.tier
    return change(
        customer,
        "special_ended",
        end_special(average, policy),
        effective=tier.until + 1,
        decided=day,
        version=policy.version,
        months=_named(customer, range(month, month + 1), shard) if is_closed else (),
        cause=tier.shortened_by or None,
    )


# ------------------------------------------------------------------------------------------------------ triggers


def _triggers(shard: Shard, day: Day, start: int) -> Iterator[Decision]:
    """Customers of whom there may be something to decide (``aggregates.triggers.sifting``), from the `start`-th on."""
    looked, everyone = sifted(shard, day).looked, len(shard.customers)
    ids = list(looked)
    for step in range(start, len(ids), CUSTOMERS_A_STEP):
        if step > start:
            yield _made(shard, DayClosing(date=iso(day), cursor=everyone + step))
        for customer_id in _at_hand(shard, ids[step : step + CUSTOMERS_A_STEP]):
            yield from judge_close(shard, shard.customers.ensure(customer_id), day, looked[customer_id])
