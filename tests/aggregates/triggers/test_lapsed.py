"""``lapsed`` (DOMAIN §5)."""

import pytest

from aggregates.dates import day_of
from aggregates.policy import Policy
from aggregates.tiers import ORDINARY, lapsed, special, vip
from aggregates.triggers.lapsed import RULE, LapsedEvidence, LapsedParameters
from aggregates.triggers.rule import Found, Says
from events.decisions import Tier
from events.fields import MonthSum
from tests.aggregates.triggers.walking import keys
from tests.dsl.seen import Seen

PLAIN = LapsedParameters()
MONTH_END = day_of("2026-07-31")
LOW = MonthSum(month="2026-07", sum=3_100_00, days=31)
SUMS = (
    MonthSum(month="2026-01", sum=310_000_00, days=31),
    *(MonthSum(month=f"2026-0{month}", sum=3_000_00, days=30) for month in range(2, 7)),
    LOW,
)


def of(before: Tier, after: Tier, *, date: str = "2026-07-31", policy: Policy | None = None) -> Seen:
    return Seen(day=day_of(date), tier_before=before, tier=after, sums=SUMS, policy=policy or Policy())


FIVE_BELOW = vip("gold", (), 5)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (FIVE_BELOW, lapsed(2), ["2026-07"]),
        (lapsed(2), lapsed(1), ["2026-07"]),
        (FIVE_BELOW, lapsed(1), ["2026-07"]),  # one month of grace: both at once, said once
        (lapsed(3), lapsed(2), []),
        (lapsed(1), ORDINARY, []),
        (lapsed(2), vip("gold"), []),
        (vip("gold", (), 4), FIVE_BELOW, []),
        (lapsed(2), special("gold", MONTH_END + 9), []),
    ],
)
def test_the_exit_and_the_close_before_the_last_month_of_grace(before: Tier, after: Tier, found: list[str]) -> None:
    assert keys(RULE, of(before, after)) == found


@pytest.mark.parametrize("date", ["2026-07-30", "2026-08-01"])
def test_only_a_month_close_says_so(date: str) -> None:
    assert keys(RULE, of(lapsed(1), lapsed(1), date=date)) == []
    assert keys(RULE, of(FIVE_BELOW, lapsed(2), date=date)) == []


def test_the_evidence_is_as_many_months_as_the_exit_takes() -> None:
    assert list(RULE.find(of(FIVE_BELOW, lapsed(2)), PLAIN)) == [
        Found("2026-07", LapsedEvidence(months=SUMS[-6:], records=()))
    ]
    (short,) = RULE.find(of(FIVE_BELOW, lapsed(2), policy=Policy(exit_months=1)), PLAIN)
    assert short.evidence.months == (LOW,)


def test_exit_and_last_month_are_said_in_other_words() -> None:
    (exited,), (last,) = RULE.find(of(FIVE_BELOW, lapsed(2)), PLAIN), RULE.find(of(lapsed(2), lapsed(1)), PLAIN)
    assert last.evidence.months == exited.evidence.months
    assert RULE.says(exited.evidence, "CNY") == Says(
        zh="已退出等级，转为已退未评级；上月月日均 100.00 元，近 6 个月最高 100.00 元",
        en="Has left the ladder and is lapsed; averaged 100.00 CNY last month, 100.00 CNY in the best of the last 6",
    )
    assert RULE.says(last.evidence, "CNY") == Says(
        zh="退出后保留期只剩一个月；上月月日均 100.00 元，近 6 个月最高 100.00 元",
        en="Lapsed, with one month left in sight; averaged 100.00 CNY last month, 100.00 CNY in the best of the last 6",
    )


def test_months_that_are_not_known_are_not_spoken_of() -> None:
    assert RULE.says(LapsedEvidence(months=(), records=()), "CNY") == Says(
        zh="已退出等级，转为已退未评级", en="Has left the ladder and is lapsed"
    )
