"""Who owes how much, in which class of credit risk, how long overdue? (`guanxi loans`)."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from aggregates.dates import iso
from aggregates.loans import Loan
from projections.feed import Feed, Row
from projections.table import Table, narrow, wide

SHOWN: Final = (
    "customer_id",
    "loan_id",
    "class",
    "outstanding",
    "days_overdue",
    "overdue",
    "overdue_on",
    "classified_on",
    "since",
)
"""Fields of a row. outstanding, overdue: minor units; overdue_on: value date of the last notice, classified_on: of the
class, null if none was said; since: of the loan's first record."""


class Loans:
    """One row a loan."""

    name = "loans"
    version = 1
    table = Table(
        "loans",
        (
            ("customer_id", "TEXT"),
            ("loan_id", "TEXT"),
            ("class", "TEXT"),
            ("outstanding", "ANY"),
            ("days_overdue", "INTEGER"),
            ("overdue", "INTEGER"),
            ("overdue_on", "TEXT"),
            ("classified_on", "TEXT"),
            ("since", "TEXT"),
        ),
        ("customer_id", "loan_id"),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """The loans of the touched customers."""
        for customer in feed.customers:
            if customer.loans:
                for row in rows_of(customer.id, customer.loans):
                    yield tuple({**row, "outstanding": wide(row["outstanding"])}.values())


def rows_of(customer_id: str, loans: Mapping[str, Loan]) -> Iterator[dict[str, Any]]:
    """Rows of `guanxi loans` of one customer (``SHOWN``), by loan_id."""
    for loan_id in sorted(loans, key=str.encode):
        loan = loans[loan_id]
        row = (
            customer_id,
            loan_id,
            loan.loan_class,
            loan.outstanding,
            loan.days_overdue,
            loan.overdue_minor,
            iso(loan.overdue_on) if loan.overdue_on else None,
            iso(loan.classified_on) if loan.classified_on else None,
            iso(loan.since),
        )
        yield dict(zip(SHOWN, row, strict=True))


def loan_rows(kept: Iterable[Row], *, overdue: bool = False) -> Iterator[dict[str, Any]]:
    """Rows as they come. kept: rows of the table; overdue: only of loans of which something is outstanding and overdue."""
    for row in kept:
        found = dict(zip(SHOWN, row, strict=True))
        found["outstanding"] = narrow(found["outstanding"])
        if not overdue or (found["days_overdue"] and found["outstanding"] > 0):
            yield found


def longest_first(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows in the order of a warning list: the longest overdue first, then the larger loan."""
    return sorted(
        rows,
        key=lambda row: (
            -row["days_overdue"],
            -row["outstanding"],
            row["customer_id"].encode(),
            row["loan_id"].encode(),
        ),
    )
