"""Random histories of triggers through the whole intake, against the slow model: every step of every customer."""

import os
import random
from datetime import date
from typing import Any

import msgspec
import pytest

from events.catalog import RECORDS
from events.decisions import TriggerMoved
from tests.model.months import days_between
from tests.model.trigger_histories import trigger_history
from tests.model.trigger_life import Step
from tests.model.triggers import TriggerBank
from tests.proof.world import World, digest

SEEDS = range(int(os.environ.get("GUANXI_PROOF_FROM", "0")), int(os.environ.get("GUANXI_PROOF_TO", "16")))
SIZE = int(os.environ.get("GUANXI_PROOF_SIZE", "150"))


@pytest.mark.parametrize("seed", SEEDS)
def test_same_steps_as_the_model(seed: int) -> None:
    rng = random.Random(seed)
    policies, written = trigger_history(rng, size=SIZE)
    records = [record for record in written if record["type"] in RECORDS]
    bank = TriggerBank(policies)
    refused = [
        (at, word) for at, record in enumerate(records) if (word := bank.take(record)) not in (None, "duplicate")
    ]
    world = World(policies)
    world.intake.activate_all(None)
    world.cooling(rng)
    world.feed(list(records), rng)

    assert world.refusals() == refused
    for customer_id in bank.customers():
        moved = [each for each in world.decisions(TriggerMoved) if each.customer_id == customer_id]
        assert [_shown(each) for each in moved] == [_expected(each) for each in bank.steps(customer_id)]
        ids = {(record["source"], record["event_id"]) for record in records if record.get("customer_id") == customer_id}
        for got, model in zip(moved, bank.steps(customer_id), strict=True):
            behind = {(each["source"], each["event_id"]) for each in got.evidence["records"]}
            assert model.behind <= behind <= ids, got.id
    live = digest(world.shard)
    assert digest(world.rebuilt()) == live
    assert digest(world.restored(rng)) == live


def test_money_of_long_ago_arms_the_end_of_a_relationship_whoever_keeps_its_days() -> None:
    account: dict[str, Any] = {"account_id": "A1", "currency": "CNY"}
    said: list[tuple[str, str, dict[str, Any]]] = [
        ("account_opened", "2025-01-01", account | {"category": "deposit", "opening_balance": 500}),
        ("withdrawal", "2025-01-02", account | {"amount": 500}),
        ("deposit", "2025-01-05", account | {"amount": 500}),
        ("withdrawal", "2025-01-10", account | {"amount": 500}),
        ("withdrawal", "2025-05-10", account | {"amount": 5}),  # has the account forget the days of January
        ("deposit", "2025-05-10", account | {"amount": 5}),
        ("account_closed", "2025-06-10", {"account_id": "A1"}),
    ]
    records: list[dict[str, Any]] = []
    for day in map(str, days_between(date(2025, 1, 1), date(2025, 6, 10))):
        of_day = [(kind, content | {"value_date": on, "customer_id": "C1"}) for kind, on, content in said if on == day]
        for kind, content in [*of_day, ("business_day_closed", {"date": day})]:
            named = {"event_id": f"e{len(records)}", "source": "core", "type": kind, "schema_version": 1}
            records.append(named | {"occurred_at": f"{day}T12:00:00+08:00"} | content)
    policies = [{"version": "v", "windows": {"restatement_months": 1, "exit_months": 1, "watch_months": 1}}]
    world = World(policies)
    world.intake.activate_all(None)
    world.feed(records, random.Random(1))
    ends = [each for each in world.decisions(TriggerMoved) if each.code == "relationship_end"]
    assert [each.key for each in ends if each.step == "raised"] == ["2025-01-02", "2025-06-10"]
    assert digest(world.rebuilt()) == digest(world.shard)


_LEFT_OUT = ("records", "accounts")
"""Where the pages say less than the rules: the end of ``tests.model.triggers``."""


def _compared(evidence: dict[str, Any]) -> dict[str, Any]:
    """What both say; in which order money went out does not matter."""
    found = {name: value for name, value in evidence.items() if name not in _LEFT_OUT}
    if "months" in found:
        found["months"] = found["months"][-1:]
    if "to" in found:
        found["to"] = sorted(found["to"], key=str)
    return found


def _shown(moved: TriggerMoved) -> dict[str, Any]:
    cause = None if moved.cause is None else [(each.source, each.event_id) for each in moved.cause]
    return {
        "sequence": moved.sequence,
        "code": moved.code,
        "key": moved.key,
        "step": moved.step,
        "business_date": moved.business_date,
        "evidence": _compared(moved.evidence),
        "version": moved.policy_version,
        "manager_id": moved.manager_id,
        "cause": cause,
    }


def _expected(step: Step) -> dict[str, Any]:
    return {
        "sequence": step.sequence,
        "code": step.code,
        "key": step.key,
        "step": step.step,
        "business_date": str(step.business_date),
        "evidence": _compared(msgspec.to_builtins(step.evidence)),
        "version": step.policy_version,
        "manager_id": step.manager_id,
        "cause": None if step.cause is None else list(step.cause),
    }
