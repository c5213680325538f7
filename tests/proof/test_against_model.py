"""Random histories through the whole intake, against the slow model bank of tests/model, answer by answer."""

import os
import random
from typing import Any

import pytest

from aggregates.dates import day_of
from tests.model.histories import written_history
from tests.proof.world import World, digest, reachable_months

SEEDS = range(int(os.environ.get("GUANXI_PROOF_FROM", "0")), int(os.environ.get("GUANXI_PROOF_TO", "150")))
SIZE = int(os.environ.get("GUANXI_PROOF_SIZE", "150"))


@pytest.mark.parametrize("seed", SEEDS)
def test_same_answers_as_the_model(seed: int) -> None:
    rng = random.Random(seed)
    written = written_history(rng, size=SIZE)
    bank, records = written.bank, written.records
    expected = [(at, said) for at, said in enumerate(written.outcomes) if said not in (None, "duplicate")]
    world = World(written.policies)
    world.cooling(rng)
    world.feed(list(records), rng)

    got = world.refusals()
    assert got == expected, _first_difference(got, expected, records)
    assert world.shard.closed_through == (0 if bank.closed_through is None else day_of(bank.closed_through))
    for customer_id in bank.customers():
        assert world.balances(customer_id) == {a: b for a, b in bank.spot_by_account(customer_id).items() if b}
        for month in reachable_months(world):
            total, by_account = world.sums(customer_id, month)
            assert by_account == {a: s for a, s in bank.month_sum_by_account(customer_id, month).items() if s}, month
            assert total == bank.month_sum(customer_id, month)
        assert world.tier_changes(customer_id) == bank.tier_changes(customer_id)
        assert world.tier_row(customer_id) == {k: bank.tier_row(customer_id)[k] for k in world.tier_row(customer_id)}
    assert world.restatements() == bank.restatements
    assert sorted(world.alerts(), key=str) == sorted(map(_as_row, bank.alerts), key=str)
    live = digest(world.shard)
    assert digest(world.rebuilt()) == live
    assert digest(world.restored(rng)) == live


def _as_row(alert: dict[str, Any]) -> tuple[Any, ...]:
    keys = ("kind", "customer_id", "account_id", "source", "date", "expected", "actual")
    numbers = alert["kind"].startswith(("balance", "totals"))
    return tuple(alert.get(k) if numbers or k not in ("expected", "actual") else None for k in keys)


def _first_difference(
    got: list[tuple[int, str]], expected: list[tuple[int, str]], records: list[dict[str, object]]
) -> str:
    only = sorted(set(got) ^ set(expected))
    return "\n".join(f"{'got' if x in got else 'expected'} {x}: {records[x[0]]}" for x in only[:4])
