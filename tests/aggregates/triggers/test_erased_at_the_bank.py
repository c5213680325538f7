"""What an erasure does to triggers: what stands is withdrawn at once, and nothing is raised any more (docs/triggers.md)."""

from collections.abc import Iterable

from aggregates.triggers.catalog import RULES
from events.decisions import TriggerMoved, TriggersActivated
from tests.dsl.bank import Bank, Said
from tests.dsl.records import close, closed_through, deposit, erasure, met, opened, withdrawal


def bank_of(*said: Said | Iterable[Said]) -> Bank:
    """C1 and C2 hold 150,000.00 each; every rule is active from the first line on."""
    bank = Bank()
    bank.evolve(TriggersActivated(tuple(rule.code for rule in RULES)))
    both = [opened(who, account, on="2026-01-01", balance="150000.00") for who, account in (("C1", "A1"), ("C2", "A2"))]
    return bank.given(both, *said)


def running() -> Bank:
    """120,000.00 of C1 left on the 2nd: two triggers stand."""
    out = withdrawal("C1", "A1", "120000.00", on="2026-01-02", id="w1")
    return bank_of(closed_through("2026-01-01"), out, close("2026-01-02"))


def steps(bank: Bank, customer_id: str = "C1") -> list[tuple[str, str, str]]:
    """Step, code and business date of what the last `when` did."""
    bank.check_rebuild()
    moved = (line for line in bank.decisions if isinstance(line, TriggerMoved) and line.customer_id == customer_id)
    return [(line.step, line.code, line.business_date) for line in moved]


def test_what_stands_is_withdrawn_with_the_erasure_in_the_order_of_raising() -> None:
    bank = running().when(erasure("C1", at="2026-01-03", id="x1"))
    assert steps(bank) == [
        ("withdrawn", "large_outflow", "2026-01-03"),
        ("withdrawn", "aum_drop", "2026-01-03"),
    ]
    moved = [line for line in bank.decisions if isinstance(line, TriggerMoved)]
    assert [line.sequence for line in moved] == [3, 4]
    assert {line.cause[0].event_id for line in moved if line.cause} == {"x1"}
    assert [line.evidence["records"] for line in moved] == [[{"source": "core", "event_id": "w1"}]] * 2


def test_an_erasure_asked_for_again_withdraws_nothing_more_and_no_other_customers() -> None:
    bank = running().given(withdrawal("C2", "A2", "120000.00", on="2026-01-03"))
    bank.when(erasure("C1", at="2026-01-03", id="x1"), erasure("C1", at="2026-01-03", id="x2"))
    assert (len(steps(bank)), steps(bank, "C2")) == (2, [])


def test_what_an_outcome_ended_is_left_as_it_is() -> None:
    bank = running().when(closed_through("2026-02-05"))
    assert [step for step, _, _ in steps(bank)] == ["expired", "expired"]
    assert steps(bank.when(erasure("C1", at="2026-02-06"))) == []


def test_before_the_first_close_nothing_stands() -> None:
    assert steps(bank_of().when(erasure("C1", at="2026-01-01"))) == []


def test_nothing_is_raised_any_more_by_a_record_a_close_or_a_month() -> None:
    bank = running().given(erasure("C1", at="2026-01-03"))
    bank.when(
        deposit("C1", "A1", "500000.00", on="2026-01-03"),
        withdrawal("C1", "A1", "300000.00", on="2026-01-04"),
        withdrawal("C2", "A2", "120000.00", on="2026-01-04"),
        closed_through("2026-06-30"),
    )
    assert steps(bank) == []
    raised = {code for step, code, _ in steps(bank, "C2") if step == "raised"}
    assert raised == {"large_outflow", "aum_drop", "dormant"}, "of another customer they are"


def test_what_waited_for_the_first_close_is_not_raised_of_who_was_erased_before_it() -> None:
    complaint = met("complaint_filed", at="2026-01-01", complaint_id="K1", severity=1)
    bank = bank_of(complaint)
    assert steps(bank.when(closed_through("2026-01-01"))) == [("raised", "complaint_open", "2026-01-01")]
    assert steps(bank_of(complaint, erasure("C1", at="2026-01-01")).when(closed_through("2026-01-05"))) == []
