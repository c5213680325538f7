"""What each record is allowed to do and what follows from it: refuse, or evolve and decide (DOMAIN §2-4, CONTRACT §1).

``take`` is the one entry. It never half-takes: a refusal leaves the shard untouched.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from aggregates import account as accounts
from aggregates.account import Account
from aggregates.customer import Customer, aum_sum, standing, story_of
from aggregates.dates import Day, Month, days_in, iso, iso_month, last_day, month_from, month_of
from aggregates.money import consistent
from aggregates.policy import Policy
from aggregates.shard import Shard, StatedTotals, cause_of, legs_of, reference_of, tier_brought
from aggregates.tiers import act, grant, revocation
from events.calendar import BusinessDayClosed
from events.codec import DAYS
from events.customers import SpecialVipGranted, SpecialVipRevoked
from events.decisions import (
    AccountDaysKept,
    Cause,
    Decision,
    IntegrityAlerted,
    Kind,
    MonthRestated,
    PostingReversed,
    RestatedMonth,
    SpecialRecorded,
    Tier,
    TierChanged,
    TierMoved,
    TotalsCounted,
)
from events.fields import MonthSum, Record
from events.refusals import Refusal
from events.transactions import (
    CREDITS,
    DEBITS,
    AccountClosed,
    AccountOpened,
    BalanceStated,
    CustomerBroughtForward,
    MoneyRecord,
    ProductMatured,
    ProductPurchased,
    ProductRedeemed,
    Reversal,
    ValuationUpdated,
)


class HistoryNeeded(Exception):
    """The record can only be judged with the account's whole history: take it again with `history`."""

    def __init__(self, customer_id: str, account_id: str) -> None:
        super().__init__(customer_id, account_id)
        self.customer_id, self.account_id = customer_id, account_id


Outcome = Refusal | Sequence[Decision]
NOTHING: tuple[Decision, ...] = ()


def take(shard: Shard, record: Record, original: Record | None = None, history: Customer | None = None) -> Outcome:
    """Judge one record that is new to the log: the refusal, or what was decided from it; the shard has evolved.

    original: for a reversal the record that it names, the one taken last of several, None if there is none; history: the
    customer folded anew without closed months, asked for by HistoryNeeded. Raises HistoryNeeded, the shard untouched.
    """
    return TAKE[type(record)](shard, record, original, history)


def _single(sign: int) -> Callable[[Shard, MoneyRecord, Record | None, Customer | None], Outcome]:
    """Records of one leg: nine of ten that a bank sends. Whatever is not plain goes the way of all other money."""

    def take_single(shard: Shard, r: MoneyRecord, _o: Record | None, _h: Customer | None) -> Outcome:
        customer = shard.customers.all.get(r.customer_id)
        if customer.__class__ is bytes:
            customer = shard.customers.get(r.customer_id)
        found = None if customer is None else customer.accounts.get(r.account_id)  # type: ignore[union-attr]
        value_date = r.value_date
        day = DAYS[value_date]
        if (
            found is None
            or day < found.opened
            or found.closed
            or r.currency != shard.currency
            or day > DAYS[r.occurred_at[:10]] + 1
            or day <= shard.last_closed_end
        ):
            return _legs(shard, r, None, None)
        delta = sign * r.amount
        shard.count(r.source, value_date if r.booked_on is UNSET else r.booked_on, delta)
        days = found.days
        if days and day == days[-2] and found.rolled == shard.last_closed:
            found.balance += delta
            days[-1] += delta
        else:
            shard.post(found, day, delta)
        return NOTHING

    return take_single


# ------------------------------------------------------------------------------------------------------ refusing


def _refused_account(customer: Customer | None, account_id: str, day: Day, field: str) -> Refusal | None:
    """Accounts are looked up within the customer; value dates lie between opening and closing (DOMAIN §3)."""
    found = None if customer is None else customer.accounts.get(account_id)
    if found is None:
        return Refusal("account_unknown", f"the customer has no account {account_id!r}", field)
    if day < found.opened:
        return Refusal("account_unknown", f"{account_id!r} was opened on {iso(found.opened)}, after the value date", field)
    if found.closed and day > found.closed:
        return Refusal("account_closed", f"{account_id!r} was closed on {iso(found.closed)}, before the value date", field)
    return None


def _refused_date(record: Record, day: Day, field: str = "value_date") -> Refusal | None:
    latest = DAYS[record.occurred_at[:10]] + 1
    if day > latest:
        return Refusal("value_date_in_future", f"{iso(day)} is later than {iso(latest)}, the day after occurred_at", field)
    return None


