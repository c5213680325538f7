"""A parked customer is left out of the closes of days, and catches up once it is unparked (laws of the log 7)."""

import msgspec
import pytest

from aggregates.policy import Policy
from aggregates.triggers.catalog import RULES
from events.decisions import CustomerUnparked, IntegrityAlerted, RecordParked, TriggerMoved, TriggersActivated
from tests.dsl.bank import Bank, given
from tests.dsl.expect import ORDINARY, alert, at_month_close, core, crm, month_restated, special, tier_changed, vip
from tests.dsl.records import closed_through, deposit, granted, month, opened, stated, withdrawal

APRIL = closed_through("2026-04-30")
RICH = opened("C1", "A1", on="2026-04-01", balance="300000.00")


def parked(bank: Bank, customer_id: str = "C1") -> Bank:
    bank.evolve(RecordParked(customer_id=customer_id, original="", source="core", event_id="e"))
    return bank


def unparked(bank: Bank, customer_id: str = "C1") -> Bank:
    bank.evolve(CustomerUnparked(customer_id=customer_id, records=1))
    return bank


def test_a_month_end_passes_by_and_the_next_close_catches_up() -> None:
    bank = parked(given(RICH, opened("C2", "A2", on="2026-04-01", balance="300000.00")))
    april = month("2026-04", "300000.00")
    bank.when(APRIL).then(at_month_close(1, "entered", ORDINARY, vip("gold"), [april], customer_id="C2"))
    unparked(bank)
    bank.when(closed_through("2026-05-01")).then(
        tier_changed(
            1, "restated", ORDINARY, vip("gold"), months=[april], closed_month="2026-04", decided="2026-05-01",
            effective="2026-05-02", cause=[],
        )
    )  # fmt: skip
    assert bank.tier("C1") == bank.tier("C2")


def test_of_several_months_the_first_counts_and_late_records_join() -> None:
    bank = given(RICH, closed_through("2026-04-10"))
    parked(parked(bank)).when(APRIL, closed_through("2026-05-31")).then()
    unparked(bank)
    late = deposit("C1", "A1", "300000.00", on="2026-05-01", at="2026-06-01", id="late")
    restated = (9_300_000_00, 18_600_000_00)
    bank.when(late).then(month_restated(core("late"), ("2026-05", *restated), from_month="2026-05"))
    bank.when(closed_through("2026-06-01")).then(
        tier_changed(
            1, "restated", ORDINARY, vip("platinum"),
            months=[month("2026-04", "300000.00"), month("2026-05", "600000.00")], closed_month="2026-05",
            decided="2026-06-01", effective="2026-06-02", cause=[core("late")],
        )
    )  # fmt: skip


def test_a_re_run_that_was_due_waits_as_well() -> None:
    bank = given(RICH, APRIL)
    early = deposit("C1", "A1", "300000.00", on="2026-04-01", at="2026-05-01", id="late")
    bank.when(early)
    parked(bank).when(closed_through("2026-05-31")).then()
    unparked(bank)
    bank.when(closed_through("2026-06-01")).then(
        tier_changed(
            2, "restated", vip("gold"), vip("platinum"),
            months=[month("2026-04", "600000.00"), month("2026-05", "600000.00")], closed_month="2026-05",
            decided="2026-06-01", effective="2026-06-02", cause=[core("late")],
        )
    )  # fmt: skip


def test_a_special_ends_at_the_close_behind_it() -> None:
    bank = given(opened("C1", "A1", on="2026-04-01"), granted("C1", "gold", on="2025-05-20"), APRIL)
    parked(bank).when(closed_through("2026-05-25")).then()
    unparked(bank)
    bank.when(closed_through("2026-05-26")).then(
        tier_changed(
            2, "special_ended", special("gold", "2026-05-20"), ORDINARY, months=[month("2026-04", "0.00")],
            decided="2026-05-26", effective="2026-05-21",
        )
    )  # fmt: skip


