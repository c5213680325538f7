"""The table of contents of what comes in: topic -> record types, active or known by name only; and topics of what goes out."""

from events import calendar, customers, interactions, transactions
from events.fields import Record

TRANSACTIONS = "bank.transactions.v1"
INTERACTIONS = "bank.interactions.v1"
CUSTOMERS = "bank.customers.v1"
CALENDAR = "bank.calendar.v1"

TIER_CHANGES = "guanxi.tier-changes.v1"
RETENTION_TRIGGERS = "guanxi.retention-triggers.v1"
REJECTED = "guanxi.rejected.v1"
"""Topics of what goes out."""

TOPICS: dict[str, tuple[type[Record], ...]] = {
    TRANSACTIONS: transactions.TYPES,
    CUSTOMERS: customers.TYPES,
    CALENDAR: calendar.TYPES,
    INTERACTIONS: interactions.TYPES,
}
INACTIVE: dict[str, str] = {
    name: topic
    for topic, names in (
        (TRANSACTIONS, transactions.INACTIVE),
        (CUSTOMERS, customers.INACTIVE),
        (INTERACTIONS, interactions.INACTIVE),
    )
    for name in names
}
"""Type names whose effect is not built: refused `type_not_active`, never stored without effect."""


def type_name(record_type: type[Record]) -> str:
    """The wire `type` of a record class."""
    return str(record_type.__struct_config__.tag)


RECORDS: dict[str, type[Record]] = {type_name(t): t for types in TOPICS.values() for t in types}
TOPIC_OF: dict[str, str] = {type_name(t): topic for topic, types in TOPICS.items() for t in types} | INACTIVE