def _refused_currency(shard: Shard, currency: str) -> Refusal | None:
    if currency == shard.currency:
        return None
    return Refusal("currency_unsupported", f"{currency}; the policy's currency is {shard.currency}", "currency")


def _refused_age(shard: Shard, day: Day, field: str = "value_date") -> Refusal | None:
    """Months further back than the policy's window cannot be restated any more (DOMAIN §4)."""
    if day > shard.last_closed_end:
        return None
    month = counted_month(shard, day)
    if month > shard.last_closed - shard.policy.restatement_months:
        return None
    oldest = iso_month(shard.last_closed - shard.policy.restatement_months + 1)
    return Refusal("value_date_too_old", f"counts in {iso_month(month)}; the oldest month still restated is {oldest}", field)


def counted_month(shard: Shard, day: Day) -> Month:
    """The month in which a value date counts: F for everything before it."""
    return max(month_of(day), shard.first_month)


# ------------------------------------------------------------------------------------------------------ money


def _legs(shard: Shard, r: MoneyRecord, _o: Record | None, _h: Customer | None) -> Outcome:
    customer = shard.customers.get(r.customer_id)
    day = DAYS[r.value_date]
    legs = legs_of(r)
    fields = ("account_id", "funded_from" if isinstance(r, ProductPurchased) else "paid_to")
    refusal = _refused_currency(shard, r.currency) or _refused_date(r, day)
    for (account_id, _), field in zip(legs, fields, strict=False):
        refusal = refusal or _refused_account(customer, account_id, day, field)
    refusal = refusal or _refused_age(shard, day)
    if refusal or customer is None:
        return refusal or NOTHING
    return _moving(shard, customer, r, day, lambda: shard.evolve(r))


def _moving(shard: Shard, customer: Customer, r: Record, day: Day, evolve: Callable[[], None]) -> list[Decision]:
    """Let a record change balances; in a closed month that restates (DOMAIN §4, late and backdated records)."""
    if day > shard.last_closed_end:
        evolve()
        return []
    shard.roll(customer)
    months = range(counted_month(shard, day), shard.last_closed + 1)
    before = [aum_sum(customer, month) for month in months]
    evolve()
    after = [aum_sum(customer, month) for month in months]
    decision = MonthRestated(
        customer_id=customer.id,
        from_month=iso_month(months[0]),
        months=tuple(
            RestatedMonth(iso_month(month), was, now)
            for month, was, now in zip(months, before, after, strict=True)
            if was != now
        ),
        cause=cause_of(r),
    )
    shard.evolve(decision)
    return [decision]


def _opened(shard: Shard, r: AccountOpened, _o: Record | None, _h: Customer | None) -> Outcome:
    day = DAYS[r.value_date]
    customer = shard.customers.get(r.customer_id)
    opening = 0 if r.opening_balance is UNSET else r.opening_balance
    refusal = _refused_currency(shard, r.currency) or _refused_date(r, day)
    if not refusal and customer is not None and r.account_id in customer.accounts:
        refusal = Refusal("account_exists", f"the customer has or had an account {r.account_id!r}", "account_id")
    if not refusal and opening:
        refusal = _refused_age(shard, day)
    if refusal:
        return refusal
    if not opening:
        shard.evolve(r)
        return NOTHING
    return _moving(shard, shard.customers.ensure(r.customer_id), r, day, lambda: shard.evolve(r))


def _closed(shard: Shard, r: AccountClosed, _o: Record | None, history: Customer | None) -> Outcome:
    day = DAYS[r.value_date]
    customer = shard.customers.get(r.customer_id)
    refusal = _refused_date(r, day) or _refused_account(customer, r.account_id, day, "account_id")
    if refusal or customer is None:
        return refusal or NOTHING
    return _expected(shard, customer, r, 0, "balance_left_at_closing", history)


def _expected(
    shard: Shard,
    customer: Customer,
    r: AccountClosed | BalanceStated,
    balance_minor: int,
    kind: Literal["balance_differs", "balance_left_at_closing"],
    history: Customer | None,
) -> Outcome:
    """Compare an end-of-day balance with what it should be: now if the day is closed, else as it closes."""
    day = DAYS[r.value_date]
    if day > shard.closed_through:
        shard.evolve(r)
        return NOTHING
    ours = accounts.balance_on(customer.accounts[r.account_id], day, shard.first_month)
    if ours is None:
        ours = accounts.balance_on(_whole(history, r.customer_id, r.account_id), day, shard.first_month)
    shard.evolve(r)
    if ours == balance_minor:
        return NOTHING
    return [_alert(kind, r, account_id=r.account_id, date=r.value_date, expected=balance_minor, actual=ours)]


