"""The policy as the model reads it: ladder, windows, required sources, currency, by month (CONTRACT §3)."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from tests.model.months import first_day

DEFAULT_LEVELS = [
    {"code": "gold", "threshold": "200000.00"},
    {"code": "platinum", "threshold": "500000.00"},
    {"code": "diamond", "threshold": "2000000.00"},
    {"code": "private", "threshold": "6000000.00"},
]


@dataclass(frozen=True)
class Policy:
    """One version. Thresholds in minor units, ascending; windows in months, `special_years` in years."""

    version: str
    valid_from: date | None
    currency: str
    sources: tuple[str, ...] | None
    levels: tuple[tuple[str, int], ...]
    watch_months: int
    exit_months: int
    grace_months: int
    special_years: int
    restatement_months: int

    @property
    def codes(self) -> list[str]:
        """Level codes, lowest first."""
        return [code for code, _ in self.levels]

    @property
    def entry_minor(self) -> int:
        """The entry threshold E."""
        return self.levels[0][1]

    def rank(self, code: str | None) -> int:
        """Place in the ladder from 0; −1 for no level."""
        return -1 if code is None else self.codes.index(code)

    def threshold_minor(self, code: str) -> int:
        """The threshold of a level."""
        return dict(self.levels)[code]

    def reached(self, sum_minor: int, days: int) -> str | None:
        """The highest level whose threshold the month average meets, or None (DOMAIN §4)."""
        best = None
        for code, threshold_minor in self.levels:
            if sum_minor >= threshold_minor * days:
                best = code
        return best

    def above_entry(self, sum_minor: int, days: int) -> bool:
        """Entering from outside needs a > E, strictly (DOMAIN §4)."""
        return sum_minor > self.entry_minor * days


def parse(raw: dict[str, Any]) -> Policy:
    """A version from the parsed TOML; what is left out takes the defaults of DOMAIN §4, {} is `default-1`."""
    windows = raw.get("windows", {})
    sources = raw.get("calendar", {}).get("sources")
    valid_from = raw.get("valid_from")
    return Policy(
        version=raw.get("version", "default-1"),
        valid_from=date.fromisoformat(valid_from) if isinstance(valid_from, str) else valid_from,
        currency=raw.get("currency", "CNY"),
        sources=None if sources is None else tuple(sources),
        levels=tuple((one["code"], int(Decimal(one["threshold"]) * 100)) for one in raw.get("levels", DEFAULT_LEVELS)),
        watch_months=windows.get("watch_months", 3),
        exit_months=windows.get("exit_months", 6),
        grace_months=windows.get("grace_months", 2),
        special_years=windows.get("special_years", 1),
        restatement_months=windows.get("restatement_months", 12),
    )


class Policies:
    """All versions. Currency and required sources must be the same in all of them.

    Raises ValueError if they are not.
    """

    def __init__(self, raw: list[dict[str, Any]]) -> None:
        self.versions = [parse(one) for one in raw or [{}]]
        if len({(one.currency, one.sources) for one in self.versions}) > 1:
            raise ValueError("the model needs one currency and one set of required sources in all versions")
        self.currency = self.versions[0].currency
        self.sources = self.versions[0].sources

    def of_month(self, month: str) -> Policy:
        """The latest version valid on the month's first day; before all of them the earliest (DOMAIN §4)."""
        ordered = sorted(self.versions, key=lambda one: one.valid_from or date.min)
        valid = [one for one in ordered if (one.valid_from or date.min) <= first_day(month)]
        return valid[-1] if valid else ordered[0]
