"""``downgrade_watch`` (DOMAIN §5)."""

import pytest

from aggregates.dates import day_of
from aggregates.policy import Policy
from aggregates.tiers import ORDINARY, lapsed, special, vip
from aggregates.triggers.downgrade_watch import RULE, DowngradeWatchEvidence, DowngradeWatchParameters
from aggregates.triggers.rule import Says
from events.decisions import Tier
from tests.aggregates.triggers.walking import keys
from tests.dsl.seen import Seen

PLAIN = DowngradeWatchParameters()
MONTH_END = day_of("2026-04-30")


def left(tier: Tier, policy: Policy | None = None) -> int:
    (found,) = RULE.find(Seen(day=MONTH_END, tier=tier, policy=policy or Policy()), PLAIN)
    assert found.evidence == DowngradeWatchEvidence(months_left=found.evidence.months_left, records=())
    return int(found.evidence.months_left)


@pytest.mark.parametrize(
    ("tier", "found"),
    [
        (vip("platinum"), []),
        (vip("platinum", ("gold",)), ["2026-04"]),
        (vip("platinum", (None,), 1), ["2026-04"]),
        (vip("platinum", (), 1), ["2026-04"]),  # just fallen from diamond
        (vip("gold"), []),
        (vip("gold", (), 1), ["2026-04"]),
        (lapsed(2), []),
        (special("gold", MONTH_END + 9), []),
        (ORDINARY, []),
    ],
)
def test_a_vip_that_a_month_close_leaves_short_of_the_level(tier: Tier, found: list[str]) -> None:
    assert keys(RULE, Seen(day=MONTH_END, tier=tier)) == found


@pytest.mark.parametrize("date", ["2026-04-29", "2026-05-01", "2026-02-27", "2028-02-28"])
def test_only_a_month_close_says_so(date: str) -> None:
    assert keys(RULE, Seen(day=day_of(date), tier=vip("platinum", ("gold",)))) == []


@pytest.mark.parametrize(
    ("tier", "months"),
    [
        (vip("platinum", ("gold",)), 2),
        (vip("platinum", ("gold", None), 1), 1),
        (vip("diamond", (None,), 4), 2),
        (vip("diamond", (None,), 5), 1),  # the exit comes first
        (vip("platinum", (), 2), 3),
        (vip("platinum", (), 4), 2),
        (vip("gold", (), 1), 5),
        (vip("gold", (), 5), 1),
    ],
)
def test_the_months_left_are_the_smaller_of_those_to_downgrade_and_to_exit(tier: Tier, months: int) -> None:
    assert left(tier) == months


def test_windows_are_those_of_the_policy() -> None:
    assert left(vip("platinum", ("gold",)), Policy(watch_months=6, exit_months=9)) == 5
    assert left(vip("platinum", ("gold",)), Policy(watch_months=6, exit_months=4)) == 4
    shorter = Policy(watch_months=2)
    assert left(vip("platinum", ("gold", "gold")), shorter) == 1, "the next close, though the watch is full already"


def test_the_sentence() -> None:
    assert RULE.says(DowngradeWatchEvidence(months_left=2, records=()), "CNY") == Says(
        zh="月日均未达等级标准，如不回升，2 个月后降级或退出",
        en="Missed the own level: falls or leaves in 2 months if nothing changes",
    )
    one = RULE.says(DowngradeWatchEvidence(months_left=1, records=()), "CNY")
    assert one.en == "Missed the own level: falls or leaves in 1 month if nothing changes"