def _alert(kind: Any, r: Any, **fields: Any) -> IntegrityAlerted:
    return IntegrityAlerted(
        kind=kind, customer_id=getattr(r, "customer_id", None), source=r.source, event_id=r.event_id, **fields
    )


# ------------------------------------------------------------------------------------------------------ valuations


def _valuation(shard: Shard, r: ValuationUpdated, _o: Record | None, history: Customer | None) -> Outcome:
    day = DAYS[r.value_date]
    customer = shard.customers.get(r.customer_id)
    refusal = (
        _refused_currency(shard, r.currency)
        or _refused_product(r)
        or _refused_date(r, day)
        or _refused_account(customer, r.account_id, day, "account_id")
        or _refused_age(shard, day)
    )
    if refusal or customer is None:
        return refusal or NOTHING
    ahead: list[Decision] = []
    found = customer.accounts[r.account_id]
    if found.valued is None:
        days = found.days
        if not accounts.holds_all_days(found):
            days = _whole(history, r.customer_id, r.account_id).days
        ahead = [AccountDaysKept(customer_id=r.customer_id, account_id=r.account_id, days=tuple(days))]
        shard.evolve(ahead[0])
    return ahead + _moving(shard, customer, r, day, lambda: shard.evolve(r))


def _refused_product(r: ValuationUpdated) -> Refusal | None:
    if isinstance(r.units, UnsetType) or isinstance(r.price, UnsetType):
        return None
    if consistent(r.units, r.price, r.market_value, r.currency):
        return None
    detail = f"{r.units} × {r.price} is not {r.market_value} minor units, give or take one"
    return Refusal("valuation_inconsistent", detail, "market_value")


def _whole(history: Customer | None, customer_id: str, account_id: str) -> Account:
    if history is None:
        raise HistoryNeeded(customer_id, account_id)
    return history.accounts[account_id]


def _stated(shard: Shard, r: BalanceStated, _o: Record | None, history: Customer | None) -> Outcome:
    day = DAYS[r.value_date]
    customer = shard.customers.get(r.customer_id)
    refusal = (
        _refused_currency(shard, r.currency)
        or _refused_date(r, day)
        or _refused_account(customer, r.account_id, day, "account_id")
    )
    if refusal or customer is None:
        return refusal or NOTHING
    return _expected(shard, customer, r, r.balance, "balance_differs", history)


# ------------------------------------------------------------------------------------------------------ reversals


def _reversal(shard: Shard, r: Reversal, original: Record | None, _h: Customer | None) -> Outcome:
    customer = shard.customers.get(r.customer_id)
    if customer is None or original is None:
        return Refusal("reversal_unknown", "no such record was taken for this customer", "reverses")
    if not isinstance(original, MoneyRecord | ValuationUpdated):
        return Refusal("bad_value", "such a record is corrected by a new one, not reversed", "reverses")
    reference = reference_of(original)
    if customer.story is not None and reference in customer.story.reversed_ids:
        return Refusal("already_reversed", "the record was reversed before", "reverses")
    day = DAYS[original.value_date]
    refusal = _refused_age(shard, day, "reverses")
    if refusal:
        return refusal
    valuation = isinstance(original, ValuationUpdated)
    decision = PostingReversed(
        customer_id=r.customer_id,
        original=cause_of(original),
        reference=reference,
        value_date=original.value_date,
        booked_on=r.occurred_at[:10],
        legs=() if isinstance(original, ValuationUpdated) else tuple((a, -delta) for a, delta in legs_of(original)),
        valuation_of=original.account_id if valuation else None,
        cause=cause_of(r),
    )
    shard.evolve(r)
    return [decision, *_moving(shard, customer, r, day, lambda: shard.evolve(decision))]


# ------------------------------------------------------------------------------------------------------ onboarding


def _brought(shard: Shard, r: CustomerBroughtForward, _o: Record | None, _h: Customer | None) -> Outcome:
    customer = shard.customers.get(r.customer_id)
    day = DAYS[r.value_date]
    refusal = _refused_date(r, day) or _refused_state(shard, r, day)
    if not refusal and customer is not None:
        if customer.has_transactions or (customer.story is not None and customer.story.asked_special):
            refusal = Refusal("not_first_record", "other records of the customer were taken before", "customer_id")
    if not refusal and shard.last_closed:
        first = iso_month(shard.first_month)
        refusal = Refusal("value_date_too_old", f"the first month, {first}, is closed", "value_date")
    if refusal:
        return refusal
    shard.evolve(r)
    if shard.first_month and month_of(day) + 1 != shard.first_month:
        return [brought_alert(shard, r.customer_id, r.value_date, cause_of(r))]
    return NOTHING


