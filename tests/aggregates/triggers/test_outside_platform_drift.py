"""``outside_platform_drift``: ≥ 3 transfers outside in 30 days, together ≥ 20% of AUM 30 days ago (DOMAIN §5)."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.triggers.outside_platform_drift import (
    RULE,
    OutsidePlatformDriftEvidence,
    OutsidePlatformDriftParameters,
)
from aggregates.triggers.rule import Found, Says, Share
from aggregates.triggers.view import Out
from tests.dsl.nights import check_due, judged, night_by_night
from tests.dsl.seen import FIRST, Seen, cause, out

DAY = day_of("2026-06-30")
DEFAULTS = OutsidePlatformDriftParameters()


def found(seen: Seen, parameters: OutsidePlatformDriftParameters = DEFAULTS) -> list[Found]:
    return list(RULE.find(seen, parameters))


def drifting(*outs: Out, base: int = 150_000_00) -> Seen:
    return Seen(day=DAY, worth={DAY - 30: base}, paid_out=outs)


TWO = (out(DAY - 8, 10_000_00, name=1), out(DAY - 3, 10_000_00, "payment_platform", name=2))


@pytest.mark.parametrize(("amount", "fires"), [(10_000_00, True), (9_999_99, False)])
def test_a_fifth_together(amount: int, fires: bool) -> None:
    assert bool(found(drifting(*TWO, out(DAY, amount)))) is fires


def test_two_are_too_few() -> None:
    assert not found(drifting(out(DAY, 90_000_00), TWO[0]))


@pytest.mark.parametrize(("days_ago", "fires"), [(29, True), (30, False)])
def test_in_the_last_thirty_days(days_ago: int, fires: bool) -> None:
    assert bool(found(drifting(out(DAY - days_ago, 50_000_00), *TWO))) is fires


def test_the_base_is_of_thirty_days_ago() -> None:
    outs = (*TWO, out(DAY, 10_000_00))
    assert found(Seen(day=DAY, worth={FIRST: 1, DAY - 30: 150_000_00, DAY - 29: 999_999_00}, paid_out=outs))
    assert not found(Seen(day=DAY, worth={FIRST: 150_000_00, DAY - 30: 999_999_00, DAY - 29: 1}, paid_out=outs))


@pytest.mark.parametrize("third", [out(DAY, 50_000_00, kind) for kind in ("own", "same_bank", "cash", "unknown")])
def test_other_counterparties_do_not_count(third: Out) -> None:
    assert not found(drifting(*TWO, third))


def test_a_withdrawal_is_no_transfer() -> None:
    assert not found(drifting(*TWO, out(DAY, 50_000_00, transfer=False)))


@pytest.mark.parametrize("base", [0, -5])
def test_of_nothing_there_is_no_share(base: int) -> None:
    assert not found(drifting(*TWO, out(DAY, 10_000_00), base=base))


def test_what_a_manager_reads() -> None:
    [(key, evidence)] = found(drifting(*TWO, out(DAY, 13_333_33, name=3)))
    assert key == "2026-06-30"
    assert evidence == OutsidePlatformDriftEvidence(
        count=3, sum=33_333_33, base=150_000_00, records=(cause(1), cause(2), cause(3))
    )
    assert RULE.says(evidence, "CNY") == Says(
        "近期向他行及第三方支付平台转出 3 笔，共 33,333.33 元，占期初金融资产 150,000.00 元的 22%",
        "3 transfers to other banks and payment platforms lately, 33,333.33 CNY together: "
        "22% of the AUM of 150,000.00 CNY before",
    )


def test_the_policy_may_say_otherwise() -> None:
    parameters = OutsidePlatformDriftParameters(count=1, share=Share(1, 2), window_days=1)
    seen = Seen(day=DAY, worth={DAY - 1: 10}, paid_out=[out(DAY, 5)])
    assert found(seen, parameters)
    assert not found(seen, OutsidePlatformDriftParameters(count=2, share=Share(1, 2), window_days=1))
    assert not found(seen.at(DAY + 1), parameters)


def test_a_lower_base_makes_it_true_without_a_record() -> None:
    worth = {FIRST: 200_000_00, DAY - 25: 150_000_00}
    seen = Seen(day=DAY, worth=worth, paid_out=[*TWO, out(DAY, 10_000_00)])
    assert not found(seen)
    assert judged(RULE, seen, 400) == [DAY + 5]
    assert found(seen.at(DAY + 5))


def test_a_first_base_makes_it_true_without_a_record() -> None:
    seen = Seen(day=DAY, worth={DAY - 25: 150_000_00}, paid_out=[*TWO, out(DAY, 10_000_00)])
    assert not found(seen)
    assert judged(RULE, seen, 400) == [DAY + 5]


def test_a_transfer_dated_ahead_comes_before_a_lower_base() -> None:
    worth = {FIRST: 200_000_00, DAY - 25: 150_000_00}
    seen = Seen(day=DAY, worth=worth, paid_out=[*TWO, out(DAY, 10_000_00), out(DAY + 2, 1)])
    assert judged(RULE, seen, 400) == [DAY + 2, DAY + 5]


def test_once_the_window_is_too_empty_nobody_looks() -> None:
    # the first of the three leaves the window the day before the lower base would count
    worth = {FIRST: 200_000_00, DAY - 8: 150_000_00}
    assert judged(RULE, Seen(day=DAY, worth=worth, paid_out=[*TWO, out(DAY, 10_000_00)]), 400) == []


def test_several_of_one_day_wait_for_nothing_but_the_next_transfer() -> None:
    today = [out(DAY, 1), out(DAY, 1), out(DAY, 1)]
    assert judged(RULE, drifting(*today), 400) == []
    assert judged(RULE, drifting(*today, out(DAY + 40, 1)), 400) == [DAY + 40]


def test_a_transfer_dated_ahead_is_looked_at_on_its_day() -> None:
    assert judged(RULE, drifting(*TWO, out(DAY + 9, 10_000_00)), 400) == [DAY + 9]
    assert judged(RULE, drifting(*TWO, out(DAY, 1), out(DAY + 9, 9_999_99)), 400) == [DAY + 9]
    assert judged(RULE, drifting(*TWO, out(DAY, 1), out(DAY + 50, 1)), 400) == [DAY + 50]


@night_by_night
@given(
    st.dictionaries(st.integers(DAY - 20, DAY + 20), st.integers(-3, 40), max_size=8),
    st.lists(st.tuples(st.integers(DAY - 15, DAY + 15), st.integers(1, 5), st.booleans()), max_size=8),
    st.integers(1, 3),
    st.integers(0, 6),
)
def test_due_is_never_too_late(
    worth: dict[int, int], moves: Sequence[tuple[int, int, bool]], count: int, cooldown: int
) -> None:
    outs = [out(on, amount, "other_bank" if leaves else "own") for on, amount, leaves in moves]
    parameters = OutsidePlatformDriftParameters(count=count, window_days=10, cooldown_days=cooldown)
    check_due(RULE, Seen(day=DAY, worth=worth, paid_out=outs), 45, parameters)
