"""Whose customers are these, and how much do they hold? (DOMAIN §1, customer manager; `guanxi portfolio`)."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from projections.feed import Row
from projections.table import narrow

CUSTOMERS_SHOWN: Final = ("customer_id", "state", "level", "aum", "since", "branch")
"""Fields of a customer of a manager. aum: spot, minor units, null without accounts; since: of the relation."""
MANAGERS_SHOWN: Final = ("manager_id", "customers", "aum")
"""Fields of a manager. customers: how many; aum: spot of all of them, minor units."""


def customer_rows(kept: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """The customers of a manager as they come. kept: in the order of `CUSTOMERS_SHOWN`."""
    for customer_id, state, level, spot, since, branch in kept:
        aum = None if spot is None else narrow(spot)
        shown = (customer_id, state, level, aum, since, branch)
        yield dict(zip(CUSTOMERS_SHOWN, shown, strict=True))


def manager_rows(kept: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Managers with what they look after. kept: (manager_id, spot) of each customer, by manager_id."""
    for manager_id, group in groupby(kept, key=itemgetter(0)):
        spots = [0 if spot is None else narrow(spot) for _, spot in group]
        yield dict(zip(MANAGERS_SHOWN, (manager_id, len(spots), sum(spots)), strict=True))


def managers_over(several: Iterable[Iterable[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Managers over several shards, by manager_id bytes."""
    found: dict[str, dict[str, Any]] = {}
    for rows in several:
        for row in rows:
            known = found.setdefault(row["manager_id"], {"manager_id": row["manager_id"], "customers": 0, "aum": 0})
            known["customers"] += row["customers"]
            known["aum"] += row["aum"]
    for manager_id in sorted(found, key=str.encode):
        yield found[manager_id]
