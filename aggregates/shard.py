"""One shard of the bank: its customers, its calendar, and how both evolve line by line (DOMAIN §2).

A shard is one writer's share of the customers. It changes by `evolve` alone: records as taken and decisions as made. What
may refuse or decide is in ``aggregates.records``; what happens as a day closes is in ``aggregates.closing``.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from aggregates import account as accounts
from aggregates import days
from aggregates import loan_lines as loans
from aggregates import profile as profiles
from aggregates.account import Account
from aggregates.conduct import (
    add_activity,
    conduct_of,
    note_brought,
    note_closing,
    note_maturity,
    note_product,
    note_reversed,
    note_single,
)
from aggregates.customer import (
    Customer,
    brought,
    changed,
    moved,
    profile_of,
    rerun,
    restated,
    roll_accounts,
    story_of,
)
from aggregates.customers import Customers
from aggregates.dates import Day, Month, days_in, first_day, last_day, month_of
from aggregates.interactions import evolve_interaction
from aggregates.packing import freeze, waken
from aggregates.policy import Policies, Policy
from aggregates.postings import cause_of, legs_of, reference_of
from aggregates.tiers import last_closed_month
from aggregates.triggers import upkeep
from aggregates.triggers.duty import Duty
from aggregates.waiting import Asked, Calendar, Parked, StatedTotals, Statement, Waiting
from events.calendar import BusinessDayClosed
from events.codec import DAYS
from events.customers import ErasureRequested, SpecialVipGranted, SpecialVipRevoked
from events.decisions import (
    AccountDaysKept,
    CommandRefused,
    CustomerErased,
    CustomerUnparked,
    DayClosed,
    DayClosing,
    Decision,
    InputReset,
    IntegrityAlerted,
    MonthRestated,
    PolicyActivated,
    PostingReversed,
    RecordParked,
    RecordRedriven,
    RecordRefused,
    SpecialRecorded,
    Tier,
    TierChanged,
    TierMoved,
    TierRerun,
    TotalsCounted,
    TriggerMoved,
    TriggersActivated,
)
from events.fields import CustomerRecord, Record
from events.interactions import TYPES as INTERACTIONS
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

EARLIEST: Month = 12
"""January of year 1: the month asked for while no day is closed."""


class Shard(Duty):
    """State of one shard; see the module."""

    def __init__(self, policies: Policies) -> None:
        super().__init__(policies)
        self.customers = Customers()
        self.calendar = Calendar()
        self.totals: dict[str, dict[str, list[int]]] = {}
        self.statements: dict[Day, list[Statement]] = {}
        self.stated_totals: dict[Day, list[StatedTotals]] = {}
        self.asked: list[Asked] = []
        self.brought: list[Waiting] = []
        self.late: dict[str, None] = {}
        self.specials: dict[Day, dict[str, None]] = {}
        self.closing_cursor: int | None = None
        self.shared_ids: dict[str, None] = {}
        self.parked: dict[str, Parked] = {}
        self.erased: dict[str, Day] = {}
        self.kept_from: Month = 0
        self.account_count = 0
        self.moves: list[int] = []
        self.in_hand = ""
        """Whose part of a close is being decided: the one to set aside if our code fails there. Not part of the state."""
        self.renew()

    def renew(self) -> None:
        """Recompute what follows from calendar and policies."""
        calendar = self.calendar
        self.first_month: Month = month_of(calendar.first_closed) if calendar.first_closed else 0
        self.closed_through: Day = calendar.closed_through
        closed = last_closed_month(self.closed_through) if self.closed_through else 0
        self.last_closed: Month = closed if closed >= self.first_month else 0
        self.last_closed_end: Day = last_day(self.last_closed) if self.last_closed else 0
        if len(self.policies):
            self.currency = self.policies.latest.currency
            self.retained = self.policies.retained_months
            self.lowest_entry = min(policy.entry_minor for policy in self.policies)
            self.policy = self.policies.at(
                month_of(self.open_day) if self.closed_through else self.first_month or EARLIEST
            )
            self.oldest: Month = max(
                self.last_closed - self.policy.restatement_months + 1, self.first_month, self.kept_from
            )
            kept = max(self.last_closed - self.retained + 1, self.first_month, self.kept_from)
            self.window: Day = first_day(kept) if self.last_closed else 0
            self.renew_rules(self.policy, self.last_closed)

    @property
    def open_day(self) -> Day:
        """The day after the last closed one; while the first close is being decided, its day; 0 before."""
        if self.closed_through:
            return self.closed_through + 1
        return self.due

    @property
    def due(self) -> Day:
        """The lowest of the required sources' highest closed dates; 0 until each has closed once."""
        highest = self.calendar.highest
        return min((highest.get(source, 0) for source in self.required), default=0)

    @property
    def required(self) -> tuple[str, ...]:
        """The sources whose closes close a day (DOMAIN §2)."""
        first = self.calendar.first_source
        return self.policy.sources or ((first,) if first else ())

    @property
    def closing(self) -> Day:
        """The day that has to be closed next, or 0."""
        due = self.due
        if not due:
            return 0
        if not self.closed_through:
            return due
        return self.closed_through + 1 if due > self.closed_through else 0

    # ------------------------------------------------------------------------------------------ small steps

    def take_moves(self) -> list[int]:
        """What moved since it was last asked, flat: account number, day, amount in minor units (``aggregates.account``)."""
        moves, self.moves = self.moves, []
        return moves

    def roll_account(self, customer: Customer, account: Account) -> None:
        """Bring an account to the last closed month."""
        if account.rolled != self.last_closed:
            accounts.roll(account, self.last_closed, self.first_month, self.retained, self.days_kept(customer))

    def post(self, customer: Customer, account: Account, day: Day, delta: int) -> None:
        """Money on an account, which is first brought to the last closed month."""
        self.roll_account(customer, account)
        accounts.post(account, day, delta, self.first_month, self.moves)

    def count(self, source: str, booked_on: str, net: int, records: int = 1) -> None:
        """Records with effect on AUM balances, for the control totals of their booking day (DOMAIN §2)."""
        of_source = self.totals.get(source)
        if of_source is None:
            of_source = self.totals[source] = {}
        entry = of_source.get(booked_on)
        if entry is None:
            of_source[booked_on] = [records, net]
        else:
            entry[0] += records
            entry[1] += net

    def index_special(self, customer_id: str, tier: Tier) -> None:
        """Remember the day on which a special ends."""
        if tier.state == "special":
            self.specials.setdefault(tier.until, {})[customer_id] = None

    def roll(self, customer: Customer) -> None:
        """Bring all accounts of a customer to the last closed month."""
        roll_accounts(customer, self.last_closed, self.first_month, self.retained, self.days_kept(customer))

    def is_quiet(self, customer: Customer) -> bool:
        """Whether no month end can decide anything about a customer until its next record (DOMAIN §4, ordinary).

        An ordinary customer nothing is remembered of, whose open month and balance are both at or below the entry
        threshold of every policy version, with no movement known beyond the open month.
        """
        if customer.story is not None or not self.first_month:
            return False
        month = self.last_closed + 1 if self.last_closed else self.first_month
        end, days = last_day(month), days_in(month)
        spot = total = 0
        for account in customer.accounts.values():
            if accounts.last_change(account) > end:
                return False
            spot += account.balance
            total += accounts.month_sum(account, month)
        return spot <= self.lowest_entry and total <= self.lowest_entry * days

    def frozen(self, customer_id: str, *, keep: bool = False) -> bytes:
        """A customer made cold, and its bytes. keep: only the bytes, the customer stays as warm as it is."""
        found = self.customers.all[customer_id]
        if isinstance(found, bytes):
            return found
        cold = freeze(found, quiet=self.is_quiet(found))
        if not keep:
            self.customers.all[customer_id] = cold
            self.cooled(customer_id)
        return cold

    # ------------------------------------------------------------------------------------------ evolve

    def evolve(self, line: Record | Decision) -> None:
        """Apply one line of the log. Never refuses: what happened, happened."""
        EVOLVE[type(line)](self, line)