def brought_alert(shard: Shard, customer_id: str, value_date: str, cause: Cause) -> IntegrityAlerted:
    """The month behind a brought-forward state is not the log's first (CONTRACT §1)."""
    return IntegrityAlerted(
        kind="brought_forward_not_next_month",
        customer_id=customer_id,
        source=cause.source,
        event_id=cause.event_id,
        date=value_date,
        expected=iso_month(shard.first_month),
        actual=iso_month(month_from(value_date) + 1),
    )


def _refused_state(shard: Shard, r: CustomerBroughtForward, day: Day) -> Refusal | None:
    """A state that the machine of DOMAIN §4 cannot be in, or a day that ends no month."""
    policy = shard.policies.at(month_of(day) + 1)
    tier = tier_brought(r)
    if day != last_day(month_of(day)):
        return Refusal("bad_value", "must be the last day of a month", "value_date")
    on_level = r.state in ("vip", "special")
    if on_level and tier.level not in policy.codes:
        return Refusal("bad_value", f"{tier.level!r} is no level of the ladder", "level")
    allowed = {"vip": {"level", "watch", "below_entry"}, "lapsed": {"grace_left"}, "special": {"level", "until"}}
    for field in ("level", "watch", "below_entry", "grace_left", "until"):
        given = getattr(r, field)
        if given is not UNSET and given and field not in allowed.get(r.state, set()):
            return Refusal("bad_value", f"does not go with state {r.state}", field)
    if r.state == "special" and not tier.until:
        return Refusal("missing_field", "missing for state special", "until")
    if r.state == "special" and tier.until <= day:
        return Refusal("bad_value", "the special ended before the log begins", "until")
    if r.state == "lapsed" and not 1 <= tier.grace_left <= policy.grace_months:
        return Refusal("bad_value", f"wants 1 to {policy.grace_months} for state lapsed", "grace_left")
    if tier.below_entry >= policy.exit_months:
        return Refusal("bad_value", f"with {policy.exit_months} months the customer has lapsed", "below_entry")
    return _refused_watch(policy, tier) or _refused_months(r)


def _refused_watch(policy: Policy, tier: Tier) -> Refusal | None:
    if not tier.watch:
        return None
    own = policy.rank(tier.level or "")
    if own == 0:
        return Refusal("bad_value", "the lowest level has no watch", "watch")
    if len(tier.watch) >= policy.watch_months:
        return Refusal("bad_value", f"after {policy.watch_months} months the customer was downgraded", "watch")
    for code in tier.watch:
        if code is not None and (code not in policy.codes or policy.rank(code) >= own):
            return Refusal("bad_value", f"{code!r} is not a level below {tier.level!r}", "watch")
    below = next((at for at, code in enumerate(reversed(tier.watch)) if code is not None), len(tier.watch))
    if tier.below_entry < below or (below < len(tier.watch) and tier.below_entry != below):
        return Refusal("bad_value", f"the watch ends with {below} months below the entry threshold", "below_entry")
    return None


def _refused_months(r: CustomerBroughtForward) -> Refusal | None:
    last = month_from(r.value_date)
    if len({each.month for each in r.months}) < len(r.months):
        return Refusal("bad_value", "a month stands twice", "months.month")
    for each in r.months:
        month = month_from(each.month)
        if month > last:
            return Refusal("bad_value", f"{each.month} is later than the value date", "months.month")
        if each.days != days_in(month):
            return Refusal("bad_value", f"{each.month} has {days_in(month)} days", "months.days")
    return None


# ------------------------------------------------------------------------------------------------------ specials


def _granted(shard: Shard, r: SpecialVipGranted, _o: Record | None, _h: Customer | None) -> Outcome:
    day = DAYS[r.value_date]
    refusal = _refused_date(r, day)
    known = [shard.policy] if shard.closed_through else list(shard.policies)
    if not refusal and not any(r.level in policy.codes for policy in known):
        refusal = Refusal("bad_value", f"{r.level!r} is no level of the ladder", "level")
    if not refusal:
        until = grant(r.level, day, day, shard.policy.special_years, cause_of(r)).until
        if until <= shard.closed_through:
            refusal = Refusal("value_date_too_old", f"the grant ended on {iso(until)}, a closed day", "value_date")
    if refusal:
        return refusal
    shard.evolve(r)
    return judge_special(shard, r.customer_id, r.level, day, cause_of(r)) if shard.closed_through else NOTHING


