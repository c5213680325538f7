"""A bank in memory whose intake feeds the views, and the same views made anew from its log."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aggregates.policy import Policies, Policy
from aggregates.shard import Shard
from infra.ids import IdIndex
from infra.sqlite_log import SqliteEventLog
from infra.sqlite_views import SqliteViews
from infra.vault import Vault
from processors.intake import Intake, Origin
from processors.policies import activation
from processors.stored import decode_lines
from processors.tail import Told, told
from projections.feed import Feed

AT = "2026-01-01T00:00:00Z"
_NUMBERS = iter(range(1, 1_000_000))


def record(kind: str, customer_id: str | None = "C1", *, on: str, **fields: Any) -> dict[str, Any]:
    """A record of the source `core` that happened on its value date; amounts in minor units."""
    content = {"type": kind, "event_id": f"e{next(_NUMBERS)}", "source": "core", "schema_version": 1}
    content["occurred_at"] = f"{on}T10:00:00+08:00"
    if customer_id is not None:
        content["customer_id"] = customer_id
    return content | fields


def opened(customer_id: str, account_id: str, on: str, balance: int = 0, category: str = "deposit") -> dict[str, Any]:
    return record(
        "account_opened", customer_id, on=on, account_id=account_id, category=category, currency="CNY",
        value_date=on, opening_balance=balance,
    )  # fmt: skip


def money(kind: str, customer_id: str, account_id: str, amount: int, on: str, at: str | None = None) -> dict[str, Any]:
    return record(
        kind, customer_id, on=at or on, account_id=account_id, amount=amount, currency="CNY", value_date=on
    )  # fmt: skip


def close(on: str, **fields: Any) -> dict[str, Any]:
    return record("business_day_closed", None, on=on, date=on, **fields)


class World:
    """See the module."""

    def __init__(self, folder: Path, *policies: Policy, views: Any = None, shard_id: str = "s1") -> None:
        """policies: known from before the log; without any the built-in one is. views: a file in the folder unless given."""
        self.log = SqliteEventLog(":memory:")
        self.shard = Shard(Policies(policies or (Policy(),)))
        self.told: list[Told] = []
        vault = Vault(":memory:", b"k" * 32)
        self.intake = Intake(self.log, self.shard, IdIndex(None), vault, self.told.append, lambda: AT)
        self.views = SqliteViews(folder / "views", write=True) if views is None else views
        self.shard_id = shard_id
        self._policies: tuple[Policy, ...] = policies or (Policy(),)
        self._at = 0

    def begin(self) -> None:
        """Let the log itself bring the built-in policy, as that of a bank does; only before anything is taken."""
        self.shard.policies = Policies()
        self._policies = ()
        found = activation(self.shard, Policy())
        assert found is not None
        self.intake.activate(found)

    def take(self, *records: dict[str, Any] | bytes) -> None:
        """One batch, one block or more."""
        lines = [r if isinstance(r, bytes) else json.dumps(r, ensure_ascii=False).encode() for r in records]
        self.intake.take(Origin(("file:a", 0), file="a"), self._at, b"".join(line + b"\n" for line in lines))
        self._at += len(lines)

    def put(self) -> None:
        """Bring the views to the end of the log."""
        touched = [self.shard.customers.ensure(customer_id) for customer_id in self.intake.touched]
        self.views.put(Feed(self.told, touched, self.shard, self.shard_id), self.log.head().block)
        self.told.clear()
        self.intake.touched.clear()

    def tell(self, *records: dict[str, Any] | bytes) -> SqliteViews:
        """Take records, put, and hand over the views."""
        self.take(*records)
        self.put()
        return self.views

    def feed(self) -> Feed:
        """What was not put yet, with everyone."""
        return Feed(list(self.told), list(self.shard.customers), self.shard, self.shard_id)

    def rebuilt(self, path: Path) -> SqliteViews:
        """Views in a file made from the log alone."""
        shard = Shard(Policies(self._policies))
        feed: list[Told] = []
        for block in self.log.blocks():
            lines = decode_lines(block.body)
            for line in lines:
                shard.evolve(line)
            feed.append(told(block, lines, shard))
        views = SqliteViews.beside(path)
        views.put(Feed(feed, shard.customers, shard, self.shard_id), self.log.head().block)
        return views


def rows(found: Iterable[dict[str, Any]], *fields: str) -> list[tuple[Any, ...]]:
    """Some fields of rows."""
    return [tuple(row[field] for field in fields) for row in found]
