"""What managers do to triggers that stand, and whatever else their life depends on, through a whole bank (CONTRACT §5)."""

from collections.abc import Sequence
from typing import Any

import pytest

from aggregates import closing
from aggregates.records import take
from aggregates.shard import Shard
from aggregates.triggers import catalog
from aggregates.triggers.catalog import RULES
from events.decisions import Decision, TriggerMoved, TriggersActivated
from events.fields import Record
from processors.snapshot import chunks_of, frame_of, shard_from
from tests.dsl.bank import Bank
from tests.dsl.records import close, closed_through, deposit, met, opened, withdrawal

FILED = "C1:complaint_open:P1:filed"


def bank_of(*before: Record) -> Bank:
    """C1 has complained on the 2nd, the open day; every rule is active."""
    bank = Bank()
    bank.evolve(TriggersActivated(tuple(rule.code for rule in RULES)))
    bank.given(opened("C1", "A1", on="2026-01-01", balance="100000.00"), *before, closed_through("2026-01-01"))
    return bank.given(met("complaint_filed", at="2026-01-02", complaint_id="P1", severity=2))


def claim(id: str = "k1", *, by: str = "M1", of: str = FILED) -> Record:  # noqa: A002
    return met("trigger_claimed", at="2026-01-02", trigger_id=of, manager_id=by, id=id)


def contact(id: str = "k1", *, by: str = "M1", of: str | None = FILED, **more: Any) -> Record:  # noqa: A002
    return met("manager_contact", at="2026-01-02", trigger_id=of, manager_id=by, id=id, **more)


def shown(decisions: Sequence[Decision]) -> list[tuple[str, str | None, list[str]]]:
    """Step, manager and causes."""
    moved = [each for each in decisions if isinstance(each, TriggerMoved)]
    return [(each.step, each.manager_id, [of.event_id for of in each.cause or ()]) for each in moved]


def steps(bank: Bank) -> list[tuple[str, str | None, list[str]]]:
    bank.check_rebuild()
    return shown(bank.decisions)


@pytest.mark.parametrize("outcome", ["retained", "lost", "no_need"])
def test_claimed_contacted_and_ended(outcome: str) -> None:
    bank = bank_of().when(claim("k1"), contact("k2"), contact("k3", by="M2"), contact("k4", by="M2", outcome=outcome))
    assert steps(bank) == [
        ("claimed", "M1", ["k1"]), ("contacted", "M1", ["k2"]), ("contacted", "M2", ["k3"]), (outcome, "M2", ["k4"]),
    ]  # fmt: skip
    moved = [each for each in bank.decisions if isinstance(each, TriggerMoved)]
    assert {each.business_date for each in moved} == {"2026-01-02"}
    assert [each.sequence for each in moved] == [2, 3, 4, 5]
    assert steps(bank.when(contact("k5", outcome="lost"), claim("k6"), close("2026-01-02"))) == []


def test_a_claim_counts_of_what_nobody_has_done_anything_about() -> None:
    bank = bank_of().when(claim("k1"), claim("k2", by="M2"))
    assert steps(bank) == [("claimed", "M1", ["k1"])]
    assert steps(bank_of().when(contact("k1"), claim("k2", by="M2"))) == [("contacted", "M1", ["k1"])]


@pytest.mark.parametrize(
    "said", [claim(of="C1:complaint_open:P2:filed"), contact(of="C2:complaint_open:P1:filed"), contact(of=None)]
)
def test_what_names_no_trigger_that_stands_changes_none(said: Record) -> None:
    assert steps(bank_of().when(said)) == []


@pytest.mark.parametrize("said", [claim(), contact(outcome="lost")])
def test_before_the_first_close_nothing_stands(said: Record) -> None:
    bank = Bank().given(met("complaint_filed", at="2026-01-02", complaint_id="P1", severity=2))
    assert steps(bank.when(said)) == []
    never = Bank().given(opened("C1", "A1", on="2026-01-01"), closed_through("2026-01-01"))
    assert steps(never.when(said)) == [], "and of who never had one"


def test_who_claims_it_does_not_keep_it_from_expiring() -> None:
    bank = bank_of().when(claim(), closed_through("2026-02-01"))
    assert shown(bank.decisions) == [("claimed", "M1", ["k1"]), ("raised", None, []), ("expired", None, [])]


def test_a_step_of_a_trigger_that_does_not_stand_is_counted_and_nothing_else() -> None:
    """A log of another release may hold one; it never is refused."""
    bank = bank_of()
    life = bank.customer().life
    assert life is not None
    step = next(each for each in bank.lines if isinstance(each, TriggerMoved))
    fields = {name: getattr(step, name) for name in step.__struct_fields__}
    bank.evolve(TriggerMoved(**fields | {"sequence": 2, "step": "claimed", "key": "P2:filed"}))
    assert [(each.key, each.step) for each in life.open] == [("P1:filed", "raised")]
    assert shown(bank.when(claim()).decisions) == [("claimed", "M1", ["k1"])]
    assert life.sequence == 3


def test_what_a_rule_raised_that_this_release_does_not_know_stands_until_a_manager_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A newer release wrote the state: it is read whole before somebody says so, and whatever is done with it fails not."""
    bank = bank_of().when(withdrawal("C1", "A1", "30000.00", on="2026-01-02", id="w1"), close("2026-01-02"))
    (drop,) = (each.id for each in bank.decisions if isinstance(each, TriggerMoved))
    assert drop == "C1:aum_drop:2026-01-02"
    known = tuple(rule for rule in RULES if rule.code != "aum_drop")
    monkeypatch.setattr(catalog, "RULES", known)
    monkeypatch.setattr(catalog, "_BY_CODE", {rule.code: rule for rule in known})
    shard = shard_from(frame_of(bank.shard), chunks_of(bank.shard))
    assert shard is not None
    late = deposit("C1", "A1", "30000.00", on="2026-01-02", at="2026-01-03", id="d1")
    assert of(drop, sent(shard, late, *(close(f"2026-01-{day:02}") for day in range(3, 32)))) == []
    assert of(drop, sent(shard, close("2026-02-28"))) == []
    assert of(drop, sent(shard, contact("k1", of=drop, outcome="retained"))) == ["retained"]


def sent(shard: Shard, *records: Record) -> list[Decision]:
    """What follows from records."""
    found: list[Decision] = []
    for each in records:
        found += take(shard, each)  # type: ignore[arg-type]
        while shard.closing:
            found += closing.steps(shard)
    return found


def of(trigger_id: str, decisions: list[Decision]) -> list[str]:
    """Steps of a trigger."""
    return [each.step for each in decisions if isinstance(each, TriggerMoved) and each.id == trigger_id]