def _revoked(shard: Shard, r: SpecialVipRevoked, _o: Record | None, _h: Customer | None) -> Outcome:
    day = DAYS[r.value_date]
    refusal = _refused_date(r, day)
    if refusal:
        return refusal
    shard.evolve(r)
    return judge_special(shard, r.customer_id, None, day, cause_of(r)) if shard.closed_through else NOTHING


def judge_special(shard: Shard, customer_id: str, level: str | None, day: Day, cause: Cause) -> list[Decision]:
    """Decide a grant (level) or a revocation (level None) on the open day; evolves (DOMAIN §4, special)."""
    customer = shard.customers.ensure(customer_id)
    open_day, policy = shard.open_day, shard.policy
    if level is None:
        action = revocation(day, open_day, cause)
    else:
        action = grant(level, day, open_day, policy.special_years, cause)
    before = customer.tier
    decisions: list[Decision] = [SpecialRecorded(customer_id=customer_id, action=action)]
    shard.evolve(decisions[0])
    after = act(before, action)
    if level is not None and before.state == "vip":
        decisions.append(
            IntegrityAlerted(
                kind="special_for_vip",
                customer_id=customer_id,
                source=cause.source,
                event_id=cause.event_id,
                date=iso(open_day),
            )
        )
    elif level is not None:
        decisions.append(
            change(
                customer,
                "special_granted",
                after,
                effective=action.effective,
                decided=open_day,
                version=policy.version,
                cause=(cause,),
            )
        )
    elif after != before:
        decisions.append(
            TierMoved(customer_id=customer_id, decided_at=iso(open_day), policy_version=policy.version, tier=after)
        )
    for decision in decisions[1:]:
        shard.evolve(decision)
    return decisions


def change(
    customer: Customer,
    kind: Kind,
    after: Tier,
    *,
    effective: Day,
    decided: Day,
    version: str,
    closed_month: Month | None = None,
    months: Sequence[MonthSum] = (),
    cause: Sequence[Cause] | None = None,
) -> TierChanged:
    """The next tier change of a customer (CONTRACT §5). Not yet evolved."""
    story = story_of(customer)
    sequence = story.sequence + 1
    return TierChanged(
        id=f"{customer.id}:{sequence}",
        sequence=sequence,
        customer_id=customer.id,
        kind=kind,
        closed_month=None if closed_month is None else iso_month(closed_month),
        effective_date=iso(effective),
        before=standing(story.tier),
        after=standing(after),
        watch=len(after.watch),
        below_entry=after.below_entry,
        months=tuple(months),
        policy_version=version,
        decided_at=iso(decided),
        cause=None if cause is None else tuple(cause),
        tier=after,
    )


# ------------------------------------------------------------------------------------------------------ calendar


def _day_closed(shard: Shard, r: BusinessDayClosed, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a close: alerts for skipped days, what was counted for its totals. The closing itself comes after."""
    day = DAYS[r.date]
    highest = shard.calendar.highest.get(r.source, 0)
    shard.evolve(r)
    decisions: list[Decision] = []
    if r.source in shard.required and highest:
        decisions += [_alert("day_skipped", r, date=iso(skipped)) for skipped in range(highest + 1, day)]
    if r.totals is not UNSET and day <= shard.closed_through:
        decisions.append(counted(shard, r.date, StatedTotals(r.source, r.totals.count, r.totals.signed_sum)))
    return decisions


def counted(shard: Shard, date: str, stated: StatedTotals) -> TotalsCounted:
    """What this shard counted for control totals, beside what the source stated for all shards (DOMAIN §2)."""
    count, signed_sum = shard.totals.get(stated.source, {}).get(date, (0, 0))
    return TotalsCounted(
        source=stated.source,
        date=date,
        count=count,
        signed_sum=signed_sum,
        stated_count=stated.count,
        stated_signed_sum=stated.signed_sum,
    )


TAKE: dict[type[Record], Callable[[Shard, Any, Record | None, Customer | None], Outcome]] = {
    **dict.fromkeys(CREDITS, _single(1)),
    **dict.fromkeys(DEBITS, _single(-1)),
    ProductPurchased: _legs,
    ProductRedeemed: _legs,
    ProductMatured: _legs,
    AccountOpened: _opened,
    AccountClosed: _closed,
    ValuationUpdated: _valuation,
    BalanceStated: _stated,
    CustomerBroughtForward: _brought,
    Reversal: _reversal,
    SpecialVipGranted: _granted,
    SpecialVipRevoked: _revoked,
    BusinessDayClosed: _day_closed,
}
"""Every record type that is taken and the function that judges it."""