def post_leg(shard: Shard, customer: Customer, account: Account, r: MoneyRecord, day: Day, delta: int) -> None:
    """A record of one leg: counted for the control totals of its booking day, posted, and noted of its customer."""
    booked_on = r.value_date if r.booked_on is UNSET else r.booked_on
    try:
        counted_so_far = shard.totals[r.source][booked_on]
        counted_so_far[0] += 1
        counted_so_far[1] += delta
    except KeyError:
        shard.count(r.source, booked_on, delta)
    if account.rolled != shard.last_closed:
        shard.roll_account(customer, account)
    accounts.post(account, day, delta, shard.first_month, shard.moves)
    conduct = customer.conduct
    assert conduct is not None  # begun with the first account
    note_single(conduct, r, day)
    upkeep.took_money(shard, customer, conduct, r, day)


def _single(sign: int) -> Callable[[Shard, MoneyRecord], None]:
    def evolve_single(shard: Shard, r: MoneyRecord) -> None:
        customer = shard.customers.all.get(r.customer_id)
        if customer.__class__ is not Customer:
            customer = shard.customers.ensure(r.customer_id)
        post_leg(shard, customer, customer.accounts[r.account_id], r, DAYS[r.value_date], sign * r.amount)

    return evolve_single


def _legs(shard: Shard, r: MoneyRecord) -> None:
    customer = shard.customers.ensure(r.customer_id)
    legs = legs_of(r)
    shard.count(r.source, r.value_date if r.booked_on is UNSET else r.booked_on, sum(delta for _, delta in legs))
    day = DAYS[r.value_date]
    for account_id, delta in legs:
        shard.post(customer, customer.accounts[account_id], day, delta)
    note_product(conduct_of(customer), r, day)


