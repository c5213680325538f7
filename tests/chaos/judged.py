"""Steps of triggers, judged again by the slow model bank: of a few customers, for it looks at everything at every close."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.chaos.written import Line
from tests.model.triggers import TriggerBank
from tests.simulation.auditor import expect

LOOKED_AT = 2
_SHOWN = ("sequence", "code", "key", "step", "business_date", "policy_version", "manager_id", "cause")


def judge(
    where: str, taken: Iterable[Line], steps: Mapping[str, Sequence[Line]], policies: list[dict[str, Any]], turn: int
) -> None:
    """Raises Wrong. taken: records of a shard in log order; steps: of its customers; turn: lets others be looked at."""
    taken = list(taken)
    erased = {
        record["customer_id"] for record in taken if record["type"] == "erasure_requested"
    }  # the model knows of none
    busy = sorted(steps.keys() - erased, key=lambda one: (-len(steps[one]), one))
    looked = {busy[0], *(busy[(turn + at) % len(busy)] for at in range(1, LOOKED_AT))} if busy else set()
    bank = TriggerBank(policies)
    for record in taken:
        if record.get("customer_id", "") in looked or "customer_id" not in record:
            bank.take(record)
    for customer in sorted(looked):
        found = [
            tuple(_cause(step) if name == "cause" else step.get(name) for name in _SHOWN) for step in steps[customer]
        ]
        wanted = [
            (each.sequence, each.code, each.key, each.step, str(each.business_date), each.policy_version, each.manager_id,
             None if each.cause is None else tuple(each.cause))
            for each in bank.steps(customer)
        ]  # fmt: skip
        expect(f"{where}: steps of triggers of {customer}", found, wanted)


def _cause(step: Line) -> tuple[tuple[str, str], ...] | None:
    """Records behind a step, as source and id."""
    said = step.get("cause")
    return None if said is None else tuple((each["source"], each["event_id"]) for each in said)
