"""Accounts against the definition: end-of-day balances folded anew from every record (DOMAIN §3)."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates import account as accounts
from aggregates.account import Account
from aggregates.customer import Customer, new_story
from aggregates.dates import Day, Month, days_in, first_day, last_day, month_from, month_of
from aggregates.packing import listed_accounts, number_of, pack, pack_balances, unpack
from tests.dsl.bank import given as bank_given
from tests.dsl.records import brought, close, closed_through, deposit, granted, opened

BASE = first_day(month_from("2026-01"))
CHOICES = ("open", "money", "money", "value", "back", "close", "close", "pack")


class Told:
    """Everything that was said about an account, and balances by their definition."""

    def __init__(self) -> None:
        self.said: list[tuple[Day, str, int, bool]] = []
        self.first_month: Month = 0

    def counted(self, day: Day) -> Day:
        return max(day, first_day(self.first_month)) if self.first_month else day

    def balance(self, day: Day) -> int:
        """Fold by date; within a date first all money, then the valuation that stands last in the log."""
        of_day: dict[Day, tuple[int, int | None]] = {}
        for on, kind, amount, counts in self.said:
            if counts:
                money, value = of_day.get(self.counted(on), (0, None))
                of_day[self.counted(on)] = (money + amount, value) if kind == "money" else (money, amount)
        balance = 0
        for on in sorted(each for each in of_day if each <= day):
            money, value = of_day[on]
            balance = balance + money if value is None else value
        return balance

    def month_sum(self, month: Month) -> int:
        return sum(self.balance(day) for day in range(first_day(month), last_day(month) + 1))


class Run:
    """An account and what was told of it, step by step."""

    def __init__(self, category: str, window: int) -> None:
        self.account = accounts.opened(0, category, BASE - 40, 0)
        self.told, self.window, self.last_closed = Told(), window, 0
        self.retained = window + 1

    def oldest(self) -> Month:
        return max(self.told.first_month, self.last_closed - self.window + 1) if self.last_closed else 0

    def is_open(self, day: Day) -> bool:
        """Whether a record of this value date may still come."""
        return not self.last_closed or month_of(self.told.counted(day)) >= self.oldest()

    def roll(self) -> None:
        accounts.roll(self.account, self.last_closed, self.told.first_month, self.retained)

    def money(self, day: Day, amount: int) -> None:
        self.roll()
        self.told.said.append((day, "money", amount, True))
        accounts.post(self.account, day, amount, self.told.first_month, [])

    def value(self, day: Day, amount: int) -> None:
        self.roll()
        if self.account.valued is None:
            flat = [part for on, _, delta, counts in self.told.said if counts for part in (on, delta)]
            accounts.keep_days(self.account, flat, self.told.first_month, self.retained)
        self.told.said.append((day, "value", amount, True))
        accounts.value(self.account, day, amount, f"v {len(self.told.said)}", self.told.first_month, [])

    def back(self, at: int) -> None:
        open_ones = [n for n, (day, _, _, counts) in enumerate(self.told.said) if counts and self.is_open(day)]
        if not open_ones:
            return
        n = open_ones[at % len(open_ones)]
        day, kind, amount, _ = self.told.said[n]
        self.roll()
        self.told.said[n] = (day, kind, amount, False)
        if kind == "money":
            accounts.post(self.account, day, -amount, self.told.first_month, [])
        else:
            accounts.unvalue(self.account, day, f"v {n + 1}", self.told.first_month, [])

    def close(self) -> None:
        """The first close begins the first month; every later one closes a month."""
        if not self.told.first_month:
            self.told.first_month = month_of(BASE)
            accounts.begin_first_month(self.account, self.told.first_month, [])
        else:
            self.last_closed = (self.last_closed or self.told.first_month - 1) + 1

    def pack(self) -> None:
        (self.account,) = unpack(pack(Customer("C1", 0, {"A1": self.account}))).accounts.values()

    def step(self, kind: str, day: int, amount: int) -> None:
        match kind:
            case "money" | "value":
                if self.is_open(BASE + day):
                    getattr(self, kind)(BASE + day, amount if kind == "money" else abs(amount))
            case "back":
                self.back(day)
            case "close":
                self.close()
            case "open":
                if not self.told.said:
                    self.account = accounts.opened(0, self.account.category, BASE + day, self.last_closed)
            case _:
                self.pack()

    def check(self) -> None:
        told, account = self.told, self.account
        (held,) = unpack(pack_balances(Customer("C1", 0, {"A1": account}))).accounts.values()
        assert account.balance == held.balance == told.balance(10**7)
        assert (held.number, held.category) == (account.number, account.category)
        if not told.first_month:
            return
        kept = max(told.first_month, self.last_closed - self.window)
        for month in range(kept, max(self.last_closed, told.first_month) + 3):
            assert accounts.month_sum(account, month) == accounts.month_sum(held, month) == told.month_sum(month)
        for day in range(first_day(kept), first_day(kept) + 130, 7):
            found = accounts.balance_on(account, day, told.first_month)
            assert found is None or found == told.balance(day)
            month = month_of(day)
            if month > max(self.last_closed, account.rolled):
                assert accounts.sum_through(account, day) == sum(
                    told.balance(each) for each in range(max(first_day(month), 1), day + 1)
                )


STEPS = st.lists(
    st.tuples(st.sampled_from(CHOICES), st.integers(-45, 200), st.integers(-500, 500)), min_size=4, max_size=40
)


@settings(max_examples=250, deadline=None)
@given(STEPS, st.sampled_from(["fund", "deposit"]), st.integers(1, 3))
def test_balances_and_sums_are_those_of_the_definition(
    steps: list[tuple[str, int, int]], category: str, window: int
) -> None:
    run = Run(category, window)
    for step in steps:
        run.step(*step)
        run.check()


@pytest.mark.parametrize("category", ["fund", "deposit"])
def test_years_may_lie_between_two_movements_before_the_first_close(category: str) -> None:
    run = Run(category, window=3)
    for day, amount in ((0, 300), (40, 1), (2_000, 5), (1_990, 7), (2_100, 2), (60, 1), (4_000, 11)):
        run.money(BASE + day, amount)
    for _ in range(135):
        run.close()
        run.check()
    run.money(BASE + 4_010, 13)
    run.check()


@pytest.mark.parametrize("month", [month_from("2026-02"), month_from("2028-02"), month_from("2026-01")])
def test_the_balance_stays_after_the_last_known_day(month: Month) -> None:
    account = accounts.opened(0, "deposit", 1, 0)
    accounts.post(account, first_day(month) - 3, 7, 0, [])
    assert accounts.month_sum(account, month) == 7 * days_in(month)
    assert accounts.sum_through(account, first_day(month) + 4) == 35


def test_a_valuation_needs_an_account_that_keeps_its_days() -> None:
    with pytest.raises(ValueError, match="keep_days"):
        accounts.value(accounts.opened(0, "deposit", 1, 0), 5, 1, "v", 0, [])


def test_keeping_days_twice_changes_nothing() -> None:
    account = accounts.opened(0, "fund", 1, 0)
    accounts.post(account, 5, 7, 0, [])
    before = msgspec.msgpack.encode(account)
    accounts.keep_days(account, [5, 1000], 0, 13)
    assert msgspec.msgpack.encode(account) == before


@pytest.mark.parametrize("category", ["deposit", "fund"])
@pytest.mark.parametrize("silent_months", [1, 2, 3, 4, 9])
def test_an_account_that_was_silent_for_longer_than_months_are_kept(category: str, silent_months: int) -> None:
    run = Run(category, window=2)
    for step in (
        ("money", 3, 100),
        ("close", 0, 0),
        ("close", 0, 0),
        ("money", 35, 7),
        *[("close", 0, 0)] * silent_months,
    ):
        run.step(*step)
    late = 31 + 28 * silent_months
    for step in (
        ("money", late + 20, 9),
        ("money", late, -5),
        ("value", late + 3, 50),
        ("close", 0, 0),
        ("back", 3, 0),
    ):
        run.step(*step)
        run.check()


# Packing


def wide() -> Account:
    account = accounts.opened(0, "deposit", 1, 0)
    accounts.post(account, first_day(month_from("2026-01")), 2**70, 0, [])
    return account


STATES: dict[str, Callable[[], Customer]] = {
    "new": lambda: Customer("C1", 0, {}),
    "with a story": lambda: Customer("客户", 0, {}, new_story()),
    "an account beyond 64 bits": lambda: Customer("C1", 0, {"A1": wide()}),
    "beyond 64 bits, with a story of months": lambda: Customer(
        "C1", 0, {"A1": wide()}, msgspec.structs.replace(new_story(), brought={month_from("2025-12"): 2**65})
    ),
    "as a bank leaves it": lambda: bank_given(
        brought("C1", "vip", level="diamond", watch=[None, "gold"], on="2025-12-31"),
        opened("C1", "A1", on="2026-01-01", balance="100.00"),
        close("2026-01-31"),
        closed_through("2026-03-31"),
        deposit("C1", "A1", "1.00", on="2026-01-31"),
        granted("C1", "gold", on="2026-04-01"),
    ).customer(),
}


@pytest.mark.parametrize("name", STATES)
def test_a_packed_customer_is_the_same(name: str) -> None:
    customer = STATES[name]()
    assert unpack(pack(customer)) == customer
    assert pack(unpack(pack(customer))) == pack(customer)


@pytest.mark.parametrize("name", STATES)
def test_balances_are_packed_without_anything_else(name: str) -> None:
    customer = STATES[name]()
    packed = pack_balances(customer)
    found = unpack(packed)
    assert pack_balances(found) == packed
    assert (found.id, found.number, found.spot_minor) == (customer.id, customer.number, customer.spot_minor)
    assert (found.story, found.conduct, found.profile, found.relations, found.life, found.loans) == (None,) * 6
    assert number_of(packed) == customer.number
    assert list(listed_accounts(packed)) == list(customer.accounts)


def test_days_are_packed_with_balances_until_a_month_is_closed() -> None:
    account = accounts.opened(0, "deposit", BASE, 0)
    accounts.post(account, BASE, 7, 0, [])
    customer = Customer("C1", 0, {"A1": account})
    assert unpack(pack_balances(customer)) == customer
    accounts.roll(account, month_of(BASE), month_of(BASE), 2, BASE)
    assert account.days
    (held,) = unpack(pack_balances(customer)).accounts.values()
    assert (held.days, held.valued, held.running) == ([], None, 7 * 31)
