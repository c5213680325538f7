"""``special_expiring`` (DOMAIN §5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.dates import day_of
from aggregates.tiers import ORDINARY, lapsed, special, vip
from aggregates.triggers.rule import Found, Says
from aggregates.triggers.special_expiring import RULE, SpecialExpiringEvidence, SpecialExpiringParameters
from events.decisions import Cause, Tier
from tests.aggregates.triggers.walking import keys, next_news
from tests.dsl.seen import FIRST, Seen

PLAIN = SpecialExpiringParameters()
UNTIL = day_of("2026-12-31")


@pytest.mark.parametrize(
    ("date", "found"), [("2026-11-30", []), ("2026-12-01", ["2026-12-31"]), ("2026-12-30", ["2026-12-31"])]
)
def test_it_is_said_from_thirty_days_before_the_end(date: str, found: list[str]) -> None:
    assert keys(RULE, Seen(day=day_of(date), tier=special("gold", UNTIL))) == found


def test_the_policy_may_say_it_later() -> None:
    week = SpecialExpiringParameters(days=7)
    assert keys(RULE, Seen(day=day_of("2026-12-23"), tier=special("gold", UNTIL)), week) == []
    assert keys(RULE, Seen(day=day_of("2026-12-24"), tier=special("gold", UNTIL)), week) == ["2026-12-31"]


@pytest.mark.parametrize("tier", [ORDINARY, lapsed(1), vip("gold")])
def test_nobody_else_expires(tier: Tier) -> None:
    assert keys(RULE, Seen(day=UNTIL, tier=tier)) == []
    assert RULE.due(Seen(day=FIRST, tier=tier), PLAIN) == 0


def test_the_evidence_is_the_date_and_the_revocations_that_brought_it_forward() -> None:
    revoked = Cause("crm", "e7")
    seen = Seen(day=UNTIL - 1, tier=special("gold", UNTIL, (revoked,)))
    assert list(RULE.find(seen, PLAIN)) == [
        Found("2026-12-31", SpecialExpiringEvidence(date="2026-12-31", records=(revoked,)))
    ]


def test_the_sentence() -> None:
    assert RULE.says(SpecialExpiringEvidence(date="2026-12-31", records=()), "CNY") == Says(
        zh="特殊VIP待遇将于 2026-12-31 到期，请提前联系客户", en="Special VIP treatment ends on 2026-12-31"
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 40))
def test_due_is_exact(at: int, left: int, days: int) -> None:
    seen, parameters = (
        Seen(day=FIRST + at, tier=special("gold", FIRST + at + left)),
        SpecialExpiringParameters(days=days),
    )
    assert RULE.due(seen, parameters) == next_news(RULE, seen, parameters, within=70)
