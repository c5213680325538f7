"""What is to be done first: money at stake, then level, then age; and who has it."""

from typing import Any

import pytest

from projections.managers import Managers
from projections.worklist import STAKES, at_stake, first_to_do
from tests.projections.steps import decided, moved
from tests.projections.world import World, close, opened, record, rows


def assigned(customer_id: str, manager_id: str, branch: str | None = None, on: str = "2026-01-05") -> dict[str, Any]:
    return record(
        "manager_assigned", customer_id, on=on, manager_id=manager_id, **({"branch": branch} if branch else {})
    )


def registered(customer_id: str, branch: str) -> dict[str, Any]:
    document = {"kind": "id_card", "number": "1"}
    return record("customer_registered", customer_id, on="2026-01-01", name="王", document=document, branch=branch)


@pytest.fixture
def bank(world: World) -> World:
    """C1, C2 of M1 in branches B1, B2; C3 of M2; C4 of nobody in B1; C5 never registered; C6 with loans only, so to say."""
    world.take(*(opened(f"C{n}", f"A{n}", "2026-01-01", n * 1_000_00) for n in range(1, 6)))
    world.take(assigned("C1", "M1", "B1"), registered("C2", "B2"), assigned("C2", "M1"), assigned("C3", "M2", "B1"))
    world.take(registered("C4", "B1"), assigned("C6", "M2"), close("2026-01-12"))
    world.put()
    return world


def tell(world: World, *steps: Any) -> None:
    world.take(record("manager_assigned", "C9", on="2026-01-13", manager_id="M9"))
    decided(world, *steps)
    world.put()


def of(world: World, *asked: str | None, **how: bool) -> list[tuple[Any, ...]]:
    found = world.views.worklist(*asked, **how)
    return sorted((row["customer_id"], row["manager_id"], row["branch"]) for row in found)


def test_each_has_the_own_customers_and_what_was_taken_on(bank: World) -> None:
    tell(bank, *(moved(f"C{n}", 1) for n in range(1, 7)), moved("C2", 2, "claimed", manager_id="M2"))
    assert of(bank, "M1") == [("C1", "M1", "B1")]
    assert of(bank, "M2") == [("C2", "M2", "B2"), ("C3", "M2", "B1"), ("C6", "M2", None)]
    assert of(bank, None, "B1") == [("C1", "M1", "B1"), ("C3", "M2", "B1"), ("C4", None, "B1")]
    assert of(bank, unassigned=True) == [("C4", None, "B1"), ("C5", None, None)]
    assert of(bank, None, "B1", unassigned=True) == [("C4", None, "B1")]
    assert len(of(bank)) == 6
    tell(bank, moved("C4", 2, "contacted", manager_id="M1"), moved("C1", 2, "retained", manager_id="M1"))
    assert of(bank, "M1") == [("C4", "M1", "B1")]
    tell(bank, moved("C4", 3, "expired"))
    assert of(bank, "M1") == of(bank, None, "B1", unassigned=True) == []


def test_a_manager_who_was_followed_by_another_has_nothing_left(bank: World) -> None:
    tell(bank, moved("C1", 1))
    bank.tell(assigned("C1", "M3", "B3", "2026-01-14"))
    assert of(bank, "M1") == []
    assert of(bank, "M3") == [("C1", "M3", "B3")]


def test_a_row_says_since_when_how_much_and_of_whom(bank: World) -> None:
    tell(bank, moved("C1", 1, on="2026-01-10"), moved("C1", 2, "claimed", "2026-01-11", manager_id="M1"))
    (row,) = bank.views.worklist("M1")
    assert row == {
        "customer_id": "C1", "id": "C1:aum_drop:2026-01-10", "code": "aum_drop", "step": "claimed",
        "at_stake": 6_999_997, "stake": "fell", "level": None, "raised_on": "2026-01-10", "days": 2, "aum": 1_000_00,
        "manager_id": "M1", "branch": "B1", "says": {"zh": "资产下降", "en": "AUM fell"},
    }  # fmt: skip
    tell(bank, moved("C6", 1, on="2026-01-14", evidence={"records": []}))
    (row,) = (row for row in bank.views.worklist("M2"))
    assert (row["at_stake"], row["stake"], row["aum"], row["days"]) == (0, "held", 0, 0)


@pytest.mark.parametrize(
    ("evidence", "expected"),
    [
        ({"out": 9, "loss": 5, "before": 8, "now": 3, "to": []}, ("left", 5)),
        ({"high": 9, "high_on": "2026-01-01", "now": 2}, ("fell", 7)),
        ({"amount": 9, "kept": 2}, ("not_renewed", 7)),
        ({"amount": 9, "kept": -3}, ("not_renewed", 12)),
        ({"amount": 9, "date": "2026-02-01", "product": "p"}, ("matures", 9)),
        ({"count": 3, "sum": 8, "base": 20}, ("moved_out", 8)),
        ({"projection": 8, "top_up": 4}, ("lacks", 4)),
        ({"last_activity_on": "2025-01-01", "aum": 6}, ("held", 77)),
        ({"score": 1}, ("held", 77)),
        ({"days_overdue": 30}, ("held", 77)),
        ({"amount": 5, "kept": 7}, ("not_renewed", 0)),
    ],
)
def test_the_money_at_stake_is_what_the_evidence_speaks_of(evidence: dict[str, Any], expected: tuple[str, int]) -> None:
    assert at_stake({"records": [], **evidence}, 77) == expected
    assert expected[0] in STAKES


def test_debts_are_no_money_at_stake() -> None:
    assert at_stake({"records": []}, -5) == ("held", 0)


def test_more_money_comes_first_then_the_higher_level_then_what_is_older() -> None:
    def row(name: str, minor: int, level: str | None, days: int) -> dict[str, Any]:
        return {"customer_id": name, "id": f"{name}:x", "at_stake": minor, "level": level, "days": days}

    expected = [
        row("e", 9, None, 0), row("d", 5, "platinum", 1), row("c", 5, "gold", 7), row("b", 5, "gold", 2),
        row("é", 5, "gold", 2), row("a", 5, "dropped", 9), row("f", 5, None, 1),
    ]  # fmt: skip
    for shuffled in (expected[::-1], expected[3:] + expected[:3]):
        assert first_to_do(shuffled, ["gold", "platinum"]) == expected
        assert first_to_do(shuffled, ["gold", "platinum"], 2) == expected[:2]


def test_managers_end_with_their_relation(bank: World) -> None:
    kept = {row[0]: row[1:4] for row in bank.views.rows_of(Managers.table)}
    assert kept["C1"] == ("M1", "2026-01-05", "B1")
    assert kept["C2"] == ("M1", "2026-01-05", "B2")
    assert kept["C4"] == (None, None, "B1")
    assert "C5" not in kept
    customer = bank.shard.customers.ensure("C1")
    assert customer.profile is not None
    customer.profile.managers.append(type(customer.profile.managers[0])(740_000, None))
    bank.tell(opened("C1", "B1", "2026-01-13"))
    assert {row[0]: row[1:4] for row in bank.views.rows_of(Managers.table)}["C1"] == (None, None, None)


def test_rows_of_all_are_in_order_of_customer_and_step(bank: World) -> None:
    tell(bank, moved("C3", 1), moved("C1", 1), moved("C1", 2, code="dormant"))
    assert rows(bank.views.worklist(), "customer_id", "code") == [
        ("C1", "aum_drop"),
        ("C1", "dormant"),
        ("C3", "aum_drop"),
    ]
