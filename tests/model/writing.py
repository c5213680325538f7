"""How the records of a history are made: envelopes, postings, amounts near the thresholds."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.model.bank import Bank
from tests.model.months import last_day, month_of, months_between, plus_months
from tests.model.worlds import random_policies, random_sources

Record = dict[str, Any]
CATEGORIES = ["deposit"] * 6 + ["wealth_product", "fund", "certificate_bond", "treasury_bond", "gold", "cts_margin"]
OFFSETS = ["+08:00"] * 8 + ["Z", "-05:00"]


@dataclass
class Person:
    """What the generator remembers of a customer."""

    customer_id: str
    accounts: list[str] = field(default_factory=list)  # open ones
    closed: list[str] = field(default_factory=list)
    postings: list[Record] = field(default_factory=list)  # taken records that a reversal may name
    mood: int = 0  # place in the ladder aimed at; −1: outside


class Writer:
    """What has been written so far, and how a record is made."""

    def __init__(self, rng: random.Random, size: int) -> None:
        self.rng = rng
        first = date(rng.randint(2018, 2024), rng.randint(1, 12), 1)
        self.today = first + timedelta(days=rng.choice([0, 0, rng.randint(0, 30)]))
        self.start = self.today
        self.policies = random_policies(rng, self.start)
        self.sources, self.other_sources = random_sources(rng, self.policies)
        self.bank = Bank(self.policies)
        self.records: list[Record] = []
        self.outcomes: list[str | None] = []
        """Of each record what the bank made of it; the bank stands behind the last one."""
        self.taken: list[Record] = []
        self.end = last_day(plus_months(month_of(self.today), rng.randint(12, 29)))
        self.people = [Person(f"C{number}") for number in range(1, rng.randint(1, 6) + 1)]
        self.per_month = max(1.0, size / (len(months_between(month_of(self.start), month_of(self.end)))))
        self.opened_on: dict[str, date] = {}
        self._next_id = 0
        self._closed: dict[str, date] = {}

    # --- records -----------------------------------------------------------------------------------------------------

    def envelope(self, kind: str, person: Person | None, source: str | None = None, on: date | None = None) -> Record:
        """A fresh envelope that happened `on` (today, if None)."""
        self._next_id += 1
        rng = self.rng
        clock = f"{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}"
        record = {
            "event_id": f"e{self._next_id}",
            "source": source or rng.choice(self.sources),
            "type": kind,
            "schema_version": 1,
            "occurred_at": f"{on or self.today}T{clock}{rng.choice(OFFSETS)}",
        }
        if person is not None:
            record["customer_id"] = person.customer_id
        if rng.random() < 0.03:
            record["ext"] = {"batch": rng.randint(1, 9)}
        return record

    def emit(self, record: Record) -> str | None:
        """Writes a record, and says what the model bank makes of it."""
        self.records.append(record)
        outcome = self.bank.take(record)
        self.outcomes.append(outcome)
        if outcome is None:
            self.taken.append(record)
            if record["type"] == "account_opened":
                self.opened_on[record["account_id"]] = date.fromisoformat(record["value_date"])
        return outcome

    def value_date(self) -> date:
        """Mostly today, often in the last days, now and then months ago, seldom tomorrow."""
        back = self.rng.choice([0] * 10 + [1, 1, 2, 3, 5, 9, -1, self.rng.randint(10, 70)])
        return self.today - timedelta(days=back)

    def posting(self, kind: str, person: Person, account_id: str, amount: int, value_date: date) -> Record:
        """A money record; value date and accounting day may differ."""
        record = self.envelope(kind, person)
        record |= {"account_id": account_id, "amount": amount, "currency": "CNY", "value_date": str(value_date)}
        self.booking(record, value_date)
        if kind in ("transfer_in", "transfer_out") and self.rng.random() < 0.4:
            kinds = ["own", "same_bank", "other_bank", "payment_platform", "cash", "unknown"]
            record["counterparty"] = {"kind": self.rng.choice(kinds)}
        if self.rng.random() < 0.05:
            record["channel"] = "counter"
        return record

    def booking(self, record: Record, value_date: date) -> None:
        """Late postings are booked in the open accounting day, most others on their value date."""
        if value_date != self.today and self.rng.random() < 0.6:
            record["booked_on"] = str(self.today)

    def send_posting(self, person: Person, record: Record) -> str | None:
        """Writes a record that a reversal may name later."""
        outcome = self.emit(record)
        if outcome is None:
            person.postings.append(record)
        return outcome

    def near_threshold(self) -> int:
        """An amount near a threshold or a part of one, minor units, above 0."""
        threshold = self.rng.choice(self.ladder())
        share = self.rng.choice([1, 1, 2, 5, 10, 100])
        return max(
            1, threshold // share + self.rng.choice([0, 0, 1, -1, self.rng.randint(-threshold // 4, threshold // 4)])
        )

    def ladder(self) -> list[int]:
        """Thresholds in force today, minor units."""
        return [minor for _, minor in self.bank.policies.of_month(month_of(self.today)).levels]

    def account(self, person: Person, day: date | None = None) -> str:
        """An open account, mostly one that is there on that day already."""
        there = [one for one in person.accounts if day is None or self.opened_on[one] <= day]
        return self.rng.choice(there if there and self.rng.random() < 0.95 else person.accounts)
