"""Refused records are taken again, each at most once with success, and commands to an owner are done exactly once."""

from typing import Any

import pytest

from aggregates.account import month_sum
from aggregates.dates import month_from
from events.decisions import AccountDaysKept, CommandRefused, CustomerUnparked, RecordRedriven, RecordRefused
from events.fields import Record
from processors.archive import Archive
from processors.commands import RedriveAsked, UnparkAsked, body_of, execute
from processors.faults import CommandUnfit, Faults
from processors.redriving import Redrive, folded_intake, judged
from tests.dsl.door import MemoryIds
from tests.dsl.parking import Failing, Owned
from tests.dsl.records import close, deposit, opened, valued

OPEN = opened("C1", "A1", on="2026-01-01", id="a1")
COMMANDS = ("commands", 3)


@pytest.fixture
def owned() -> Owned:
    found = Owned()
    found.send(opened("C2", "A2", on="2026-01-01", id="a2"), paid(1), paid(2), paid(3, "C3"))
    assert [each.reason for each in found.decided(RecordRefused)] == ["account_unknown"] * 3
    return found


def paid(number: int, customer: str = "C1", amount: str = "1.00") -> Record:
    return deposit(customer, f"A{customer[1:]}", amount, on="2026-01-05", id=f"d{number}", memo="三月房租")


def redriven(owned: Owned, reason: str = "account_unknown") -> list[tuple[str | None, str]]:
    work = Redrive(reason)
    owned.owner.take(work)
    return [(each.event_id, each.outcome) for each in work.results]


def dry(owned: Owned, reason: str = "account_unknown") -> list[tuple[str | None, str]]:
    def folded(faults: Faults) -> Any:
        return folded_intake(owned.log, MemoryIds(), owned.vault, faults)

    return [(each.event_id, each.outcome) for each in judged(Redrive(reason, keep=False), folded)]


def test_what_was_refused_is_taken_once_what_it_lacked_is_there(owned: Owned) -> None:
    assert redriven(owned) == [("d1", "refused"), ("d2", "refused"), ("d3", "refused")]
    owned.send(OPEN)
    blocks = owned.log.head().block
    expected = [("d1", "taken"), ("d2", "taken"), ("d3", "refused")]
    assert dry(owned) == expected
    assert owned.log.head().block == blocks
    assert redriven(owned) == expected
    assert owned.customer().spot_minor == 200
    assert dry(owned) == [("d3", "refused")]
    assert redriven(owned) == [("d3", "refused")]
    assert owned.customer().spot_minor == 200
    assert owned.send(paid(1)) == (0, 1, 0, 0)
    assert len(owned.decided(RecordRefused)) == 3
    owned.check_rebuild()


def test_one_that_was_sent_again_meanwhile_counts_once(owned: Owned) -> None:
    owned.send(OPEN, paid(1))
    assert redriven(owned) == [("d1", "duplicate"), ("d2", "taken"), ("d3", "refused")]
    assert owned.customer().spot_minor == 200
    assert redriven(owned) == [("d3", "refused")]


