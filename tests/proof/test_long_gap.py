"""Records that run years ahead of the first close: sums come out as the model counts them."""

import random
from typing import Any

from tests.model.bank import Bank
from tests.proof.test_quiet import _close, _record
from tests.proof.world import World, reachable_months


def test_years_between_movements_before_the_first_close() -> None:
    def money(at: int, kind: str, amount: int, day: str) -> dict[str, Any]:
        return _record(kind, at, customer_id="C1", account_id="A1", amount=amount, currency="CNY", value_date=day)

    opened = _record(
        "account_opened",
        1,
        customer_id="C1",
        account_id="A1",
        category="deposit",
        currency="CNY",
        value_date="1995-03-01",
        opening_balance=30_000_000,
    )
    records = [
        opened,
        money(2, "deposit", 100, "2020-02-10"),
        money(3, "deposit", 50_000_000, "2023-06-07"),
        money(4, "withdrawal", 7_000_000, "2020-02-20"),
        *(_close(day) for day in ("2020-02-12", "2020-03-31", "2020-12-31", "2021-06-30", "2023-06-30", "2023-08-31")),
        money(5, "withdrawal", 1_000, "2023-05-20") | {"occurred_at": "2023-09-01T10:00:00+08:00"},
        _close("2023-09-01"),
    ]
    bank, world = Bank([]), World([])
    for record in records:
        assert bank.take(record) is None
        world.feed([record], random.Random(1))
        for month in reachable_months(world):
            assert world.sums("C1", month)[0] == bank.month_sum("C1", month), (record["event_id"], month)
    assert world.tier_changes("C1") == bank.tier_changes("C1")
