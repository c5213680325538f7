"""The rules of retention triggers, in the order in which a close raises them (DOMAIN §5).

Another one is its file, its name in the import and its name in the list.
"""

from aggregates.triggers import (
    aum_drop,
    complaint_open,
    credit_warning,
    dissatisfied,
    dormant,
    downgrade_watch,
    lapsed,
    large_outflow,
    maturity_unrenewed,
    maturity_upcoming,
    near_upgrade,
    outside_platform_drift,
    payroll_stopped,
    relationship_end,
    special_expiring,
    tier_at_risk,
)
from aggregates.triggers.rule import Rule

RULES: tuple[Rule, ...] = (
    aum_drop.RULE,
    large_outflow.RULE,
    outside_platform_drift.RULE,
    payroll_stopped.RULE,
    maturity_upcoming.RULE,
    maturity_unrenewed.RULE,
    tier_at_risk.RULE,
    near_upgrade.RULE,
    downgrade_watch.RULE,
    lapsed.RULE,
    dormant.RULE,
    complaint_open.RULE,
    dissatisfied.RULE,
    relationship_end.RULE,
    credit_warning.RULE,
    special_expiring.RULE,
)


_BY_CODE = {rule.code: rule for rule in RULES}

ARMED = tuple(rule.code for rule in RULES if rule.arms)
"""Codes of rules that ask whether they are armed (``Rule.arms``)."""


def rule_of(code: str) -> Rule | None:
    """The rule of a code; None of one that this release does not know."""
    return _BY_CODE.get(code)
