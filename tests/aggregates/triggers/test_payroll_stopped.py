"""``payroll_stopped``: payroll in each of M−3…M−1, and none in D−25…D, D = its latest day in M and 5 more (DOMAIN §5)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.triggers.payroll_stopped import RULE, PayrollStoppedEvidence, PayrollStoppedParameters
from aggregates.triggers.rule import Found, Says
from aggregates.triggers.view import Payroll
from tests.dsl.nights import check_due, judged, night_by_night
from tests.dsl.seen import Seen, cause

DEFAULTS = PayrollStoppedParameters()


def paid(*dates: str) -> Seen:
    return Seen(
        day=day_of("2026-06-01"), paid_in=[Payroll(day_of(date), cause(at)) for at, date in enumerate(dates, start=1)]
    )


def found(seen: Seen, date: str, parameters: PayrollStoppedParameters = DEFAULTS) -> list[Found]:
    return list(RULE.find(seen.at(day_of(date)), parameters))


STOPPED = paid("2026-03-10", "2026-04-12", "2026-05-08")


def test_what_a_manager_reads() -> None:
    [(key, evidence)] = found(STOPPED, "2026-06-17")
    assert key == "2026-06"
    assert evidence == PayrollStoppedEvidence(
        days=("2026-03-10", "2026-04-12", "2026-05-08"), records=(cause(1), cause(2), cause(3))
    )
    assert RULE.says(evidence, "CNY") == Says(
        "本期代发工资未到账，前几期到账日：2026-03-10、2026-04-12、2026-05-08",
        "No salary has come this time; before it came on 2026-03-10, 2026-04-12, 2026-05-08",
    )


@pytest.mark.parametrize("date", ["2026-06-16", "2026-06-18", "2026-05-17", "2026-07-17"])
def test_on_that_day_alone(date: str) -> None:
    assert not found(STOPPED, date)


@pytest.mark.parametrize("missing", range(3))
def test_a_payroll_in_each_of_three_months(missing: int) -> None:
    dates = ["2026-03-12", "2026-04-12", "2026-05-12"]
    dates[missing] = "2026-02-12"
    assert not found(paid(*dates), "2026-06-17")


@pytest.mark.parametrize(
    ("date", "fires"),
    [("2026-05-22", True), ("2026-05-23", False), ("2026-06-17", False), ("2026-06-18", True)],
)
def test_none_for_twenty_five_days(date: str, fires: bool) -> None:
    assert bool(found(paid("2026-03-10", "2026-04-12", "2026-05-08", date), "2026-06-17")) is fires


def test_the_first_of_a_month_counts_in_whatever_order_they_came() -> None:
    seen = paid("2026-05-20", "2026-05-08", "2026-04-30", "2026-04-12", "2026-03-31", "2026-03-10")
    [(_, evidence)] = found(seen, "2026-06-17")
    assert evidence.days == ("2026-03-10", "2026-04-12", "2026-05-08")


@pytest.mark.parametrize(
    ("dates", "given_up_on", "month"),
    [
        (("2026-03-31", "2026-04-30", "2026-05-10"), "2026-07-05", "2026-06"),  # June has no 31st: the 30th
        (("2026-03-29", "2026-04-01", "2026-05-01"), "2026-07-04", "2026-06"),
        (("2026-11-30", "2026-12-30", "2027-01-20"), "2027-03-05", "2027-02"),  # 28 days
    ],
)
def test_the_latest_day_of_month_as_far_as_the_month_has_it(dates: Sequence[str], given_up_on: str, month: str) -> None:
    assert [each.key for each in found(paid(*dates), given_up_on)] == [month]
    assert judged(RULE, paid(*dates).at(day_of(dates[-1])), 90) == [day_of(given_up_on)]


def test_brought_forward_by_one_record() -> None:
    months = ("2026-03-10", "2026-04-10", "2026-05-10")
    seen = Seen(day=1, paid_in=[Payroll(day_of(date), cause("b")) for date in months])
    [(_, evidence)] = found(seen, "2026-06-15")
    assert evidence.records == (cause("b"),)


def test_the_policy_may_say_otherwise() -> None:
    parameters = PayrollStoppedParameters(months=1, after_days=40, window_days=60)
    assert [each.key for each in found(paid("2026-03-10"), "2026-05-20", parameters)] == ["2026-04"]
    assert not found(paid("2026-03-10", "2026-03-21"), "2026-05-20", parameters)
    at_once = PayrollStoppedParameters(months=1, after_days=0)
    assert [each.key for each in found(paid("2026-03-10"), "2026-04-10", at_once)] == ["2026-04"]


def test_whoever_is_paid_is_looked_at_once_a_month_at_most() -> None:
    assert judged(RULE, paid("2026-03-10", "2026-04-10", "2026-05-10"), 400) == [day_of("2026-06-15")]
    assert judged(RULE, paid("2026-03-10", "2026-04-10", "2026-05-10", "2026-06-10"), 400) == [day_of("2026-07-15")]
    assert judged(RULE, paid("2026-04-10", "2026-05-10"), 400) == []


def test_salaries_known_far_ahead() -> None:
    seen = paid("2026-09-10", "2026-10-10", "2026-11-10")
    assert judged(RULE, seen, 400) == [day_of("2026-12-15")]


START = day_of("2026-03-01")


@night_by_night
@given(
    st.lists(st.integers(START - 130, START + 60), max_size=9),
    st.integers(START - 5, START + 40),
    st.sampled_from([DEFAULTS, PayrollStoppedParameters(months=2, after_days=33, window_days=40)]),
)
def test_due_is_never_too_late(days: list[int], day: int, parameters: PayrollStoppedParameters) -> None:
    check_due(RULE, Seen(day=day, paid_in=[Payroll(each, cause(each)) for each in days]), 150, parameters)


@night_by_night
@given(st.integers(0, 27), st.lists(st.integers(-2, 2), min_size=6, max_size=6), st.integers(0, 5))
def test_due_is_never_too_late_for_a_salary_that_comes_about_the_same_day(
    usual: int, off: list[int], skipped: int
) -> None:
    days = [START + usual + 30 * at + each for at, each in enumerate(off) if at != skipped]
    check_due(RULE, Seen(day=START + 60, paid_in=[Payroll(each, cause(each)) for each in days]), 200)
