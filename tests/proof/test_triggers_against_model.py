"""Random histories of triggers through the whole intake, against the slow model: every step of every customer."""

import os
import random
from typing import Any

import msgspec
import pytest

from events.catalog import RECORDS
from events.decisions import TriggerMoved
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
    for record in records:
        bank.take(record)
    world = World(policies)
    world.intake.activate_rules()
    world.cooling(rng)
    world.feed(list(records), rng)

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


_LEFT_OUT = ("records", "accounts", "months", "months_left")
"""Where the model chose otherwise than the rules, or says less: ``tests.model.triggers``, choice 12 and the end."""


def _compared(evidence: dict[str, Any]) -> dict[str, Any]:
    """What both say; in which order money went out does not matter."""
    found = {name: value for name, value in evidence.items() if name not in _LEFT_OUT}
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
