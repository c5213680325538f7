"""What happens around the money of the made-up bank: people register, call, complain, consent, borrow, and ask to be erased.

Every personal field holds a mark, so that the auditor finds it wherever it stands in the clear.
"""

import random
from collections import deque
from collections.abc import Iterator
from typing import Any, Final

Record = dict[str, Any]
TRANSACTIONS, INTERACTIONS, CUSTOMERS = "bank.transactions.v1", "bank.interactions.v1", "bank.customers.v1"
MARK: Final = "SECRET"
"""Stands in every personal field that is published here."""
SHARE: Final = 0.3
"""Acts for each record of money."""
CLASSES: Final = ("normal", "special_mention", "substandard", "doubtful", "loss")
WEIGHTS: Final = {
    "register": 3, "update": 2, "assign": 2, "consent": 3, "campaign": 3, "meet": 8, "complain": 5, "rate": 3,
    "borrow": 8, "claim": 8, "contact": 8, "erase": 1,
}  # fmt: skip
MOST_STANDING: Final = 100


class People:
    """Draws one act after the other, from chances of its own. standing: ids of triggers that managers know of."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._count = 0
        self._now = ""
        self._accounts: dict[str, list[str]] = {}
        self._loans: dict[str, list[str]] = {}
        self._complaints: dict[str, list[str]] = {}
        self.standing: deque[str] = deque(maxlen=MOST_STANDING)

    def around(self, record: Record) -> Iterator[tuple[str, Record]]:
        """What happens besides on the day of a record of the bank: topics and records."""
        customer = record["customer_id"]
        if record["type"] == "account_opened" and record["category"] == "deposit":
            self._accounts.setdefault(customer, []).append(record["account_id"])
        if self._chance.random() > SHARE:
            return
        (act,) = self._chance.choices(list(WEIGHTS), list(WEIGHTS.values()))
        if act in ("claim", "contact") and self.standing:
            trigger_id = self._chance.choice(self.standing)
            customer = trigger_id.partition(":")[0]
            content = {"trigger_id": trigger_id, "manager_id": f"M{self._chance.randint(1, 3)}"}
        else:
            content = {}
        self._now = record["occurred_at"]
        topic, content = getattr(self, f"_{act}")(customer, content, self._now[:10])
        yield topic, self._record("loans" if topic == TRANSACTIONS else "crm", customer, content)

    def erasure(self, customer: str) -> Record:
        """A customer asks to be erased, at the time of the last record."""
        return self._record("crm", customer, {"type": "erasure_requested"})

    def _record(self, source: str, customer: str, content: Record) -> Record:
        self._count += 1
        named = {"event_id": f"{source}-{self._count}", "source": source, "schema_version": 1}
        return {**named, "occurred_at": self._now, "customer_id": customer, **content}

    def _secret(self, customer: str) -> str:
        return f"{MARK} {customer} {self._count}"

    def _told(self, kind: str, **content: Any) -> tuple[str, Record]:
        return INTERACTIONS, {"type": kind, **content}

    def _register(self, customer: str, _: Record, __: str) -> tuple[str, Record]:
        secret = self._secret(customer)
        document = {"kind": "identity_card", "number": secret}
        return CUSTOMERS, {"type": "customer_registered", "name": secret, "document": document, "phone": secret}

    def _update(self, customer: str, _: Record, __: str) -> tuple[str, Record]:
        return CUSTOMERS, {"type": "customer_updated", "phone": self._secret(customer), "branch": "B2"}

    def _assign(self, _: str, __: Record, ___: str) -> tuple[str, Record]:
        return CUSTOMERS, {"type": "manager_assigned", "manager_id": f"M{self._chance.randint(1, 3)}"}

    def _consent(self, _: str, __: Record, ___: str) -> tuple[str, Record]:
        granted = self._chance.random() < 0.6
        return CUSTOMERS, {"type": "consent_changed", "purpose": "marketing", "granted": granted}

    def _erase(self, _: str, __: Record, ___: str) -> tuple[str, Record]:
        return CUSTOMERS, {"type": "erasure_requested"}

    def _campaign(self, _: str, __: Record, ___: str) -> tuple[str, Record]:
        if self._chance.random() < 0.5:
            return self._told("campaign_contact", campaign="spring")
        return self._told("campaign_response", campaign="spring", response="yes")

    def _meet(self, _: str, __: Record, ___: str) -> tuple[str, Record]:
        kinds: list[tuple[str, Record]] = [
            ("branch_visit", {"branch": "B1"}),
            ("phone_call", {"direction": self._chance.choice(["in", "out"]), "minutes": 3}),
            ("app_session", {}),
            ("message", {"channel": "sms", "direction": "in"}),
            ("product_enquiry", {"category": "fund"}),
            ("identity_verified", {"operator": "E1", "method": "face", "valid_minutes": 5}),
        ]
        kind, content = self._chance.choice(kinds)
        return self._told(kind, **content)

    def _complain(self, customer: str, _: Record, __: str) -> tuple[str, Record]:
        known = self._complaints.setdefault(customer, [])
        if known and self._chance.random() < 0.5:
            one = self._chance.choice(known[-3:])
            return self._told("complaint_resolved", complaint_id=one, outcome="settled")
        known.append(f"K{self._count}")
        text = self._secret(customer)
        return self._told("complaint_filed", complaint_id=known[-1], severity=2, text=text)

    def _rate(self, _: str, __: Record, ___: str) -> tuple[str, Record]:
        return self._told("satisfaction_rated", score=self._chance.randint(1, 5))

    def _claim(self, _: str, content: Record, __: str) -> tuple[str, Record]:
        return self._told("trigger_claimed", **content) if content else self._told("app_session")

    def _contact(self, customer: str, content: Record, _: str) -> tuple[str, Record]:
        outcome = self._chance.choice([None, None, "retained", "lost", "no_need"])
        if content and outcome is not None:
            content["outcome"] = outcome
        if self._chance.random() < 0.2:
            content["credit_sign"] = "shop closed"
        return self._told("manager_contact", **({"manager_id": "M1"} | content), note=self._secret(customer))

    def _borrow(self, customer: str, _: Record, on: str) -> tuple[str, Record]:
        chance = self._chance
        loans = self._loans.setdefault(customer, [])
        content: Record = {"value_date": on, "currency": "CNY"}
        if not loans or chance.random() < 0.1:
            loans.append(f"L{self._count}")
            return TRANSACTIONS, content | {"type": "loan_opened", "loan_id": loans[-1], "outstanding": 90_000}
        content["loan_id"] = chance.choice(loans)
        kind = chance.choice(["loan_disbursed", "loan_repaid", "loan_overdue", "loan_classified"])
        if kind == "loan_classified":
            del content["currency"]
            return TRANSACTIONS, content | {"type": kind, "class": chance.choice(CLASSES)}
        if kind == "loan_overdue":
            del content["currency"]
            days = chance.choice([0, 1, 5, 29, 30, 31, 60, 95])
            return TRANSACTIONS, content | {"type": kind, "amount": 700, "days_overdue": days}
        accounts = self._accounts.get(customer)
        if accounts and chance.random() < 0.6:
            content["paid_to" if kind == "loan_disbursed" else "paid_from"] = chance.choice(accounts)
        return TRANSACTIONS, content | {"type": kind, "amount": chance.randint(1, 500_000)}
