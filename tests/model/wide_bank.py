"""The model bank, asked about any closed day: what the triggers look at."""

from datetime import date, timedelta
from typing import Any

from tests.model.bank import Bank
from tests.model.customer import Customer, Record
from tests.model.ledger import Posting, balance_on
from tests.model.months import days_between, days_in, first_day, month_of
from tests.model.policy import Policy
from tests.model.tiers import Tier, close_month


class WideBank(Bank):
    """A bank that also answers what its customers were on any closed day, as known now."""

    def __init__(self, policies: list[dict[str, Any]]) -> None:
        super().__init__(policies)
        self._closes: dict[str, list[Record]] = {}  # taken, of all sources, by the date they close

    def policy_of(self, day: date) -> Policy:
        """The policy version that decides on a day: the one of its month."""
        return self._policy_of_day(day)

    def records_of(self, customer_id: str) -> list[Record]:
        """Taken records of a customer in log order."""
        return list(self._customer(customer_id).records)

    def posting_of(self, customer_id: str, record: Record) -> Posting | None:
        """What a taken record of money, value or a loan's payments moved; None for any other."""
        return next((one for one in self._customer(customer_id).postings if one.record is record), None)

    def undone(self, customer_id: str) -> list[Record]:
        """Taken records that a reversal undid."""
        return [one.record for one in self._customer(customer_id).postings if one.reversed_by is not None]

    def undone_by(self, customer_id: str, reversal: Record) -> Posting:
        """What a taken reversal undid."""
        source = reversal["reverses"].get("source") or reversal["source"]
        wanted = (source, reversal["reverses"]["event_id"], reversal["event_id"])
        return next(
            one
            for one in self._customer(customer_id).postings
            if (one.record["source"], one.record["event_id"], one.reversed_by) == wanted
        )

    def accounts_of(self, customer_id: str) -> list[tuple[str, date, date | None]]:
        """(account, opened on, closed on or None) of every account ever opened; loans are none."""
        return [(one.account_id, one.opened_on, one.closed_on) for one in self._customer(customer_id).accounts.values()]

    def first_of_first_month(self) -> date:
        """The first day of F. Only once a day is closed."""
        assert self.first_month is not None
        return first_day(self.first_month)

    def aum(self, customer_id: str, day: date) -> int:
        """End-of-day AUM as known now, minor units; 0 before the first day of F, as nothing counts earlier."""
        customer = self._customer(customer_id)
        return sum(balance_on(self._changes(customer, one), day) for one in customer.accounts)

    def projected_sum(self, customer_id: str, day: date) -> int:
        """Σ of AUM of the days 1..d of the month, and the balance of d for the days that are left (DOMAIN §3)."""
        month = month_of(day)
        so_far = sum(self.aum(customer_id, one) for one in days_between(first_day(month), day))
        return so_far + self.aum(customer_id, day) * (days_in(month) - day.day)

    def is_working_day(self, day: date) -> bool:
        """Monday to Friday, unless a required source's close of the day says otherwise: the one taken last."""
        said = [
            one["working_day"]
            for one in self._closes.get(str(day), [])
            if one.get("working_day") is not None and one["source"] in (self._sources or ())
        ]
        return bool(said[-1]) if said else day.weekday() < 5

    def tiers_on(self, customer_id: str, day: date) -> tuple[Tier, Tier]:
        """(tier before, tier after) what the close of a closed day does to it, as known now."""
        assert self._first_closed is not None
        customer = self._customer(customer_id)
        tier, closed_month = customer.start, None
        before = tier
        for one in days_between(self._first_closed, day):
            for decided_on, record in customer.specials:
                if decided_on == one:
                    tier = self._apply_special(tier, record, one)
            before = tier
            if (one + timedelta(days=1)).day == 1:
                month = month_of(one)
                for move in close_month(tier, month, self.month_sum(customer_id, month), self.policies.of_month(month)):
                    tier = move.after
                closed_month = month
            if tier.state == "special" and tier.until is not None and tier.until <= one:
                tier = self._after_special(customer, closed_month, one)
        return before, tier

    def newest_tier(self, customer_id: str) -> Tier:
        """The newest decision."""
        return self._customer(customer_id).tier

    def closed_day(self) -> date | None:
        """The last closed day."""
        return self._closed_through

    def open_day(self) -> date | None:
        """The day after it."""
        return None if self._closed_through is None else self._closed_through + timedelta(days=1)

    def _take_close(self, record: Record) -> None:
        self._closes.setdefault(record["date"], []).append(record)
        super()._take_close(record)

    def _everyone(self) -> list[Customer]:
        return list(self._customers.values())