def test_a_balance_stated_before_is_compared_behind_it_as_long_as_the_day_is_kept() -> None:
    bank = given(RICH, closed_through("2026-04-01"), stated("C1", "A1", "1.00", on="2026-04-03", id="s1"))
    parked(bank).when(closed_through("2026-04-05")).then()
    unparked(bank)
    bank.when(closed_through("2026-04-06")).then(
        alert(
            "balance_differs", customer_id="C1", account_id="A1", source="core", event_id="s1", date="2026-04-03",
            expected=100, actual=300_000_00,
        )
    )  # fmt: skip
    bank.given(stated("C1", "A1", "2.00", on="2026-04-07"))
    parked(bank).when(closed_through("2026-05-01")).then()
    unparked(bank).given(deposit("C1", "A1", "1.00", on="2026-05-02"))
    changes = bank.when(closed_through("2026-05-02")).decisions
    assert not [each for each in changes if isinstance(each, IntegrityAlerted)]


def test_a_grant_that_waits_for_the_first_close_goes_on_waiting() -> None:
    bank = parked(given(RICH, granted("C1", "gold", on="2026-04-02", id="g1"), granted("C2", "gold", on="2026-04-02")))
    bank.when(closed_through("2026-04-10"))
    assert bank.tier("C2").state == "special"
    assert [each.customer_id for each in bank.shard.asked] == ["C1"]
    unparked(bank)
    assert not bank.shard.asked


def test_unparked_before_the_first_close_it_is_judged_with_it() -> None:
    bank = unparked(parked(given(RICH, granted("C1", "gold", on="2026-04-02", id="g1"))))
    bank.when(closed_through("2026-04-10")).then(
        tier_changed(
            1, "special_granted", ORDINARY, special("gold", "2027-04-02"), decided="2026-04-10",
            effective="2026-04-10", cause=[crm("g1")],
        )
    )  # fmt: skip


def test_a_customer_of_whom_nothing_was_taken_and_one_that_a_close_failed_on() -> None:
    bank = parked(given(RICH), "C9").given(APRIL)
    assert unparked(bank, "C9").shard.parked == {}
    bank.evolve(IntegrityAlerted(kind="parked_at_close", customer_id="C1", date="2026-05-31"))
    bank.when(closed_through("2026-05-31")).then()
    assert list(bank.shard.parked) == ["C1"]


def test_triggers_are_looked_for_again_by_the_first_close_behind_it() -> None:
    """Whatever came before, or on the day on which the customer was parked."""
    for came in ((), (deposit("C1", "A1", "1.00", on="2026-04-02"),)):
        bank = Bank(Policy())
        bank.evolve(TriggersActivated(tuple(rule.code for rule in RULES)))
        bank.given(RICH, closed_through("2026-04-01"), *came)
        parked(bank).given(closed_through("2026-04-02"))
        unparked(bank)
        bank.when(withdrawal("C1", "A1", "90000.30", on="2026-04-03"), closed_through("2026-04-03"))
        raised = [line.id for line in bank.decisions if isinstance(line, TriggerMoved)]
        assert raised == ["C1:large_outflow:2026-04-03", "C1:aum_drop:2026-04-03"]
        bank.check_rebuild()


@pytest.mark.parametrize("on", ["2026-04-02", "2026-04-03"], ids=["only spent", "dated ahead, so looked at"])
@pytest.mark.parametrize("codes", [tuple(rule.code for rule in RULES), ()], ids=["all rules", "none"])
def test_a_close_leaves_what_is_remembered_of_a_parked_customer_as_it_is(codes: tuple[str, ...], on: str) -> None:
    bank = Bank(Policy())
    bank.evolve(TriggersActivated(codes))
    bank.given(RICH, closed_through("2026-04-01"), withdrawal("C1", "A1", "1.00", on=on, at="2026-04-02"))
    before = msgspec.to_builtins(bank.customer().conduct)
    parked(bank).when(closed_through("2026-04-02"))
    assert msgspec.to_builtins(bank.customer().conduct) == before
    bank.check_rebuild()
