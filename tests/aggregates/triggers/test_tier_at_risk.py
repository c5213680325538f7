"""``tier_at_risk`` (DOMAIN §5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.tiers import ORDINARY, lapsed, special, vip
from aggregates.triggers.rule import Says
from aggregates.triggers.tier_at_risk import RULE, TierAtRiskEvidence, TierAtRiskParameters
from events.decisions import Tier
from tests.aggregates.triggers.walking import assert_never_late, keys, next_news
from tests.dsl.seen import FIRST, Seen

PLAIN = TierAtRiskParameters()
GOLD, PLATINUM = 200_000_00, 500_000_00
VIP = vip("gold")


def of(date: str, *worth: tuple[str, int], tier: Tier = VIP) -> Seen:
    return Seen(day=day_of(date), tier=tier, worth={day_of(day): balance for day, balance in worth})


def test_one_minor_unit_below_the_own_threshold_is_at_risk() -> None:
    assert keys(RULE, of("2026-04-10", ("2026-01-01", GOLD))) == []
    assert keys(RULE, of("2026-04-10", ("2026-01-01", GOLD - 1))) == ["2026-04"]


def test_one_minor_unit_of_the_sum_decides() -> None:
    month = [("2026-01-01", GOLD), ("2026-04-03", GOLD - 1), ("2026-04-04", GOLD + 1), ("2026-04-05", GOLD)]
    assert keys(RULE, of("2026-04-10", *month)) == []
    del month[2]
    assert keys(RULE, of("2026-04-10", *month)) == ["2026-04"]


@pytest.mark.parametrize(
    ("date", "found"),
    [
        ("2026-04-09", []),
        ("2026-04-10", ["2026-04"]),
        ("2026-04-29", ["2026-04"]),
        ("2026-04-30", []),
        ("2026-02-27", ["2026-02"]),
        ("2026-02-28", []),
        ("2028-02-28", ["2028-02"]),
    ],
)
def test_it_is_looked_at_from_the_tenth_to_the_last_day_but_one(date: str, found: list[str]) -> None:
    assert keys(RULE, of(date, ("2026-01-01", 1))) == found


def test_the_policy_may_begin_on_another_day() -> None:
    low = [("2026-01-01", 1)]
    assert keys(RULE, of("2026-04-04", *low), TierAtRiskParameters(from_day=5)) == []
    assert keys(RULE, of("2026-04-05", *low), TierAtRiskParameters(from_day=5)) == ["2026-04"]


@pytest.mark.parametrize("tier", [ORDINARY, lapsed(1), special("gold", day_of("2026-12-31"))])
def test_only_a_vip_has_a_level_to_lose(tier: Tier) -> None:
    assert keys(RULE, of("2026-04-10", ("2026-01-01", 1), tier=tier)) == []
    assert RULE.due(of("2026-04-10", ("2026-01-01", 1), tier=tier), PLAIN) == 0


def test_the_own_level_counts_not_the_lowest() -> None:
    assert keys(RULE, of("2026-04-10", ("2026-01-01", PLATINUM - 1), tier=vip("platinum"))) == ["2026-04"]
    assert keys(RULE, of("2026-04-10", ("2026-01-01", PLATINUM), tier=vip("platinum"))) == []


def test_the_evidence_is_where_the_month_is_heading_and_what_holds_the_level() -> None:
    # (10 × 300,000 + 20 × 100,000) ÷ 30; missing 1,000,000 over 20 days
    (found,) = RULE.find(of("2026-04-11", ("2026-01-01", 300_000_00), ("2026-04-11", 100_000_00)), PLAIN)
    assert found.evidence == TierAtRiskEvidence(projection=166_666_67, top_up=52_631_58, records=())
    assert RULE.says(found.evidence, "CNY") == Says(
        zh="本月预计月日均 166,666.67 元，低于现有等级标准；从明天起增加 52,631.58 元并保持到月底即可保级",
        en="This month is heading for an average of 166,666.67 CNY, below the own level; "
        "52,631.58 CNY more from tomorrow to month end holds it",
    )


@pytest.mark.parametrize("missing", [1, 18, 19, 20])
def test_the_top_up_is_just_enough(missing: int) -> None:
    month = [("2026-01-01", GOLD), ("2026-04-02", GOLD - missing), ("2026-04-03", GOLD)]
    (found,) = RULE.find(of("2026-04-11", *month), PLAIN)  # 19 days are left
    for top_up, at_risk in ((found.evidence.top_up, []), (found.evidence.top_up - 1, ["2026-04"])):
        assert keys(RULE, of("2026-04-29", *month, ("2026-04-12", GOLD + top_up))) == at_risk


# When it has to be looked at again


@pytest.mark.parametrize(
    ("date", "worth", "due"),
    [
        ("2026-04-05", [("2026-01-01", GOLD)], None),  # heading for the threshold, for ever
        ("2026-04-05", [("2026-01-01", GOLD - 1)], "2026-04-10"),
        ("2026-04-10", [("2026-01-01", GOLD - 1)], "2026-05-10"),  # found; the next month is the next news
        ("2026-04-30", [("2026-01-01", GOLD - 1)], "2026-05-10"),
        ("2026-04-12", [("2026-01-01", 3 * GOLD), ("2026-04-12", 1)], "2026-05-10"),  # this month holds, the next one not
        ("2026-04-12", [("2026-01-01", 1), ("2026-04-12", 3 * GOLD)], None),
        ("2026-04-12", [("2026-01-01", GOLD), ("2026-04-14", 1)], "2026-04-14"),  # already valued later
        ("2026-04-12", [("2026-01-01", GOLD), ("2026-04-30", 1)], "2026-05-10"),
        ("2026-04-12", [("2026-01-01", GOLD), ("2026-07-15", 1)], "2026-07-15"),
        ("2026-04-12", [("2026-01-01", GOLD), ("2026-07-31", 1)], "2026-08-10"),
    ],
)  # fmt: skip
def test_a_quiet_customer_is_looked_at_again_no_sooner_than_it_matters(
    date: str, worth: list[tuple[str, int]], due: str | None
) -> None:
    assert RULE.due(of(date, *worth), PLAIN) == (day_of(due) if due else 0)


@pytest.mark.parametrize(("from_day", "due"), [(29, "2026-03-29"), (30, "2026-03-30"), (31, None)])
def test_a_month_may_be_too_short_to_be_looked_at(from_day: int, due: str | None) -> None:
    seen, late = of("2026-01-31", ("2026-01-01", 1)), TierAtRiskParameters(from_day=from_day)
    assert RULE.due(seen, late) == next_news(RULE, seen, late, within=100) == (day_of(due) if due else 0)


BALANCES = st.sampled_from([0, GOLD - 1, GOLD, 3 * GOLD])
FROM_DAYS = st.sampled_from([1, 5, 10, 28, 30, 31])


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(FIRST, FIRST + 90), BALANCES, max_size=4), st.integers(0, 62), FROM_DAYS)
def test_due_is_never_late(worth: dict[int, int], at: int, from_day: int) -> None:
    seen = Seen(day=FIRST + at, tier=vip("gold"), worth=worth)
    assert_never_late(RULE, seen, TierAtRiskParameters(from_day=from_day), within=95)


@settings(max_examples=60, deadline=None)
@given(st.lists(BALANCES, max_size=4), st.integers(0, 62), FROM_DAYS)
def test_due_is_exact_where_nothing_is_valued_later(balances: list[int], at: int, from_day: int) -> None:
    worth = {FIRST + at * n // 3: balance for n, balance in enumerate(balances)}
    seen, parameters = Seen(day=FIRST + at, tier=vip("gold"), worth=worth), TierAtRiskParameters(from_day=from_day)
    assert RULE.due(seen, parameters) == next_news(RULE, seen, parameters, within=95)
