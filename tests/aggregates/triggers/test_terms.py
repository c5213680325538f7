"""What a policy says of the rules, in the minor units of its currency (CONTRACT §3)."""

import re
from typing import Any

import pytest

from aggregates.policy import Policy
from aggregates.triggers import aum_drop, large_outflow, maturity_unrenewed, near_upgrade, tier_at_risk
from aggregates.triggers import outside_platform_drift as drift
from aggregates.triggers.rule import Share, money, yuan
from aggregates.triggers.terms import parameters_of


@pytest.mark.parametrize(("currency", "high"), [("CNY", 50_000_00), ("JPY", 50_000), ("KWD", 50_000_000)])
def test_a_default_amount_is_the_same_number_of_whole_units(currency: str, high: int) -> None:
    found = parameters_of(Policy(currency=currency), aum_drop.RULE)
    assert (found.high_at_least, found.window_days, found.share) == (high, 30, Share(70, 100))


@pytest.mark.parametrize("currency", ["CNY", "JPY", "KWD"])
def test_a_stated_amount_is_in_minor_units_already(currency: str) -> None:
    policy = Policy(currency=currency, triggers={"aum_drop": {"high_at_least": 7, "window_days": 9}})
    found = parameters_of(policy, aum_drop.RULE)
    assert (found.high_at_least, found.window_days) == (7, 9)


@pytest.mark.parametrize(
    ("minor", "currency", "en", "zh"),
    [
        (1_234_567, "CNY", "12,345.67 CNY", "12,345.67 元"),
        (5, "CNY", "0.05 CNY", "0.05 元"),
        (-1_234_567, "CNY", "-12,345.67 CNY", "-12,345.67 元"),
        (-5, "EUR", "-0.05 EUR", "-0.05 EUR"),
        (1_234_567, "JPY", "1,234,567 JPY", "1,234,567 JPY"),
        (1_234_567, "KWD", "1,234.567 KWD", "1,234.567 KWD"),
    ],
)
def test_an_amount_in_a_sentence(minor: int, currency: str, en: str, zh: str) -> None:
    assert (money(minor, currency), yuan(minor, currency)) == (en, zh)


@pytest.mark.parametrize(
    "evidence",
    [
        (aum_drop, aum_drop.AumDropEvidence(high=9, high_on="2026-01-01", now=1, records=())),
        (large_outflow, large_outflow.LargeOutflowEvidence(out=9, loss=9, before=10, now=1, to=(), records=())),
        (tier_at_risk, tier_at_risk.TierAtRiskEvidence(projection=9, top_up=1, records=())),
        (near_upgrade, near_upgrade.NearUpgradeEvidence(projection=9, top_up=1, records=())),
        (maturity_unrenewed, maturity_unrenewed.MaturityUnrenewedEvidence(amount=9, kept=1, records=())),
        (drift, drift.OutsidePlatformDriftEvidence(count=3, sum=9, base=10, records=())),
    ],
    ids=lambda each: str(each[0].RULE.code),
)
def test_a_currency_that_is_written_in_letters_keeps_its_distance(evidence: tuple[Any, Any]) -> None:
    rule, found = evidence[0].RULE, evidence[1]
    assert not re.search("[A-Z][一-鿿]", rule.says(found, "EUR").zh)
    assert "元 " not in rule.says(found, "CNY").zh
