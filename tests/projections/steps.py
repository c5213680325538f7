"""Steps of triggers written by hand, and told to views as if a close had decided them."""

from typing import Any

from events.decisions import Cause, Step, TriggerMoved
from tests.projections.world import World

SAYS = {"zh": "资产下降", "en": "AUM fell"}


def moved(
    customer_id: str, sequence: int, step: Step = "raised", on: str = "2026-01-10", code: str = "aum_drop", key: str = "",
    **more: Any,
) -> TriggerMoved:  # fmt: skip
    """A step; more: manager_id, cause, evidence, policy_version."""
    evidence = more.pop("evidence", {"records": [{"source": "core", "event_id": "e1"}], "high": 7_000_000, "now": 3})
    return TriggerMoved(
        sequence=sequence, customer_id=customer_id, code=code, key=key or "2026-01-10", step=step, business_date=on,
        evidence=evidence, says=SAYS, policy_version=more.pop("policy_version", "default-1"), **more,
    )  # fmt: skip


def decided(world: World, *lines: TriggerMoved) -> None:
    """As if these had been decided in the block written last, which must not be put yet."""
    told = world.told[-1]
    told.decisions += [(told.stands.lines, line) for line in lines]


def a_life() -> list[TriggerMoved]:
    """What may stand of two customers on 2026-01-12: C1's second trigger and its fourth, and C2's first."""
    late = (Cause("core", "e7"), Cause("funds", "e8"))
    return [
        moved("C1", 1),
        moved("C1", 2, code="near_upgrade", key="2026-01"),
        moved("C2", 1, key="A:1:2026-01-11", code="maturity_upcoming", evidence={"records": [], "amount": 2**70}),
        moved("C1", 3, "claimed", "2026-01-11", code="near_upgrade", key="2026-01", manager_id="M1"),
        moved("C1", 4, "withdrawn", "2026-01-11", cause=late),
        moved("C1", 5, on="2026-01-12", key="2026-01-12"),
        moved("C2", 2, "expired", "2026-01-12", key="A:1:2026-01-11", code="maturity_upcoming"),
        moved("C2", 3, on="2026-01-12", code="dormant", key="2026-01-12"),
    ]
