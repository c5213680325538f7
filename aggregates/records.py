"""What each record is allowed to do and what follows from it: refuse, or evolve and decide (DOMAIN §2-4, CONTRACT §1).

``take`` is the one entry. It never half-takes: a refusal leaves the shard untouched.
"""

from collections.abc import Callable
from typing import Any, Literal

from msgspec import UNSET, UnsetType

from aggregates import account as accounts
from aggregates.account import Account
from aggregates.checks import (
    counted_month,
    refused_account,
    refused_age,
    refused_currency,
    refused_date,
    refused_loan,
)
from aggregates.customer import Customer, aum_sum
from aggregates.dates import Day, iso, iso_month
from aggregates.interactions import (
    take_campaign_contact,
    take_claim,
    take_complaint,
    take_contact,
    take_interaction,
    take_resolution,
)
from aggregates.lending import take_loan, take_word_on_loan
from aggregates.loans import gain_of
from aggregates.master_data import MASTER_DATA, take_erasure, take_master_data, unless_erased
from aggregates.money import consistent
from aggregates.onboarding import take_brought
from aggregates.postings import cause_of, legs_of, reference_of
from aggregates.shard import Shard, post_leg
from aggregates.specials import take_grant, take_revocation
from aggregates.triggers.judging import judge_record
from aggregates.verdict import NOTHING, HistoryNeeded, Outcome
from aggregates.waiting import StatedTotals
from events.calendar import BusinessDayClosed
from events.codec import DAYS
from events.customers import ErasureRequested, SpecialVipGranted, SpecialVipRevoked
from events.decisions import (
    AccountDaysKept,
    Decision,
    IntegrityAlerted,
    LoanReversed,
    MonthRestated,
    PostingReversed,
    RestatedMonth,
    TotalsCounted,
)
from events.fields import Record
from events.interactions import TYPES as INTERACTIONS
from events.interactions import CampaignContact, ComplaintFiled, ComplaintResolved, ManagerContact, TriggerClaimed
from events.refusals import Refusal
from events.transactions import (
    CREDITS,
    DEBITS,
    LOAN_MOVES,
    AccountClosed,
    AccountOpened,
    BalanceStated,
    CustomerBroughtForward,
    LoanClassified,
    LoanDisbursed,
    LoanOpened,
    LoanOverdue,
    LoanRepaid,
    MoneyRecord,
    ProductMatured,
    ProductPurchased,
    ProductRedeemed,
    Reversal,
    ValuationUpdated,
)

LONGEST_SKIP_DAYS = 3_660
"""A close so far behind the latest one of its source is taken for a mistake: it would close every day between."""


def take(shard: Shard, record: Record, original: Record | None = None, history: Customer | None = None) -> Outcome:
    """Judge one record that is new to the log: the refusal, or what was decided from it; the shard has evolved.

    original: for a reversal the record that it names, the one taken last of several, None if there is none; history: the
    customer folded anew without closed months, asked for by HistoryNeeded. Raises HistoryNeeded, the shard untouched.
    """
    return TAKE[type(record)](shard, record, original, history)


def _single(sign: int) -> Callable[[Shard, MoneyRecord, Record | None, Customer | None], Outcome]:
    """Records of one leg: nine of ten that a bank sends. Whatever is not plain goes the way of all other money."""
    legs = _then_judged(_legs)

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
            return legs(shard, r, None, None)
        post_leg(shard, customer, found, r, day, sign * r.amount)  # type: ignore[arg-type]
        if customer.conduct.out < shard.floor:  # type: ignore[union-attr]
            return NOTHING
        return judge_record(shard, r)

    return take_single


# ------------------------------------------------------------------------------------------------------ money