def test_a_valuation_that_needs_the_whole_history_finds_what_was_taken_just_before(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    history = Archive.history

    def told(self: Archive, customer_id: str, *more: Any) -> Any:
        asked.append(customer_id)
        return history(self, customer_id, *more)

    monkeypatch.setattr(Archive, "history", told)
    owned.send(valued("C1", "A1", "5.00", on="2026-01-20", id="v1"), OPEN, paid(8), close("2026-01-31"))
    owned.send(close("2026-02-28"), paid(9, "C1"))
    expected = [("d1", "taken"), ("d2", "taken"), ("d3", "refused"), ("v1", "taken")]
    assert dry(owned) == expected
    assert redriven(owned) == expected
    assert asked == ["C1", "C1"]
    (account,) = owned.customer().accounts.values()
    (kept,) = owned.decided(AccountDaysKept)
    assert sum(kept.days[1::2]) == 400
    assert account.balance == 500
    assert month_sum(account, month_from("2026-01")) == 15 * 400 + 12 * 500
    owned.check_rebuild()


def test_what_our_code_fails_on_is_parked_and_not_redriven_again(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    owned.send(OPEN)
    failing = Failing(monkeypatch)
    failing.rule(lambda record: record.event_id == "d1")
    expected = [("d1", "parked"), ("d2", "parked"), ("d3", "refused")]
    assert dry(owned) == expected
    assert redriven(owned) == expected
    assert redriven(owned) == [("d3", "refused")]
    failing.mend()
    assert owned.unpark() == (2, 0, 0, 0)
    assert owned.customer().spot_minor == 200


def test_a_close_is_not_redriven(owned: Owned) -> None:
    owned.send(close("2026-01-31", id="x"), close("2026-01-31", totals=(1, "1.00"), id="y"))
    assert redriven(owned, "day_already_closed") == [("y", "refused")]


def test_lines_that_are_none(owned: Owned) -> None:
    owned.send(b"{", b'{"a":1}')
    assert redriven(owned, "not_json") == [(None, "refused")]


@pytest.mark.parametrize(
    ("reason", "said"),
    [("nonsense", "no reason for a refusal"), ("key_mismatch", "under their customer's key"), ("too_large", "smaller")],
)
def test_reasons_that_cannot_be_redriven(owned: Owned, reason: str, said: str) -> None:
    with pytest.raises(CommandUnfit, match=f"{reason}: .*{said}"):
        redriven(owned, reason)


# ------------------------------------------------------------------------------------------ commands


def refusals(owned: Owned) -> list[tuple[int, str]]:
    return [(each.number, each.why) for each in owned.decided(CommandRefused)]


def test_each_command_is_done_once_and_its_input_moves_with_it(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Failing(monkeypatch)
    failing.rule(lambda record: getattr(record, "event_id", "") == "d7")
    owned.send(OPEN, paid(7), paid(8))
    failing.mend()
    for _ in range(2):
        execute(owned.owner, COMMANDS, 1, body_of(UnparkAsked("C1")))
        execute(owned.owner, COMMANDS, 2, body_of(RedriveAsked("account_unknown")))
        assert owned.log.head().inputs[COMMANDS] == 2
        owned.crash()
    assert len(owned.decided(CustomerUnparked)) == 1
    assert [each.refused for each in owned.decided(RecordRedriven)] == [None, None, "account_unknown"]
    assert owned.customer().spot_minor == 400
    assert not refusals(owned)
    execute(owned.owner, COMMANDS, 3, body_of(RedriveAsked("bad_value")))  # nothing is: that is an answer as well
    assert owned.log.head().inputs[COMMANDS] == 3


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (body_of(UnparkAsked("C9")), "C9: this customer is not parked"),
        (body_of(RedriveAsked("nonsense")), "nonsense: no reason"),
        ({"command": "dance"}, "this version does not know the command"),
        ({"command": "unpark"}, "this version does not know the command"),
        ({}, "this version does not know the command"),
    ],
)
def test_what_cannot_be_done_is_answered(owned: Owned, body: dict[str, Any], why: str) -> None:
    for _ in range(2):
        execute(owned.owner, COMMANDS, 1, body)
    ((number, said),) = refusals(owned)
    assert number == 1
    assert why in said
    assert owned.log.head().inputs[COMMANDS] == 1
    owned.check_rebuild()


def test_a_command_that_our_code_fails_on_as_a_whole_is_answered_and_the_shard_goes_on(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(monkeypatch)
    failing.rule(lambda record: getattr(record, "event_id", "") == "d7")
    owned.send(OPEN, paid(7), paid(8))
    with monkeypatch.context() as patch:
        patch.setattr("processors.again.CustomerUnparked", None)
        execute(owned.owner, COMMANDS, 1, body_of(UnparkAsked("C1")))
    ((_, why),) = refusals(owned)
    assert why.startswith("TypeError in processors.again._unpark:")
    assert "C1" in owned.shard.parked
    assert owned.send(paid(9, "C2")) == (1, 0, 0, 0)
