"""What a trigger rule may look at: one customer, everything taken so far, by scanning all records."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from tests.model.months import days_between
from tests.model.policy import Policy
from tests.model.tiers import Tier
from tests.model.trigger_settings import Settings
from tests.model.wide_bank import WideBank

Record = dict[str, Any]
RecordId = tuple[str, str]


@dataclass(frozen=True)
class Taken:
    """A taken record of a customer. `open_day` is the open day when it was taken, None before the first close."""

    record: Record
    open_day: date | None
    late: bool  # dated in a day that was closed, or a reversal (DOMAIN §5)


@dataclass(frozen=True)
class Found:
    """A condition that is true: the key, what the evidence says, and the records that are certainly behind it."""

    key: str
    evidence: dict[str, Any]
    behind: frozenset[RecordId] = field(default_factory=frozenset)


class View:
    """One customer, as known now."""

    def __init__(self, bank: WideBank, customer_id: str, settings: Callable[[date, str], Settings]) -> None:
        self.bank = bank
        self.customer_id = customer_id
        self.settings = settings
        self.first = bank.first_of_first_month()
        self._undone = bank.undone(customer_id)
        self._worth: dict[date, int] = {}  # a view is of one moment: what it was asked is the same later
        self._tiers: dict[date, tuple[Tier, Tier]] = {}

    def standing(self, *types: str) -> list[Record]:
        """Taken records of these types that were not reversed, in log order."""
        records = self.bank.records_of(self.customer_id)
        return [one for one in records if one["type"] in types and not any(one is each for each in self._undone)]

    def value_date(self, record: Record) -> date:
        """From which day a record counts: value dates before F count as its first day."""
        return max(date.fromisoformat(record["value_date"]), self.first)

    def aum(self, day: date) -> int:
        """End-of-day AUM, minor units."""
        if day not in self._worth:
            self._worth[day] = self.bank.aum(self.customer_id, day)
        return self._worth[day]

    def balance(self, account_id: str, day: date) -> int:
        """End-of-day balance of an account, minor units."""
        return self.bank.end_of_day(self.customer_id, account_id, day)

    def tier(self, day: date) -> Tier:
        """The tier after everything that the close of a day changed."""
        return self._tiers_on(day)[1]

    def tier_before(self, day: date) -> Tier:
        """The tier that the close of a day found."""
        return self._tiers_on(day)[0]

    def _tiers_on(self, day: date) -> tuple[Tier, Tier]:
        if day not in self._tiers:
            self._tiers[day] = self.bank.tiers_on(self.customer_id, day)
        return self._tiers[day]

    def policy(self, day: date) -> Policy:
        """Ladder and windows on a day."""
        return self.bank.policy_of(day)


def id_of(record: Record) -> RecordId:
    """How evidence and causes name a record."""
    return record["source"], record["event_id"]


def ids_of(records: list[Record]) -> frozenset[RecordId]:
    """Of several."""
    return frozenset(id_of(one) for one in records)


def happened_on(record: Record) -> date:
    """The date of `occurred_at` in its own offset."""
    return date.fromisoformat(record["occurred_at"][:10])


def last_days(day: date, count: int) -> list[date]:
    """The last `count` days: d − n + 1 … d."""
    return list(days_between(day - timedelta(days=count - 1), day))


def half_even(total: int, days: int) -> int:
    """total ÷ days, rounded half-even: how averages are shown."""
    return round(Fraction(total, days))