def _opened(shard: Shard, r: AccountOpened) -> None:
    customer = shard.customers.ensure(r.customer_id)
    day = DAYS[r.value_date]
    account = accounts.opened(shard.account_count, r.category, day, shard.last_closed)
    customer.accounts[r.account_id] = account
    shard.account_count += 1
    if r.opening_balance is not UNSET and r.opening_balance:
        shard.count(r.source, r.value_date, r.opening_balance)
        shard.post(customer, account, day, r.opening_balance)
    conduct = conduct_of(customer)
    note_maturity(conduct, r)
    add_activity(conduct, DAYS[r.occurred_at[:10]], r.source, r.event_id)


def _closed(shard: Shard, r: AccountClosed) -> None:
    customer = shard.customers.ensure(r.customer_id)
    customer.accounts[r.account_id].closed = DAYS[r.value_date]
    note_closing(conduct_of(customer), r)
    _expect(shard, r, Statement("balance_left_at_closing", r.customer_id, r.account_id, 0, cause_of(r)))


def _valued(shard: Shard, r: ValuationUpdated) -> None:
    customer = shard.customers.ensure(r.customer_id)
    account = customer.accounts[r.account_id]
    shard.roll_account(customer, account)
    accounts.value(account, DAYS[r.value_date], r.market_value, reference_of(r), shard.first_month, shard.moves)


def _stated(shard: Shard, r: BalanceStated) -> None:
    _expect(shard, r, Statement("balance_differs", r.customer_id, r.account_id, r.balance, cause_of(r)))


def _expect(shard: Shard, r: AccountClosed | BalanceStated, statement: Statement) -> None:
    day = DAYS[r.value_date]
    if day > shard.closed_through:
        shard.statements.setdefault(day, []).append(statement)


def _brought(shard: Shard, r: CustomerBroughtForward) -> None:
    customer = shard.customers.ensure(r.customer_id)
    brought(customer, r)
    note_brought(conduct_of(customer), r)
    shard.index_special(r.customer_id, customer.tier)
    if not shard.first_month:
        shard.brought.append(Waiting(r.customer_id, DAYS[r.value_date], cause_of(r)))


def _asked(shard: Shard, r: SpecialVipGranted | SpecialVipRevoked) -> None:
    story_of(shard.customers.ensure(r.customer_id)).asked_special = True
    if not shard.closed_through:
        level = r.level if isinstance(r, SpecialVipGranted) else None
        shard.asked.append(Asked(r.customer_id, level, DAYS[r.value_date], cause_of(r)))


def _tier_changed(shard: Shard, line: TierChanged) -> None:
    customer = shard.customers.ensure(line.customer_id)
    changed(customer, line, shard.window)
    upkeep.touch(shard, customer)
    shard.index_special(line.customer_id, line.tier)


def _tier_moved(shard: Shard, line: TierMoved) -> None:
    customer = shard.customers.ensure(line.customer_id)
    moved(customer, line, shard.window)
    upkeep.touch(shard, customer)
    shard.index_special(line.customer_id, line.tier)


def _tier_rerun(shard: Shard, line: TierRerun) -> None:
    customer = shard.customers.ensure(line.customer_id)
    rerun(customer, line, shard.window)
    upkeep.touch(shard, customer)
    shard.index_special(line.customer_id, line.tier)
    shard.late.pop(line.customer_id, None)


def _month_restated(shard: Shard, line: MonthRestated) -> None:
    restated(shard.customers.ensure(line.customer_id), line)
    shard.late[line.customer_id] = None


def _reversed(shard: Shard, line: PostingReversed) -> None:
    customer = shard.customers.ensure(line.customer_id)
    day = DAYS[line.value_date]
    story_of(customer).reversed_ids.append(line.reference)
    note_reversed(conduct_of(customer), line)
    if line.valuation_of is not None:
        account = customer.accounts[line.valuation_of]
        shard.roll_account(customer, account)
        accounts.unvalue(account, day, line.reference, shard.first_month, shard.moves)
        return
    shard.count(line.cause.source, line.booked_on, sum(delta for _, delta in line.legs))
    for account_id, delta in line.legs:
        shard.post(customer, customer.accounts[account_id], day, delta)


def _special_recorded(shard: Shard, line: SpecialRecorded) -> None:
    story_of(shard.customers.ensure(line.customer_id)).actions.append(line.action)


