"""What stood behind each block, and since when? By it any earlier point of the log is found again (DOMAIN §4, As of)."""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from aggregates.policy import Policies, Policy
from projections.feed import Basis, Feed, Row
from projections.table import Table

_decode_policies = msgspec.json.Decoder(tuple[Policy, ...]).decode


class Blocks:
    """One row a block. at: commit clock, ISO, UTC; policies: all known, as JSON, where the block brought one, else null."""

    name = "blocks"
    version = 1
    table = Table(
        "blocks",
        (
            ("block", "INTEGER"),
            ("at", "TEXT"),
            ("lines", "INTEGER"),
            ("customers", "INTEGER"),
            ("accounts", "INTEGER"),
            ("first_month", "INTEGER"),
            ("last_closed", "INTEGER"),
            ("closed_through", "INTEGER"),
            ("policies", "TEXT"),
        ),
        ("block",),
    )

    def rows(self, feed: Feed) -> Iterator[Row]:
        """Every block told of."""
        for told in feed.told:
            stands = told.stands
            yield (
                told.block,
                told.at,
                stands.lines,
                stands.customers,
                stands.accounts,
                stands.first_month,
                stands.last_closed,
                stands.closed_through,
                None if stands.policies is None else msgspec.json.encode(stands.policies).decode(),
            )


class Known(msgspec.Struct, frozen=True):
    """What the log knew behind a block: so many lines, customers and accounts, and the basis to read them by."""

    lines: int
    customers: int
    accounts: int
    basis: Basis


def known_from(row: Sequence[Any], policies: str | None, shard_id: str) -> Known:
    """A row of the table as what was known. policies: the latest ones up to it."""
    block, _, lines, customers, accounts, first_month, last_closed, closed_through, _ = row
    versions = () if policies is None else _decode_policies(policies)
    retained = Policies(versions).retained_months if versions else 0
    basis = Basis(shard_id, block, first_month, last_closed, closed_through, retained, versions)
    return Known(lines, customers, accounts, basis)
