"""What triggers would have come: those that came where nothing is imagined otherwise, and none of it is written."""

import random
from typing import Any

import pytest

from aggregates.policy import Policies, Policy
from aggregates.triggers.catalog import RULES
from events.decisions import TriggerMoved
from processors.policies import activation
from processors.what_if import what_if
from tests.dsl.door import Door
from tests.dsl.records import close, erasure, opened, withdrawal
from tests.model.trigger_histories import trigger_history
from tests.proof.world import World


def bank(seed: int, *, active: bool) -> World:
    """A random history in a log that begins with its policies. active: whether the rules are, from its start."""
    rng = random.Random(seed)
    policies, records = trigger_history(rng, size=150)
    world = World(policies)
    known, world.shard.policies = list(world.shard.policies), type(world.shard.policies)()
    for policy in known:
        found = activation(world.shard, policy)
        assert found is not None
        world.intake.activate(found)
    if active:
        world.intake.activate_all(None)
    world.feed(list(records), rng)
    return world


def by_customer(all_steps: Any) -> dict[str, list[TriggerMoved]]:
    found: dict[str, list[TriggerMoved]] = {}
    for step in all_steps:
        found.setdefault(step.customer_id, []).append(step)
    return found


@pytest.mark.parametrize("seed", range(6))
def test_what_came_would_have_come_and_the_same_where_no_rule_was_active(seed: int) -> None:
    world = bank(seed, active=True)
    head = world.log.head()
    came = by_customer(steps(world))
    assert by_customer(what_if(world.log.blocks())) == came
    assert world.log.head() == head
    assert sum(map(len, came.values())) > 10
    idle = bank(seed, active=False)
    assert not steps(idle)
    assert by_customer(what_if(idle.log.blocks())) == came


def steps(world: World) -> list[TriggerMoved]:
    return list(world.decisions(TriggerMoved))


def test_with_other_parameters_other_triggers_come() -> None:
    world = bank(3, active=True)
    off = {rule.code: {"enabled": False} for rule in RULES}
    assert list(what_if(world.log.blocks(), off)) == []
    only = {**off, "dormant": {"days": 2, "aum_at_least": 0, "cooldown_days": 0, "expire_days": 1}}
    found = list(what_if(world.log.blocks(), only))
    assert {step.code for step in found} == {"dormant"}
    assert len(found) > sum(step.code == "dormant" for step in steps(world))


def test_an_erasure_withdraws_what_would_stand() -> None:
    door = Door()
    shard = door.intake.shard
    shard.policies = Policies()
    found = activation(shard, Policy())
    assert found is not None
    door.intake.activate(found)
    door.intake.activate_all(None)
    door.send(
        opened("C1", "A1", on="2026-01-01", balance="150000.00", id="a1"), close("2026-01-01"),
        withdrawal("C1", "A1", "120000.00", on="2026-01-02", id="w1"), close("2026-01-02"),
        erasure("C1", at="2026-01-03", id="x1"), close("2026-01-03"),
    )  # fmt: skip
    came = [line for line in door.lines() if isinstance(line, TriggerMoved)]
    assert [step.step for step in came] == ["raised", "raised", "withdrawn", "withdrawn"]
    assert list(what_if(door.log.blocks())) == came
