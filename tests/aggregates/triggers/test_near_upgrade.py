"""``near_upgrade`` (DOMAIN §5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.tiers import ORDINARY, lapsed, special, vip
from aggregates.triggers.near_upgrade import RULE, NearUpgradeEvidence, NearUpgradeParameters
from aggregates.triggers.rule import Says, Share
from events.decisions import Tier
from tests.aggregates.triggers.walking import assert_never_late, keys, next_news
from tests.dsl.seen import FIRST, Seen

PLAIN = NearUpgradeParameters()
GOLD, PLATINUM, PRIVATE = 200_000_00, 500_000_00, 6_000_000_00
NEAR_GOLD, NEAR_PLATINUM = 180_000_00, 450_000_00


def of(date: str, *worth: tuple[str, int], tier: Tier = ORDINARY) -> Seen:
    return Seen(day=day_of(date), tier=tier, worth={day_of(day): balance for day, balance in worth})


@pytest.mark.parametrize("tier", [ORDINARY, lapsed(2)])
def test_from_outside_nine_tenths_of_the_entry_threshold_are_near(tier: Tier) -> None:
    assert keys(RULE, of("2026-04-10", ("2026-01-01", NEAR_GOLD), tier=tier)) == ["2026-04"]
    assert keys(RULE, of("2026-04-10", ("2026-01-01", NEAR_GOLD - 1), tier=tier)) == []


def test_a_vip_is_near_to_the_next_level_from_nine_tenths_of_it() -> None:
    assert keys(RULE, of("2026-04-10", ("2026-01-01", NEAR_PLATINUM), tier=vip("gold"))) == ["2026-04"]
    assert keys(RULE, of("2026-04-10", ("2026-01-01", NEAR_PLATINUM - 1), tier=vip("gold"))) == []


def test_one_minor_unit_of_the_sum_decides() -> None:
    month = [("2026-01-01", NEAR_GOLD), ("2026-04-03", NEAR_GOLD - 1), ("2026-04-04", NEAR_GOLD + 1)]
    assert keys(RULE, of("2026-04-10", *month, ("2026-04-05", NEAR_GOLD))) == ["2026-04"]
    del month[2]
    assert keys(RULE, of("2026-04-10", *month, ("2026-04-05", NEAR_GOLD))) == []


@pytest.mark.parametrize("balance", [GOLD, GOLD + 1, PLATINUM, 10 * PRIVATE])
@pytest.mark.parametrize("tier", [ORDINARY, vip("gold"), vip("diamond")])
def test_there_is_no_upper_bound(tier: Tier, balance: int) -> None:
    near = balance * 10 >= 9 * {"gold": PLATINUM, "diamond": PRIVATE}.get(tier.level or "", GOLD)
    assert keys(RULE, of("2026-04-10", ("2026-01-01", balance), tier=tier)) == ["2026-04"] * near


@pytest.mark.parametrize("tier", [vip("private"), special("gold", day_of("2026-12-31"))])
def test_nothing_is_above_the_highest_level_and_a_special_is_left_alone(tier: Tier) -> None:
    seen = of("2026-04-10", ("2026-01-01", 10 * PRIVATE), tier=tier)
    assert keys(RULE, seen) == []
    assert RULE.due(seen, PLAIN) == 0


@pytest.mark.parametrize(
    ("date", "found"),
    [("2026-04-09", []), ("2026-04-10", ["2026-04"]), ("2026-04-29", ["2026-04"]), ("2026-04-30", [])],
)
def test_it_is_looked_at_from_the_tenth_to_the_last_day_but_one(date: str, found: list[str]) -> None:
    assert keys(RULE, of(date, ("2026-01-01", GOLD))) == found


def test_the_policy_may_begin_on_another_day_and_nearer() -> None:
    nearer = NearUpgradeParameters(share=Share(95, 100), from_day=20)
    assert keys(RULE, of("2026-04-20", ("2026-01-01", 190_000_00)), nearer) == ["2026-04"]
    assert keys(RULE, of("2026-04-19", ("2026-01-01", 190_000_00)), nearer) == []
    assert keys(RULE, of("2026-04-20", ("2026-01-01", 190_000_00 - 1)), nearer) == []


def test_who_has_nothing_but_loans_is_near_to_nothing() -> None:
    smallest = NearUpgradeParameters(share=Share(1, 10**18))
    assert keys(RULE, of("2026-04-10"), smallest) == []
    assert keys(RULE, of("2026-04-10", ("2026-01-01", 1)), smallest) == ["2026-04"]


def test_the_evidence_is_where_the_month_is_heading_and_what_reaches_the_next_level() -> None:
    # (10 × 300,000 + 20 × 540,000) ÷ 30; missing 1,200,000 over 19 days
    month = [("2026-01-01", 300_000_00), ("2026-04-11", 540_000_00)]
    (found,) = RULE.find(of("2026-04-10", ("2026-01-01", NEAR_PLATINUM), tier=vip("gold")), PLAIN)
    assert found.evidence == NearUpgradeEvidence(projection=NEAR_PLATINUM, top_up=75_000_00, records=())
    (found,) = RULE.find(of("2026-04-11", *month, tier=vip("gold")), PLAIN)
    assert found.evidence == NearUpgradeEvidence(projection=460_000_00, top_up=63_157_90, records=())
    assert RULE.says(found.evidence, "CNY") == Says(
        zh="本月预计月日均 460,000.00 元，接近上一级标准；从明天起增加 63,157.90 元并保持到月底即可升级",
        en="This month is heading for an average of 460,000.00 CNY, near the next level; "
        "63,157.90 CNY more from tomorrow to month end reaches it",
    )


@pytest.mark.parametrize(
    ("tier", "balance", "top_up"),
    [
        (ORDINARY, GOLD - 1, 3),  # 30 minor units of the sum are missing, and one more; 10 and a half a day
        (ORDINARY, GOLD, 1),
        (lapsed(1), GOLD, 1),
        (ORDINARY, GOLD + 1, 0),
        (vip("gold"), PLATINUM - 1, 2),
        (vip("gold"), PLATINUM, 0),
    ],
)
def test_the_entry_level_is_exceeded_from_outside_the_others_are_met(tier: Tier, balance: int, top_up: int) -> None:
    (found,) = RULE.find(of("2026-04-15", ("2026-01-01", balance), tier=tier), PLAIN)
    assert found.evidence.top_up == top_up


def test_who_is_already_there_has_to_stay() -> None:
    evidence = NearUpgradeEvidence(projection=GOLD, top_up=0, records=())
    assert RULE.says(evidence, "CNY") == Says(
        zh="本月预计月日均 200,000.00 元，已达到上一级标准；资金保持到月底即可升级",
        en="This month is heading for an average of 200,000.00 CNY, enough for the next level if it stays to month end",
    )


# When it has to be looked at again


@pytest.mark.parametrize(
    ("date", "worth", "due"),
    [
        ("2026-04-05", [("2026-01-01", NEAR_GOLD - 1)], None),
        ("2026-04-05", [("2026-01-01", NEAR_GOLD)], "2026-04-10"),
        ("2026-04-10", [("2026-01-01", NEAR_GOLD)], "2026-05-10"),
        ("2026-04-12", [("2026-01-01", 1), ("2026-04-12", NEAR_GOLD)], "2026-05-10"),  # this month is lost, the next one not
        ("2026-04-12", [("2026-01-01", 1), ("2026-04-14", 3 * GOLD)], "2026-04-14"),  # already valued later
    ],
)  # fmt: skip
def test_a_quiet_customer_is_looked_at_again_no_sooner_than_it_matters(
    date: str, worth: list[tuple[str, int]], due: str | None
) -> None:
    assert RULE.due(of(date, *worth), PLAIN) == (day_of(due) if due else 0)


BALANCES = st.sampled_from([0, NEAR_GOLD - 1, NEAR_GOLD, NEAR_PLATINUM, 2 * PLATINUM])
TIERS = st.sampled_from([ORDINARY, lapsed(1), vip("gold"), vip("private"), special("gold", FIRST + 400)])
FROM_DAYS = st.sampled_from([1, 10, 28, 30, 31])


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(FIRST, FIRST + 90), BALANCES, max_size=4), st.integers(0, 62), TIERS, FROM_DAYS)
def test_due_is_never_late(worth: dict[int, int], at: int, tier: Tier, from_day: int) -> None:
    seen = Seen(day=FIRST + at, tier=tier, worth=worth)
    assert_never_late(RULE, seen, NearUpgradeParameters(from_day=from_day), within=95)


@settings(max_examples=60, deadline=None)
@given(st.lists(BALANCES, max_size=4), st.integers(0, 62), TIERS)
def test_due_is_exact_where_nothing_is_valued_later(balances: list[int], at: int, tier: Tier) -> None:
    worth = {FIRST + at * n // 3: balance for n, balance in enumerate(balances)}
    seen = Seen(day=FIRST + at, tier=tier, worth=worth)
    assert RULE.due(seen, PLAIN) == next_news(RULE, seen, within=95)
