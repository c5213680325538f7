"""``dormant``: d − last activity ≥ 90 and AUM ≥ 10,000 (DOMAIN §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.triggers.dormant import RULE, DormantEvidence, DormantParameters
from aggregates.triggers.rule import Found, Says
from aggregates.triggers.view import Activity
from tests.dsl.nights import check_due, judged, night_by_night
from tests.dsl.seen import FIRST, Seen, cause

DEFAULTS = DormantParameters()
DAY = day_of("2026-06-15")


def found(seen: Seen, parameters: DormantParameters = DEFAULTS) -> list[Found]:
    return list(RULE.find(seen, parameters))


def asleep(*days: int, aum: int = 10_000_00) -> Seen:
    return Seen(day=DAY, worth={FIRST: aum}, activities=[Activity(day, cause(day - DAY)) for day in days])


@pytest.mark.parametrize(("days", "fires"), [(90, True), (89, False)])
def test_for_ninety_days(days: int, fires: bool) -> None:
    assert bool(found(asleep(DAY - days))) is fires


@pytest.mark.parametrize(("aum", "fires"), [(10_000_00, True), (9_999_99, False)])
def test_with_money_here(aum: int, fires: bool) -> None:
    assert bool(found(asleep(DAY - 90, aum=aum))) is fires


def test_the_last_activity_up_to_the_day_counts() -> None:
    assert not found(asleep(DAY - 200, DAY))
    assert found(asleep(DAY - 200, DAY + 1))
    assert not found(asleep())


def test_what_a_manager_reads() -> None:
    [(key, evidence)] = found(asleep(DAY - 100, DAY - 95, aum=12_345_67))
    assert key == "2026-06-15"
    assert evidence == DormantEvidence(last_activity_on="2026-03-12", aum=12_345_67, records=(cause(-95),))
    assert RULE.says(evidence, "CNY") == Says(
        "客户自 2026-03-12 以来无主动交易或联系，金融资产 12,345.67 元",
        "Nothing from the customer since 2026-03-12; AUM 12,345.67 CNY",
    )


def test_brought_forward_without_a_record() -> None:
    seen = Seen(day=DAY, worth={FIRST: 10_000_00}, activities=[Activity(DAY - 90, None)])
    assert [each.evidence.records for each in found(seen)] == [()]


def test_the_policy_may_say_otherwise() -> None:
    parameters = DormantParameters(days=10, aum_at_least=1)
    assert found(asleep(DAY - 10, aum=1), parameters)
    assert not found(asleep(DAY - 9, aum=1), parameters)
    assert not found(asleep(DAY - 10, aum=0), parameters)


def test_a_quiet_customer_is_looked_at_once() -> None:
    assert judged(RULE, asleep(DAY - 3), 400) == [DAY + 87]
    assert judged(RULE, asleep(DAY - 3, aum=5), 400) == [DAY + 87]
    assert judged(RULE, asleep(DAY - 90), 400) == []
    assert judged(RULE, asleep(), 400) == []


def test_who_was_awake_since_is_looked_at_when_a_new_sleep_may_begin() -> None:
    assert judged(RULE, asleep(DAY - 95, DAY + 1), 400) == [DAY + 91]
    assert judged(RULE, asleep(DAY + 1), 400) == [DAY + 91]


@night_by_night
@given(
    st.dictionaries(st.integers(DAY - 9, DAY + 20), st.integers(0, 4), max_size=6),
    st.lists(st.integers(DAY - 15, DAY + 20), max_size=5),
    st.integers(1, 9),
    st.integers(0, 9),
)
def test_due_is_never_too_late(worth: dict[int, int], days: list[int], asleep_for: int, cooldown: int) -> None:
    seen = Seen(day=DAY, worth=worth, activities=[Activity(each, cause(each)) for each in days])
    check_due(RULE, seen, 45, DormantParameters(days=asleep_for, aum_at_least=2, cooldown_days=cooldown))
