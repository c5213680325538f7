"""A customer gone cold is passed by at month ends only while nothing can be decided about it."""

import random
from typing import Any

import pytest

from tests.proof.world import World

LADDER = [{"code": "gold", "threshold": "1000.00"}, {"code": "platinum", "threshold": "5000.00"}]


def _record(kind: str, at: int, **fields: Any) -> dict[str, Any]:
    day = fields.get("value_date") or fields["date"]
    envelope = {"event_id": f"e{at}", "source": "core", "type": kind, "schema_version": 1}
    return {**envelope, "occurred_at": f"{day}T10:00:00+08:00", **fields}


def _close(day: str) -> dict[str, Any]:
    return {
        "event_id": f"close-{day}",
        "source": "core",
        "type": "business_day_closed",
        "schema_version": 1,
        "occurred_at": f"{day}T23:00:00+08:00",
        "date": day,
    }


def _deposit(at: int, amount: int, day: str) -> dict[str, Any]:
    return _record("deposit", at, customer_id="C1", account_id="A1", amount=amount, currency="CNY", value_date=day)


def _opened() -> dict[str, Any]:
    return _record(
        "account_opened",
        1,
        customer_id="C1",
        account_id="A1",
        category="deposit",
        currency="CNY",
        value_date="2026-01-01",
    )


@pytest.mark.parametrize(
    ("amount", "entered_in"), [(99_999, None), (100_000, None), (100_001, "2026-02"), (5_000_000, "2026-01")]
)
def test_a_cold_customer_enters_when_it_is_due(amount: int, entered_in: str | None) -> None:
    world = World([{"version": "v1", "levels": LADDER}])
    rng = random.Random(1)
    world.feed([_opened(), _close("2026-01-30"), _deposit(2, amount, "2026-01-31")], rng)
    frozen = world.shard.frozen("C1")
    world.feed([_close("2026-01-31")], rng)
    world.feed([_close("2026-02-28")], rng)
    entered = [c["closed_month"] for c in world.tier_changes("C1") if c["kind"] == "entered"]
    assert entered == ([] if entered_in is None else [entered_in]), frozen


def test_a_policy_with_a_lower_entry_wakes_everyone() -> None:
    world = World([{"version": "v1", "levels": LADDER}])
    rng = random.Random(1)
    world.feed([_opened(), _close("2026-01-30"), _deposit(2, 80_000, "2026-01-31")], rng)
    world.shard.frozen("C1")
    world.feed([_close("2026-01-31")], rng)
    world.activate({"version": "v2", "levels": [{"code": "gold", "threshold": "500.00"}]})
    world.feed([_close("2026-02-28")], rng)
    assert [change["kind"] for change in world.tier_changes("C1")] == ["entered"]
