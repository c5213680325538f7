"""The people of the simulated city: age, branch, salary and its end, money shown for a while, money that returns."""

import json
from collections import defaultdict
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import pytest

from guanxi.simulator import records
from guanxi.simulator.chance import Chance
from guanxi.simulator.days import ONE_DAY, SPRING_FESTIVAL, is_working
from guanxi.simulator.jobs import due
from guanxi.simulator.names import DISTRICTS, EMPLOYERS, PENSION_OFFICE
from guanxi.simulator.population import CNY, PENSION_AGE, Customer, Income, Pays, population

START, DAYS = date(2025, 1, 1), 425


@pytest.fixture(scope="module")
def people() -> list[Customer]:
    return population(Chance(5), 10_000, START, DAYS)


@pytest.fixture(scope="module")
def bank() -> list[dict[str, Any]]:
    return [json.loads(line) for line in records(600, DAYS, seed=11)]


def test_people_have_an_age_a_district_and_a_branch(people: list[Customer]) -> None:
    ages = [each.age for each in people]
    assert (min(ages), max(ages)) == (18, 84)
    branches = {branch for district in DISTRICTS for branch in district.branches}
    assert {each.branch for each in people} == branches
    assert all(each.main.account_id.startswith(f"{each.branch}-") for each in people)
    assert sum(district.share for district in DISTRICTS) == 100


def test_age_and_district_decide_how_people_live(people: list[Customer]) -> None:
    old = [each for each in people if each.age >= PENSION_AGE]
    young = [each for each in people if each.age < 45]
    assert {each.income for each in old} == {Income.PENSION, Income.NONE}
    assert Income.PENSION not in {each.income for each in young}
    assert sum(each.pays is Pays.IN_CASH for each in old) > len(old) // 2
    assert Pays.IN_CASH not in {each.pays for each in young}
    rural = {branch for district in DISTRICTS if district.rural for branch in district.branches}
    earned: dict[bool, list[int]] = {True: [], False: []}
    for each in people:
        earned[each.branch in rural].append(each.income_minor)
    assert sum(earned[True]) * len(earned[False]) < sum(earned[False]) * len(earned[True])


def test_few_hold_most_of_it(people: list[Customer]) -> None:
    rich = [each.wealth_minor for each in people if each.wealth_minor >= 500_000 * CNY]
    assert 0.018 < len(rich) / len(people) < 0.03
    assert 0.65 < sum(rich) / sum(each.wealth_minor for each in people) < 0.85


def paid(bank: list[dict[str, Any]]) -> dict[str, list[tuple[date, str]]]:
    """Day and payer of all that was paid as salary or pension, by customer."""
    found: dict[str, list[tuple[date, str]]] = defaultdict(list)
    for record in bank:
        if record["type"] == "payroll_credited":
            on = date.fromisoformat(record["value_date"])
            found[record["customer_id"]].append((on, record["counterparty"]["name"]))
    return found


def test_salaries_come_on_working_days_before_days_off(bank: list[dict[str, Any]]) -> None:
    assert due(date(2025, 2, 14)) == {15}
    assert due(date(2025, 4, 30)) == {5}
    assert due(date(2025, 9, 30)) == {5}
    assert due(date(2025, 10, 8)) == {8}
    assert due(date(2025, 10, 5)) == set()
    everyone = paid(bank)
    assert all(is_working(on) for times in everyone.values() for on, _ in times)
    assert {name for times in everyone.values() for _, name in times} == {*EMPLOYERS, PENSION_OFFICE}


def test_every_salary_of_a_month_is_paid_once() -> None:
    days = [START + timedelta(days=number) for number in range(365 * 8)]
    times = [(day, on.isoformat()) for on in days for day in due(on)]
    assert len(times) == len(set(times)) == 5 * 8 * 12


def test_some_salaries_end_and_some_begin_again_elsewhere(bank: list[dict[str, Any]]) -> None:
    last_day = START + timedelta(days=DAYS - 1)
    seen = {record["customer_id"]: record["occurred_at"][:10] for record in bank if "customer_id" in record}
    ended, moved = 0, 0
    for customer_id, times in paid(bank).items():
        here = date.fromisoformat(seen[customer_id]) > last_day - timedelta(days=40)
        ended += here and last_day - times[-1][0] > timedelta(days=60)
        moved += any(later[0] - one[0] > timedelta(days=40) and later[1] != one[1] for one, later in pairwise(times))
    assert ended >= 5
    assert moved >= 2


def test_money_is_shown_at_month_ends_and_for_whole_months(bank: list[dict[str, Any]]) -> None:
    came: dict[str, date] = {}
    shown: list[int] = []
    for record in bank:
        if record.get("memo") == "往来款":
            came[record["customer_id"]] = date.fromisoformat(record["value_date"])
        elif record.get("memo") in ("转出", "转入余额理财") and record["customer_id"] in came:
            shown.append((date.fromisoformat(record["value_date"]) - came.pop(record["customer_id"])).days)
    assert set(shown) == {2, 31, 32}  # from the last of a month, or the first of one, to the 2nd of the next
    assert shown.count(2) >= 5
    assert shown.count(31) + shown.count(32) >= 5


def test_some_of_the_money_that_left_comes_back(bank: list[dict[str, Any]]) -> None:
    assert sum(record.get("memo") == "资金转回" for record in bank) >= 1


def test_funds_are_valued_on_every_working_day(bank: list[dict[str, Any]]) -> None:
    valued: dict[str, list[date]] = defaultdict(list)
    for record in bank:
        if record["type"] == "valuation_updated":
            valued[record["account_id"]].append(date.fromisoformat(record["value_date"]))
    longest = max(valued.values(), key=len)
    on, working = longest[0], []
    while on <= longest[-1]:
        working += [on] if is_working(on) else []
        on += ONE_DAY
    assert longest == working
    assert len(longest) > 250


def test_lunar_years_have_twelve_or_thirteen_months() -> None:
    festivals = [SPRING_FESTIVAL[year] for year in sorted(SPRING_FESTIVAL)]
    assert {(later - one).days for one, later in pairwise(festivals)} == {354, 355, 384}
    assert sorted(SPRING_FESTIVAL) == list(range(2020, 2051))
