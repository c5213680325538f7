"""The auditor finds a step of a trigger that the model bank does not make, and one that it makes and that is missing."""

import json
import tomllib
from collections.abc import Callable

import pytest

from guanxi.simulator import records
from tests.chaos.auditor import POLICY_FILE
from tests.chaos.judged import judge
from tests.chaos.written import Line
from tests.model.triggers import TriggerBank
from tests.simulation.auditor import Wrong

POLICIES = [tomllib.loads(POLICY_FILE.read_text("utf-8"))]
Steps = dict[str, list[Line]]


@pytest.fixture(scope="module")
def taken() -> list[Line]:
    return [json.loads(line) for line in records(5, 40, 4)]


@pytest.fixture
def steps(taken: list[Line]) -> Steps:
    """As a right log has them."""
    bank = TriggerBank(POLICIES)
    assert {bank.take(record) for record in taken} == {None}
    found = {
        one: [
            {"sequence": each.sequence, "code": each.code, "key": each.key, "step": each.step,
             "business_date": str(each.business_date), "policy_version": each.policy_version}
            for each in bank.steps(one)
        ]
        for one in bank.customers()
    }  # fmt: skip
    return {one: each for one, each in found.items() if each}


def test_right_steps_pass(taken: list[Line], steps: Steps) -> None:
    judge("shard 0", taken, steps, POLICIES, 1)


def missing(steps: list[Line]) -> None:
    steps.pop()


def too_many(steps: list[Line]) -> None:
    steps.append(steps[-1] | {"sequence": len(steps) + 1, "step": "expired"})


def another_key(steps: list[Line]) -> None:
    steps[0]["key"] = "2025-01-01"


def another_policy(steps: list[Line]) -> None:
    steps[-1]["policy_version"] = "chaos-2"


@pytest.mark.parametrize("spoil", [missing, too_many, another_key, another_policy])
def test_it_is_noticed(taken: list[Line], steps: Steps, spoil: Callable[[list[Line]], None]) -> None:
    spoil(max(steps.values(), key=len))
    with pytest.raises(Wrong, match="steps of triggers of"):
        judge("shard 0", taken, steps, POLICIES, 1)
