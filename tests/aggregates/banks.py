"""Banks with which many specs begin."""

from events.fields import Record
from tests.dsl.bank import Bank, given
from tests.dsl.expect import ORDINARY, crm, special, tier_changed
from tests.dsl.records import (
    close,
    closed_through,
    opened,
)

LAKH = "100000.00"


def year(balance: str = LAKH, through: str = "2026-12-31", first: str = "2026-01-31") -> Bank:
    return given(opened("C1", "A1", on="2026-01-01", balance=balance), close(first), closed_through(through))


def fund(*records: Record, through: str = "2026-01-02") -> Bank:
    """A fund of 100.00 from 1 January on, its days closed from 2 January on."""
    bank = given(opened("C1", "F1", category="fund", on="2026-01-01", balance="100.00"), close("2026-01-02"))
    return bank.given(*records, closed_through(through))


def running(balance: str = "1000.00", through: str = "2026-01-15") -> Bank:
    """A customer with a balance from 1 January 2026, days closed from the 10th on."""
    bank = given(opened("C1", "A1", on="2026-01-01", balance=balance), close("2026-01-10"))
    return bank.given(closed_through(through)) if through > "2026-01-10" else bank


def special_granted(
    sequence: int = 1,
    before: dict[str, str | None] = ORDINARY,
    level: str = "diamond",
    until: str = "2027-01-16",
    effective: str = "2026-01-16",
    decided: str = "2026-01-16",
    cause: str = "g1",
) -> dict[str, object]:
    return tier_changed(
        sequence,
        "special_granted",
        before,
        special(level, until),
        decided=decided,
        effective=effective,
        cause=[crm(cause)],
    )
