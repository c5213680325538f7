"""The policy: ladder, windows and calendar sources as data, in versions (DOMAIN §4, CONTRACT §3)."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from aggregates.dates import Day, Month, first_day


class Level(msgspec.Struct, frozen=True, gc=False):
    """A rung of the ladder."""

    code: str
    threshold_minor: int
    name_zh: str = ""
    name_en: str = ""


DEFAULT_LADDER = (
    Level("gold", 200_000_00, "金卡", "Gold"),
    Level("platinum", 500_000_00, "白金", "Platinum"),
    Level("diamond", 2_000_000_00, "钻石", "Diamond"),
    Level("private", 6_000_000_00, "私行", "Private"),
)


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the policy. Left out: the defaults of DOMAIN §4.

    triggers: parameters of retention triggers by code, as far as they are stated (``aggregates.triggers.terms``).
    """

    version: str = "default-1"
    valid_from: Day | None = None
    currency: str = "CNY"
    sources: tuple[str, ...] | None = None
    ladder: tuple[Level, ...] = DEFAULT_LADDER
    watch_months: int = 3
    exit_months: int = 6
    grace_months: int = 2
    special_years: int = 1
    restatement_months: int = 12
    triggers: dict[str, dict[str, Any]] = {}

    @property
    def entry_minor(self) -> int:
        """The entry threshold E: the lowest of the ladder."""
        return self.ladder[0].threshold_minor

    @property
    def codes(self) -> tuple[str, ...]:
        """Level codes, ascending."""
        return tuple(level.code for level in self.ladder)

    def rank(self, code: str) -> int:
        """Position of a level on the ladder, 0 = lowest; a level that this version no longer has counts as the lowest."""
        for at, level in enumerate(self.ladder):
            if level.code == code:
                return at
        return 0

    def threshold_minor(self, code: str) -> int:
        """Threshold of a level."""
        return self.ladder[self.rank(code)].threshold_minor

    def reached(self, sum_minor: int, days: int) -> str | None:
        """Highest level whose threshold the month average meets, or None.

        sum_minor: sum of end-of-day balances of the month, minor units; days: of the calendar month.
        Source: DOMAIN §4.
        """
        return next((lv.code for lv in reversed(self.ladder) if sum_minor >= lv.threshold_minor * days), None)


class PolicyRefused(Exception):
    """A policy version that the log cannot take, with the reason."""


class Policies:
    """All versions of a log; month M is decided by the latest version valid on M's first day (DOMAIN §4)."""

    def __init__(self, versions: Sequence[Policy] = ()) -> None:
        self._versions: list[Policy] = []
        self._by_month: dict[Month, Policy] = {}
        for version in versions:
            self.add(version)

    def __iter__(self) -> Iterator[Policy]:
        return iter(self._versions)

    def __len__(self) -> int:
        return len(self._versions)

    def add(self, policy: Policy) -> None:
        """Take a version in; of two valid from the same day the one added last counts."""
        self._versions.append(policy)
        self._by_month.clear()

    def named(self, version: str) -> Policy | None:
        """The version of this name."""
        return next((p for p in self._versions if p.version == version), None)

    def at(self, month: Month) -> Policy:
        """The version that decides a month; before the first valid one: the first valid one."""
        found = self._by_month.get(month)
        if found is None:
            on = first_day(month)
            valid = [p for p in self._versions if p.valid_from is None or p.valid_from <= on]
            if valid:
                found = max(enumerate(valid), key=lambda item: (item[1].valid_from or 0, item[0]))[1]
            else:
                found = min(self._versions, key=lambda p: p.valid_from or 0)
            self._by_month[month] = found
        return found

    @property
    def latest(self) -> Policy:
        """The version with the latest beginning."""
        return max(enumerate(self._versions), key=lambda item: (item[1].valid_from or 0, item[0]))[1]

    @property
    def retained_months(self) -> int:
        """Closed months whose sums are kept: enough for every restatement and for the months a decision names."""
        return 1 + max(max(p.restatement_months, p.exit_months, p.watch_months, p.grace_months) for p in self._versions)
