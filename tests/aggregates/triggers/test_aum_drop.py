"""``aum_drop``: end-of-day AUM(d) ≤ 70% of the highest of the last 30 days, and that high ≥ 50,000 (DOMAIN §5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.triggers.aum_drop import RULE, AumDropEvidence, AumDropParameters, named, worse
from aggregates.triggers.rule import Found, Says, Share
from tests.dsl.nights import check_due, judged, night_by_night
from tests.dsl.seen import FIRST, Seen, cause, out

DAY = day_of("2026-06-30")
DEFAULTS = AumDropParameters()


def found(seen: Seen, parameters: AumDropParameters = DEFAULTS) -> list[Found]:
    return list(RULE.find(seen, parameters))


@pytest.mark.parametrize(("now", "fires"), [(70_000_00, True), (70_000_01, False), (-1, True)])
def test_to_the_share_and_not_a_unit_more(now: int, fires: bool) -> None:
    assert bool(found(Seen(day=DAY, worth={FIRST: 100_000_00, DAY: now}))) is fires


@pytest.mark.parametrize(("high", "fires"), [(50_000_00, True), (49_999_99, False)])
def test_from_a_high_that_counts(high: int, fires: bool) -> None:
    assert bool(found(Seen(day=DAY, worth={FIRST: high, DAY: 0}))) is fires


@pytest.mark.parametrize(("days_ago", "fires"), [(29, True), (30, False)])
def test_the_high_lies_in_the_last_thirty_days(days_ago: int, fires: bool) -> None:
    high_on = DAY - days_ago
    assert bool(found(Seen(day=DAY, worth={high_on: 100_000_00, high_on + 1: 60_000_00}))) is fires


def test_what_a_manager_reads() -> None:
    outs = [
        out(DAY - 9, 10_000_00, name=1),
        out(DAY - 6, 5_000_00, name=4),
        out(DAY - 2, 25_000_00, "cash", name=3),
        out(DAY - 5, 15_000_00, "same_bank", name=2),
    ]
    worth = {DAY - 20: 100_000_00, DAY - 10: 90_000_00, DAY - 8: 100_000_00, DAY - 5: 85_000_00, DAY - 2: 60_000_00}
    seen = Seen(day=DAY, worth=worth, paid_out=outs)
    [(key, evidence)] = found(seen)
    assert key == "2026-06-30"
    assert evidence == AumDropEvidence(high=100_000_00, high_on="2026-06-24", now=60_000_00, records=())
    assert named(seen, evidence) == (cause(3), cause(2))
    assert RULE.says(evidence, "CNY") == Says(
        "金融资产由 2026-06-24 的 100,000.00 元降至 60,000.00 元，降幅 40%",
        "AUM is down 40% from 100,000.00 CNY on 2026-06-24 to 60,000.00 CNY",
    )


def test_the_policy_may_say_otherwise() -> None:
    parameters = AumDropParameters(share=Share(5, 10), high_at_least=1, window_days=2)
    assert found(Seen(day=DAY, worth={FIRST: 3, DAY: 1}), parameters)
    assert not found(Seen(day=DAY, worth={FIRST: 3, DAY: 2}), parameters)
    assert not found(Seen(day=DAY, worth={FIRST: 3, DAY - 1: 1}), parameters)


def test_nothing_cannot_drop() -> None:
    parameters = AumDropParameters(high_at_least=0)
    assert not found(Seen(day=DAY, worth={FIRST: 0}), parameters)
    assert not found(Seen(day=DAY, worth={FIRST: -1, DAY: -2}), parameters)
    assert found(Seen(day=DAY, worth={FIRST: 1, DAY: 0}), parameters)


@pytest.mark.parametrize(
    ("last", "now", "is_worse"),
    [(60_000_00, 42_000_00, True), (60_000_00, 42_000_01, False), (0, 0, False), (-100, -200, False), (1, 0, True)],
)
def test_worse_is_the_same_share_once_more(last: int, now: int, is_worse: bool) -> None:
    before, after = (AumDropEvidence(high=1, high_on="", now=each, records=()) for each in (last, now))
    assert worse(DEFAULTS, after, before) is is_worse


def test_a_quiet_customer_is_not_looked_at() -> None:
    assert judged(RULE, Seen(day=DAY, worth={FIRST: 100_000_00, DAY: 50_000_00}), 400) == []


@night_by_night
@given(
    st.dictionaries(st.integers(DAY - 40, DAY + 40), st.integers(-2, 12), max_size=8),
    st.integers(0, 9),
    st.sampled_from([1, 5, 30]),
)
def test_due_is_never_too_late(worth: dict[int, int], cooldown: int, window: int) -> None:
    parameters = AumDropParameters(high_at_least=3, window_days=window, cooldown_days=cooldown)
    check_due(RULE, Seen(day=DAY, worth=worth), 80, parameters)
