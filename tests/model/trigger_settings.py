"""Parameters of the sixteen triggers: the defaults of CONTRACT §5 and what a policy file says otherwise."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

_COOLDOWN = {"cooldown_days": 30}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "aum_drop": {"share": "0.70", "high_at_least": "50000.00", "window_days": 30, **_COOLDOWN},
    "large_outflow": {"at_least": "50000.00", "share": "0.20", "times": 2, **_COOLDOWN},
    "outside_platform_drift": {"count": 3, "share": "0.20", "window_days": 30, **_COOLDOWN},
    "payroll_stopped": {"months": 3, "after_days": 5, "window_days": 25},
    "maturity_upcoming": {"days": 7},
    "maturity_unrenewed": {"days": 3, "share": "0.80"},
    "tier_at_risk": {"from_day": 10},
    "near_upgrade": {"from_day": 10, "share": "0.90"},
    "downgrade_watch": {},
    "lapsed": {},
    "dormant": {"days": 90, "aum_at_least": "10000.00", **_COOLDOWN},
    "complaint_open": {"working_days": 2},
    "dissatisfied": {"at_most": 2},
    "relationship_end": {**_COOLDOWN},
    "credit_warning": {"overdue": [1, 30, 60, 90, 180]},
    "special_expiring": {"days": 30},
}
CODES = tuple(_DEFAULTS)
"""All codes, in the order of the table of DOMAIN §5."""

DATED = frozenset(code for code, said in _DEFAULTS.items() if "cooldown_days" in said)
"""Codes whose key is the business date: no key in DOMAIN's table, hence a cooldown."""

_MONEY = ("high_at_least", "at_least", "aum_at_least")


class Settings:
    """What one policy version says of one code. Money in minor units, shares exact."""

    def __init__(self, policy: dict[str, Any], code: str) -> None:
        said = {"enabled": True, "expire_days": 30} | _DEFAULTS[code] | policy.get("triggers", {}).get(code, {})
        self.enabled = bool(said["enabled"])
        self.expire_days = int(said["expire_days"])
        self._said = {name: _read(name, value) for name, value in said.items()}

    def __getitem__(self, name: str) -> Any:
        return self._said[name]


def _read(name: str, value: Any) -> Any:
    if name in _MONEY:
        return int(Decimal(value) * 100)
    return Fraction(value) if name in ("share", "times") else value
