"""``maturity_upcoming``: 0 < days left ≤ 7 and balance > 0 (DOMAIN §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.triggers.maturity_upcoming import RULE, MaturityUpcomingEvidence, MaturityUpcomingParameters
from aggregates.triggers.rule import Found, Says
from aggregates.triggers.view import Maturity
from tests.dsl.nights import check_due, judged, night_by_night
from tests.dsl.seen import FIRST, Seen, cause

DEFAULTS = MaturityUpcomingParameters()
DAY = day_of("2026-06-15")


def found(seen: Seen, parameters: MaturityUpcomingParameters = DEFAULTS) -> list[Found]:
    return list(RULE.find(seen, parameters))


def holding(on: int, *, balance: int = 10_000_00, day: int = DAY, product: str | None = None) -> Seen:
    return Seen(day=day, accounts={"W1": {FIRST: balance}}, terms={"W1": Maturity(on, product, cause())})


@pytest.mark.parametrize(("left", "fires"), [(8, False), (7, True), (1, True), (0, False), (-1, False)])
def test_seven_days_before_to_the_day_before(left: int, fires: bool) -> None:
    assert bool(found(holding(DAY + left))) is fires


@pytest.mark.parametrize(("balance", "fires"), [(1, True), (0, False), (-1, False)])
def test_with_money_in_it(balance: int, fires: bool) -> None:
    assert bool(found(holding(DAY + 7, balance=balance))) is fires


@pytest.mark.parametrize(
    ("product", "zh", "en"),
    [
        ("安盈90天", "安盈90天将于 2026-06-22 到期，金额 10,000.00 元，请提前联系客户安排承接",
         "安盈90天 of 10,000.00 CNY matures on 2026-06-22"),
        ("WP-030", "WP-030 将于 2026-06-22 到期，金额 10,000.00 元，请提前联系客户安排承接",
         "WP-030 of 10,000.00 CNY matures on 2026-06-22"),
        ("稳健（A）", "稳健（A）将于 2026-06-22 到期，金额 10,000.00 元，请提前联系客户安排承接",
         "稳健（A） of 10,000.00 CNY matures on 2026-06-22"),
        (None, "产品将于 2026-06-22 到期，金额 10,000.00 元，请提前联系客户安排承接",
         "A product of 10,000.00 CNY matures on 2026-06-22"),
    ],
)  # fmt: skip
def test_what_a_manager_reads(product: str | None, zh: str, en: str) -> None:
    [(key, evidence)] = found(holding(DAY + 7, product=product))
    assert key == "W1:2026-06-22"
    assert evidence == MaturityUpcomingEvidence(
        amount=10_000_00, date="2026-06-22", product=product, records=(cause(),)
    )
    assert RULE.says(evidence, "CNY") == Says(zh, en)


def test_keys_ascend() -> None:
    accounts = {name: {FIRST: 1} for name in ("W", "W-1", "V")}
    seen = Seen(day=DAY, accounts=accounts, terms={name: Maturity(DAY + 1, None, cause()) for name in accounts})
    assert [each.key for each in found(seen)] == ["V:2026-06-16", "W-1:2026-06-16", "W:2026-06-16"]


def test_the_policy_may_say_otherwise() -> None:
    assert found(holding(DAY + 30), MaturityUpcomingParameters(days=30))
    assert not found(holding(DAY + 31), MaturityUpcomingParameters(days=30))


def test_a_quiet_customer_is_looked_at_once() -> None:
    assert judged(RULE, holding(DAY + 100), 400) == [DAY + 93]
    assert judged(RULE, holding(DAY + 7), 400) == []
    assert judged(RULE, holding(DAY + 100, balance=0), 400) == []


@night_by_night
@given(
    st.dictionaries(
        st.sampled_from("ABC"),
        st.tuples(
            st.integers(DAY - 3, DAY + 25),
            st.dictionaries(st.integers(DAY - 3, DAY + 25), st.integers(-1, 2), min_size=1, max_size=5),
        ),
    ),
    st.integers(1, 9),
)
def test_due_is_never_too_late(made: dict[str, tuple[int, dict[int, int]]], days: int) -> None:
    seen = Seen(
        day=DAY,
        accounts={name: steps for name, (_, steps) in made.items()},
        terms={name: Maturity(on, None, cause()) for name, (on, _) in made.items()},
    )
    check_due(RULE, seen, 30, MaturityUpcomingParameters(days=days))
