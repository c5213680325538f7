"""Banks with which specs of triggers on money begin, and what became of triggers in them."""

from collections.abc import Iterable
from typing import Any

from aggregates.policy import Policy
from aggregates.triggers.catalog import RULES
from events.decisions import TriggerMoved, TriggersActivated
from events.fields import Record
from tests.dsl.bank import Bank, Said
from tests.dsl.records import closed_through, money, opened, purchase

ALL = TriggersActivated(tuple(rule.code for rule in RULES))


def given(*said: Said | Iterable[Said], policy: Policy | None = None) -> Bank:
    """A bank whose triggers are active from its first line on."""
    bank = Bank(policy or Policy())
    bank.evolve(ALL)
    return bank.given(*said)


def paid(amount: str, kind: str, *, on: str, account: str = "A1", **more: Any) -> Record:
    return money("transfer_out", "C1", account, amount, on=on, counterparty={"kind": kind}, **more)


def steps(bank: Bank, code: str) -> list[str]:
    """What happened to triggers of a code by the last `when`: "raised 2026-02-01", with the key where it is another."""
    bank.check_rebuild()
    moved = [line for line in bank.decisions if isinstance(line, TriggerMoved) and line.code == code]
    return [
        f"{line.step} {line.business_date}" + ("" if line.key == line.business_date else f" {line.key}")
        for line in moved
    ]


def evidence(bank: Bank, code: str) -> dict[str, Any]:
    """What the newest trigger of a code rests on, its records by event_id."""
    found = next(line.evidence for line in reversed(bank.lines) if isinstance(line, TriggerMoved) and line.code == code)
    return {**found, "records": [each["event_id"] for each in found["records"]]}


def cause(bank: Bank, code: str) -> list[str] | None:
    """The records named by the newest step of a code."""
    line = next(line for line in reversed(bank.lines) if isinstance(line, TriggerMoved) and line.code == code)
    return None if line.cause is None else [each.event_id for each in line.cause]


RICH = (opened("C1", "A1", on="2026-01-01", balance="100000.00"), closed_through("2026-01-31"))


def payroll(*dates: str) -> list[Record]:
    return [money("payroll_credited", "C1", "A1", "9000.00", on=date, id=f"pay-{date}") for date in dates]


def product(matures_on: str, *, balance: str = "50000.00") -> list[Said]:
    return [
        opened("C1", "A1", on="2026-01-01"),
        opened("C1", "W1", on="2026-01-01", category="wealth_product"),
        purchase("C1", "W1", balance, on="2026-01-05", matures_on=matures_on, product="安盈90天", id="bought"),
        closed_through("2026-01-31"),
    ]
