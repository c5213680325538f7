"""The law of what triggers are counted for, for every store of rows; a part of ``tests.conformance.views``."""

from pathlib import Path
from typing import Any

from infra.answers import Answers
from projections.worth import worth_rows
from tests.projections.world import World, close, opened, record, rows


def assigned(customer_id: str, manager_id: str, on: str, branch: str | None = None) -> dict[str, Any]:
    said = {} if branch is None else {"branch": branch}
    return record("manager_assigned", customer_id, on=on, manager_id=manager_id, **said)


def complained(customer_id: str, on: str) -> dict[str, Any]:
    return record("complaint_filed", customer_id, on=on, complaint_id=on, severity=2)


def spoke(customer_id: str, manager_id: str, on: str, filed: str, outcome: str | None = None) -> dict[str, Any]:
    said = {} if outcome is None else {"outcome": outcome}
    trigger = f"{customer_id}:complaint_open:{filed}:filed"
    return record("manager_contact", customer_id, on=on, manager_id=manager_id, trigger_id=trigger, **said)


class WorthConformance:
    """Fixtures: those of ``ViewsConformance``."""

    def test_a_trigger_counts_for_who_had_the_customer_on_the_day_of_the_raise(
        self, world: World, answers: Answers, tmp_path: Path
    ) -> None:
        """Handed over afterwards, on the day itself, told late, moved to another branch, told in the wrong order, ended."""
        names = [f"C{n}" for n in range(1, 8)]
        world.begin()
        world.intake.activate_all(None)
        world.take(*(opened(name, "A1", "2026-01-02", 5_000_00) for name in names), close("2026-01-04"))
        world.take(
            *(assigned(name, "M1", "2026-01-03", "B1") for name in ("C1", "C2", "C5", "C6")),
            record("customer_updated", "C4", on="2026-01-03", branch="B1"),
            assigned("C4", "M1", "2026-01-03"),
        )
        world.put()
        raised = [complained(name, "2026-01-05") for name in names]
        world.take(raised[0], assigned("C1", "M2", "2026-01-06", "B2"))
        world.take(raised[1], assigned("C2", "M2", "2026-01-05", "B2"))
        world.take(*raised[2:], close("2026-01-05"))
        world.put()
        world.take(
            spoke("C1", "M2", "2026-01-06", "2026-01-05", "retained"),
            assigned("C3", "M3", "2026-01-04", "B3"),
            record("customer_updated", "C4", on="2026-01-06", branch="B4"),
            assigned("C5", "M5", "2026-01-09", "B5"),
            spoke("C6", "M1", "2026-01-06", "2026-01-05"),
        )
        world.put()
        world.take(assigned("C5", "M4", "2026-01-05", "B4"), assigned("C6", "M6", "2026-01-06"), close("2026-01-06"))
        world.put()
        expected = [
            ("C1", "M1", "B1", "M2"), ("C2", "M2", "B2", None), ("C3", "M3", "B3", None), ("C4", "M1", "B1", None),
            ("C5", "M4", "B4", None), ("C6", "M1", "B1", "M1"), ("C7", None, None, None),
        ]  # fmt: skip
        found = [each for each in answers.told_triggers() if each.code == "complaint_open"]
        assert [(t.customer_id, t.manager_id, t.branch, t.reached_by) for t in found] == expected
        by_manager = {row["manager"]: row for row in worth_rows(found, "manager")}
        counts = {who: (row["raised"], row["reached"]["count"]) for who, row in by_manager.items()}
        assert counts == {"M1": (3, 2), "M2": (1, 0), "M3": (1, 0), "M4": (1, 0), None: (1, 0)}
        others = by_manager["M1"]["reached_by_others"]
        assert (others["count"], others["of"], by_manager["M1"]["retained"]["count"]) == (1, 2, 1)
        assert rows(worth_rows(found, "branch"), "branch", "raised") == [
            ("B1", 3), ("B2", 1), ("B3", 1), ("B4", 1), (None, 1)
        ]  # fmt: skip
        rebuilt = world.rebuilt(tmp_path / "rebuilt")
        try:
            assert rebuilt.told_triggers() == answers.told_triggers()
        finally:
            rebuilt.discard()