def _legs(shard: Shard, r: MoneyRecord, _o: Record | None, _h: Customer | None) -> Outcome:
    customer = shard.customers.get(r.customer_id)
    day = DAYS[r.value_date]
    legs = legs_of(r)
    fields = ("account_id", "funded_from" if isinstance(r, ProductPurchased) else "paid_to")
    refusal = refused_currency(shard, r.currency) or refused_date(r, day)
    for (account_id, _), field in zip(legs, fields, strict=False):
        refusal = refusal or refused_account(customer, account_id, day, field)
    refusal = refusal or refused_age(shard, day)
    if refusal or customer is None:
        return refusal or NOTHING
    return _moving(shard, customer, r, day, lambda: shard.evolve(r))


def _loan_move(shard: Shard, r: LoanDisbursed | LoanRepaid, _o: Record | None, _h: Customer | None) -> Outcome:
    """Money lent or paid back: the loan moves, and the account that is named, which is judged as any other money."""
    customer = shard.customers.get(r.customer_id)
    day = DAYS[r.value_date]
    legs = legs_of(r)
    refusal = refused_currency(shard, r.currency) or refused_date(r, day)
    for account_id, _ in legs:
        field = "paid_to" if isinstance(r, LoanDisbursed) else "paid_from"
        refusal = refusal or refused_account(customer, account_id, day, field)
    if isinstance(r, LoanRepaid):
        refusal = refusal or refused_loan(customer, r.loan_id)
    if legs:
        refusal = refusal or refused_age(shard, day)
    if refusal:
        return refusal
    if not legs or customer is None:
        shard.evolve(r)
        return NOTHING
    return _moving(shard, customer, r, day, lambda: shard.evolve(r))


def _moving(shard: Shard, customer: Customer, r: Record, day: Day, evolve: Callable[[], None]) -> list[Decision]:
    """Let a record change balances; in a closed month that restates (DOMAIN §4, late and backdated records)."""
    if day > shard.last_closed_end:
        evolve()
        return []
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
    refusal = refused_currency(shard, r.currency) or refused_date(r, day)
    if not refusal and customer is not None and r.account_id in customer.accounts:
        refusal = Refusal("account_exists", f"the customer has or had an account {r.account_id!r}", "account_id")
    if not refusal and opening:
        refusal = refused_age(shard, day)
    if refusal:
        return refusal
    if not opening:
        shard.evolve(r)
        return NOTHING
    return _moving(shard, shard.customers.ensure(r.customer_id), r, day, lambda: shard.evolve(r))


def _closed(shard: Shard, r: AccountClosed, _o: Record | None, history: Customer | None) -> Outcome:
    day = DAYS[r.value_date]
    customer = shard.customers.get(r.customer_id)
    refusal = refused_date(r, day) or refused_account(customer, r.account_id, day, "account_id")
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
        refused_currency(shard, r.currency)
        or _refused_product(r)
        or refused_date(r, day)
        or refused_account(customer, r.account_id, day, "account_id")
        or refused_age(shard, day)
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
        refused_currency(shard, r.currency)
        or refused_date(r, day)
        or refused_account(customer, r.account_id, day, "account_id")
    )
    if refusal or customer is None:
        return refusal or NOTHING
    return _expected(shard, customer, r, r.balance, "balance_differs", history)


# ------------------------------------------------------------------------------------------------------ reversals


def _reversal(shard: Shard, r: Reversal, original: Record | None, _h: Customer | None) -> Outcome:
    customer = shard.customers.get(r.customer_id)
    if customer is None or original is None:
        return Refusal("reversal_unknown", "no such record was taken for this customer", "reverses")
    if not isinstance(original, MoneyRecord | ValuationUpdated | LoanDisbursed | LoanRepaid):
        return Refusal("bad_value", "such a record is corrected by a new one, not reversed", "reverses")
    reference = reference_of(original)
    if customer.story is not None and reference in customer.story.reversed_ids:
        return Refusal("already_reversed", "the record was reversed before", "reverses")
    if isinstance(original, LoanDisbursed | LoanRepaid):
        return _loan_reversal(shard, customer, r, original)
    day = DAYS[original.value_date]
    refusal = refused_age(shard, day, "reverses")
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
        record_type=str(original.__struct_config__.tag),
        occurred_on=original.occurred_at[:10],
    )
    shard.evolve(r)
    return [decision, *_moving(shard, customer, r, day, lambda: shard.evolve(decision))]


