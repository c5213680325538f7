"""The stories: how customers leave a bank, and what looks like it and is not. Each is told day by day, once.

The first ten end with the bank losing the customer or the money; `triggers` should have spoken before. Of the others
nothing is lost; theirs are those that may be mistaken.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from guanxi.simulator.person import Days, Person
from guanxi.simulator.population import CNY

Script = Callable[[Person], Days]


@dataclass(frozen=True, slots=True)
class Story:
    """One story. wealth_cny: from, to; takes_days: so many days before the end of the bank it begins at the latest."""

    name: str
    leaves: bool
    script: Script
    triggers: tuple[str, ...]
    wealth_cny: tuple[int, int] = (60_000, 900_000)
    takes_days: int = 60
    borrows: bool = False


# ------------------------------------------------------------------------------------------ who leaves


def _salary_moves(p: Person) -> Days:
    p.begin()
    p.customer.pay_day = 0
    p.customer.activity //= 5
    yield from p.days(45, 75)
    p.to_bank(p.part(75, 95))
    p.lost()


def _drifts_to_a_platform(p: Person) -> Days:
    p.begin()
    enough = p.balance * 3 // 10
    while p.balance > enough:
        p.to_platform(p.part(8, 15))
        yield from p.days(3, 8)
    p.lost()


def _takes_what_matures(p: Person) -> Days:
    p.buy(p.part(70, 90))
    while p.holds:
        yield
    p.begin()
    yield from p.days(1, 3)
    p.to_bank(p.part(90, 98))
    p.lost()


def _complains_in_vain(p: Person) -> Days:
    p.begin()
    p.complains(p.chance.between(1, 3))
    yield from p.days(10, 25)
    p.to_bank(p.part(85, 97))
    p.lost()


def _is_dissatisfied(p: Person) -> Days:
    p.begin()
    p.says("satisfaction_rated", f',"score":{p.chance.between(1, 2)},"about":"counter"')
    yield from p.days(8, 25)
    p.to_bank(p.part(80, 95))
    p.lost()


def _falls_asleep(p: Person) -> Days:
    p.begin()
    p.customer.activity = p.customer.pay_day = 0
    p.customer.texts = False
    yield from p.days(120, 150)
    p.to_bank(p.part(95, 99))
    p.lost()


def _takes_it_in_two_days(p: Person) -> Days:
    p.begin()
    p.to_bank(p.part(50, 70))
    yield from p.days(2, 9)
    p.to_bank(p.part(90, 97))
    p.lost()


def _closes_the_account(p: Person) -> Days:
    p.begin()
    p.customer.pay_day = p.customer.activity = 0
    p.to_bank(p.part(60, 80))
    yield from p.days(5, 20)
    p.close_account()
    p.lost()


def _cannot_pay(p: Person) -> Days:
    p.begin()
    instalment = p.chance.between(2_000, 9_000) * CNY
    for days, name in ((4, "special_mention"), (34, "substandard"), (64, "doubtful")):
        p.is_overdue(instalment * (1 + days // 30), days)
        yield
        p.is_classified(name)
        yield from p.days(29, 29)
    p.lost()


def _slides_below_the_level(p: Person) -> Days:
    while p.day.on.day > 4:
        yield
    p.begin()
    p.to_bank(p.part(45, 70))
    month = p.day.on.month
    while p.day.on.month == month and not p.day.month_end:
        yield
    p.lost()


# ------------------------------------------------------------------------------------------ who only looks so


def _goes_on_holiday(p: Person) -> Days:
    p.begin()
    activity, p.customer.activity = p.customer.activity, 0
    yield from p.days(20, 45)
    p.customer.activity = activity


def _buys_a_car(p: Person) -> Days:
    p.begin()
    p.to_seller(p.part(35, 60), "购车款")
    yield


def _is_paid_early(p: Person) -> Days:
    while p.day.on.day != 1:
        yield
    p.begin()
    pay_day, p.customer.pay_day = p.customer.pay_day, 0
    while p.day.on.day < max(1, pay_day - p.chance.between(2, 4)):
        yield
    p.is_paid(p.customer.income_minor)
    while p.day.on.day <= pay_day:
        yield
    p.customer.pay_day = pay_day


def _changes_jobs(p: Person) -> Days:
    p.begin()
    pay_day, p.customer.pay_day = p.customer.pay_day, 0
    yield from p.days(40, 55)
    p.customer.pay_day = pay_day


def _moves_between_own_accounts(p: Person) -> Days:
    p.begin()
    for _ in range(4):
        p.save(p.part(50, 80))
        yield from p.days(3, 9)
        p.spend_savings()
        yield from p.days(3, 9)


def _renews_what_matures(p: Person) -> Days:
    p.buy(p.part(70, 90))
    while p.holds:
        yield
    p.begin()
    yield from p.working_day()
    p.buy(p.part(85, 98))


def _is_heard(p: Person) -> Days:
    p.begin()
    p.complains(p.chance.between(1, 2))
    yield
    yield from p.working_day()
    p.is_heard()


def _tops_up_often(p: Person) -> Days:
    p.begin()
    for _ in range(12):
        p.to_platform(min(p.part(1, 2), 1_500 * CNY))
        yield from p.days(3, 6)


def _lends_and_gets_it_back(p: Person) -> Days:
    p.begin()
    amount = p.part(40, 60)
    p.to_bank(amount, "借款")
    yield from p.days(3, 8)
    p.comes_back(amount, "还款")


def _forgets_an_instalment(p: Person) -> Days:
    p.begin()
    p.is_overdue(p.chance.between(2_000, 9_000) * CNY, 1)
    yield


def _dips_and_fills_up(p: Person) -> Days:
    while p.day.on.day > 4:
        yield
    p.begin()
    amount = p.part(30, 45)
    p.to_family(amount)
    yield from p.days(6, 9)
    p.comes_back(amount, "资金转回")


STORIES: Final = (
    Story("salary moves to another bank", True, _salary_moves, ("payroll_stopped",), takes_days=80),
    Story("drifts to a platform", True, _drifts_to_a_platform, ("outside_platform_drift", "aum_drop"), takes_days=110),
    Story("takes what matures", True, _takes_what_matures, ("maturity_unrenewed",), takes_days=45),
    Story("complains in vain", True, _complains_in_vain, ("complaint_open",), takes_days=30),
    Story("is dissatisfied", True, _is_dissatisfied, ("dissatisfied",), takes_days=30),
    Story("falls asleep", True, _falls_asleep, ("dormant",), takes_days=160),
    Story("takes it in two days", True, _takes_it_in_two_days, ("large_outflow", "aum_drop"), (120_000, 900_000), 15),
    Story("closes the account", True, _closes_the_account, ("relationship_end",), takes_days=30),
    Story("cannot pay", True, _cannot_pay, ("credit_warning",), takes_days=100, borrows=True),
    Story("slides below the level", True, _slides_below_the_level, ("tier_at_risk",), (215_000, 340_000), 70),
    Story("goes on holiday", False, _goes_on_holiday, ("dormant", "aum_drop"), takes_days=60),
    Story("buys a car", False, _buys_a_car, ("large_outflow", "aum_drop"), (250_000, 900_000), 20),
    Story("is paid early", False, _is_paid_early, ("payroll_stopped",), takes_days=70),
    Story("changes jobs", False, _changes_jobs, ("payroll_stopped",), takes_days=80),
    Story("moves between own accounts", False, _moves_between_own_accounts,
          ("large_outflow", "outside_platform_drift", "aum_drop")),
    Story("renews what matures", False, _renews_what_matures, ("maturity_unrenewed", "large_outflow"), takes_days=45),
    Story("is heard", False, _is_heard, ("complaint_open",), takes_days=10),
    Story("tops up often", False, _tops_up_often, ("outside_platform_drift",), takes_days=80),
    Story("lends and gets it back", False, _lends_and_gets_it_back, ("large_outflow", "aum_drop"), (150_000, 900_000)),
    Story("forgets an instalment", False, _forgets_an_instalment, ("credit_warning",), takes_days=10, borrows=True),
    Story("dips and fills up", False, _dips_and_fills_up, ("tier_at_risk",), (260_000, 450_000), 40),
)  # fmt: skip
"""Who leaves, then who only looks so."""