def _days_kept(shard: Shard, line: AccountDaysKept) -> None:
    customer = shard.customers.ensure(line.customer_id)
    account = customer.accounts[line.account_id]
    shard.roll_account(customer, account)
    accounts.keep_days(account, line.days, shard.first_month, shard.retained, shard.days_kept(customer))


def _policy_activated(shard: Shard, line: PolicyActivated) -> None:
    kept = shard.retained if len(shard.policies) else 0
    shard.policies.add(msgspec.convert(line.policy, Policy))
    if shard.last_closed and shard.policies.retained_months > kept:
        # What a shorter window dropped does not come back with a longer one.
        shard.kept_from = max(shard.kept_from, shard.last_closed - kept + 1)
    everyone = shard.customers.all
    for customer_id, found in everyone.items():
        if isinstance(found, bytes):
            everyone[customer_id] = waken(found)
    shard.everyone = bool(everyone)
    shard.renew()


def _alerted(shard: Shard, line: IntegrityAlerted) -> None:
    if line.kind == "id_in_two_places":
        shard.shared_ids[f"{line.source} {line.event_id}"] = None
    elif line.kind == "parked_at_close":
        shard.parked.setdefault(line.customer_id or "", Parked({}))


def _parked(shard: Shard, line: RecordParked) -> None:
    records = shard.parked.setdefault(line.customer_id, Parked({})).records
    key = f"{line.source} {line.event_id}"
    records[key] = records.get(key, 0) + 1


def _unparked(shard: Shard, line: CustomerUnparked) -> None:
    """The customer is in the next close again: the months closed without it are run again as restated ones are."""
    missed = shard.parked.pop(line.customer_id).missed
    if shard.closed_through:
        shard.asked = [asked for asked in shard.asked if asked.customer_id != line.customer_id]
    customer = shard.customers.get(line.customer_id)
    if customer is None:
        return
    upkeep.touch(shard, customer)
    if missed:
        story = story_of(customer)
        start = max(missed, shard.oldest)
        story.late_from = min(story.late_from, start) if story.late_from else start
        shard.late[line.customer_id] = None
    shard.index_special(line.customer_id, customer.tier)


def _erased(shard: Shard, line: CustomerErased) -> None:
    profiles.EVOLVE[CustomerErased](profile_of(shard.customers.ensure(line.customer_id)), line)
    shard.erased[line.customer_id] = DAYS[line.erased_on]


def _profiled(evolve: Callable[[profiles.Profile, Any], None]) -> Callable[[Shard, Any], None]:
    return lambda shard, r: evolve(profile_of(shard.customers.ensure(r.customer_id)), r)


def _nothing(shard: Shard, line: Record | Decision) -> None:
    """A line that changes no state."""


_SINGLE: dict[type[Any], Callable[[Shard, Any], None]] = {
    **dict.fromkeys(CREDITS, _single(1)),
    **dict.fromkeys(DEBITS, _single(-1)),
}
"""Records that most lines are; they keep their own book."""

_LINES: dict[type[Any], Callable[[Shard, Any], None]] = {
    ProductPurchased: _legs,
    ProductRedeemed: _legs,
    ProductMatured: _legs,
    AccountOpened: _opened,
    AccountClosed: _closed,
    ValuationUpdated: _valued,
    BalanceStated: _stated,
    CustomerBroughtForward: _brought,
    **loans.EVOLVE,
    Reversal: _nothing,
    SpecialVipGranted: _asked,
    SpecialVipRevoked: _asked,
    **{kind: _profiled(evolve) for kind, evolve in profiles.EVOLVE.items()},
    ErasureRequested: _nothing,
    **dict.fromkeys(INTERACTIONS, evolve_interaction),
    BusinessDayClosed: days.close,
    TierChanged: _tier_changed,
    TierMoved: _tier_moved,
    TierRerun: _tier_rerun,
    MonthRestated: _month_restated,
    PostingReversed: _reversed,
    SpecialRecorded: _special_recorded,
    CustomerErased: _erased,
    AccountDaysKept: _days_kept,
    IntegrityAlerted: _alerted,
    TotalsCounted: _nothing,
    RecordRefused: _nothing,
    InputReset: _nothing,
    RecordParked: _parked,
    CustomerUnparked: _unparked,
    RecordRedriven: _nothing,
    CommandRefused: _nothing,
    TriggerMoved: upkeep.moved,
    TriggersActivated: upkeep.activated,
    PolicyActivated: _policy_activated,
    DayClosing: days.day_closing,
    DayClosed: days.day_closed,
}

EVOLVE: dict[type[Any], Callable[[Shard, Any], None]] = _SINGLE | {
    kind: upkeep.then_took(evolve) if issubclass(kind, CustomerRecord) else evolve for kind, evolve in _LINES.items()
}
"""Every line of the log and what it does: the table of contents of the state."""