def _loan_reversal(shard: Shard, customer: Customer, r: Reversal, original: LoanDisbursed | LoanRepaid) -> Outcome:
    """Undo both legs of a loan's movement; without an account no month is touched, and none is too old."""
    day = DAYS[original.value_date]
    legs = legs_of(original)
    refusal = refused_age(shard, day, "reverses") if legs else None
    if refusal:
        return refusal
    decision = LoanReversed(
        customer_id=r.customer_id,
        original=cause_of(original),
        reference=reference_of(original),
        value_date=original.value_date,
        booked_on=r.occurred_at[:10],
        happened_on=original.occurred_at[:10],
        loan_id=original.loan_id,
        amount=-gain_of(original),
        legs=tuple((account_id, -delta) for account_id, delta in legs),
        cause=cause_of(r),
    )
    shard.evolve(r)
    if legs:
        return [decision, *_moving(shard, customer, r, day, lambda: shard.evolve(decision))]
    shard.evolve(decision)
    return [decision]


# ------------------------------------------------------------------------------------------------------ calendar


def _day_closed(shard: Shard, r: BusinessDayClosed, _o: Record | None, _h: Customer | None) -> Outcome:
    """Take a close: alerts for skipped days, what was counted for its totals. The closing itself comes after."""
    day = DAYS[r.date]
    highest = shard.calendar.highest.get(r.source, 0)
    if highest and day > highest + LONGEST_SKIP_DAYS:
        return Refusal("bad_value", f"more than {LONGEST_SKIP_DAYS} days after the source's latest close", "date")
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


Take = Callable[[Shard, Any, Record | None, Customer | None], Outcome]


def _then_judged(take_one: Take) -> Take:
    """And what the record, once taken, raises at once (DOMAIN §5, When)."""

    def taken(shard: Shard, r: Any, original: Record | None, history: Customer | None) -> Outcome:
        outcome = take_one(shard, r, original, history)
        if isinstance(outcome, Refusal):
            return outcome
        raised = judge_record(shard, r, outcome)
        return [*outcome, *raised] if raised else outcome

    return taken


_SINGLE: dict[type[Record], Take] = {
    **dict.fromkeys(CREDITS, _single(1)),
    **dict.fromkeys(DEBITS, _single(-1)),
}
_OTHER: dict[type[Record], Take] = {
    ProductPurchased: _legs,
    ProductRedeemed: _legs,
    ProductMatured: _legs,
    AccountOpened: _opened,
    AccountClosed: _closed,
    ValuationUpdated: _valuation,
    BalanceStated: _stated,
    CustomerBroughtForward: take_brought,
    LoanOpened: take_loan,
    **dict.fromkeys(LOAN_MOVES, _loan_move),
    LoanOverdue: take_word_on_loan,
    LoanClassified: take_word_on_loan,
    Reversal: _reversal,
    SpecialVipGranted: unless_erased(take_grant),
    SpecialVipRevoked: take_revocation,
    **dict.fromkeys(MASTER_DATA, unless_erased(take_master_data)),
    **dict.fromkeys(INTERACTIONS, unless_erased(take_interaction)),
    TriggerClaimed: unless_erased(take_claim),
    ManagerContact: unless_erased(take_contact),
    CampaignContact: unless_erased(take_campaign_contact),
    ComplaintFiled: unless_erased(take_complaint),
    ComplaintResolved: unless_erased(take_resolution),
    ErasureRequested: take_erasure,
}

TAKE: dict[type[Record], Take] = {
    **_SINGLE,
    **{kind: _then_judged(take_one) for kind, take_one in _OTHER.items()},
    BusinessDayClosed: _day_closed,
}
"""Every record type that is taken and the function that judges it."""
