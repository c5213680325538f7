"""What a manager does about a trigger, taken by the owner of the shard: each once, refused where it is too late."""

from typing import Any

import pytest

from events.decisions import CommandRefused, RecordParked, TriggerMoved
from events.interactions import ManagerContact, TriggerClaimed
from processors.commands import body_of, execute
from processors.faults import CommandUnfit
from processors.trigger_life import Manage, TriggerAsked, opened, refuse_unfit, sealed
from tests.dsl.parking import Failing, Owned
from tests.dsl.records import close, met
from tests.dsl.records import opened as account
from tests.projections.steps import moved

COMMANDS = ("commands", 3)
FILED = "C1:complaint_open:k1:filed"


@pytest.fixture
def owned() -> Owned:
    """C1 has complained, and nobody has done anything about it."""
    found = Owned()
    complaint = met("complaint_filed", at="2026-01-06", complaint_id="k1", severity=2)
    found.send(account("C1", "A1", on="2026-01-01"), close("2026-01-05"), complaint)
    assert steps(found) == [("raised", None)]
    return found


def steps(owned: Owned) -> list[tuple[str, str | None]]:
    return [(each.step, each.manager_id) for each in owned.decided(TriggerMoved)]


def said(event_id: str, manager_id: str = "M1", of: str = FILED, **more: Any) -> dict[str, Any]:
    """A claim, or with more a contact."""
    kind = {"type": "manager_contact", **more} if more else {"type": "trigger_claimed"}
    envelope = {
        "event_id": event_id,
        "source": "guanxi",
        "schema_version": 1,
        "occurred_at": "2026-01-06T12:00:00+08:00",
    }
    return {**envelope, **kind, "customer_id": of.partition(":")[0], "trigger_id": of, "manager_id": manager_id}


def manage(owned: Owned, record: dict[str, Any]) -> list[str]:
    work = Manage(sealed(record, owned.vault))
    owned.owner.take(work)
    return [step.step for step in work.done]


def test_a_trigger_lives_by_what_managers_say(owned: Owned) -> None:
    assert manage(owned, said("1")) == ["claimed"]
    assert manage(owned, said("2", note="要买房")) == ["contacted"]
    assert manage(owned, said("3", "M2", outcome="retained")) == ["retained"]
    assert steps(owned) == [("raised", None), ("claimed", "M1"), ("contacted", "M1"), ("retained", "M2")]
    (claim,), contacts = owned.decided(TriggerClaimed), owned.decided(ManagerContact)
    assert (claim.source, claim.event_id) == ("guanxi", "1")
    assert [each.event_id for each in contacts] == ["2", "3"]
    assert all("要买房" not in str(line) for line in owned.lines())
    owned.check_rebuild()


def test_of_two_who_claim_one_has_it(owned: Owned) -> None:
    manage(owned, said("1"))
    before = owned.log.head()
    with pytest.raises(CommandUnfit, match=rf"^{FILED}: M1 has it since 2026-01-06; nothing was changed$"):
        manage(owned, said("2", "M2"))
    assert owned.log.head() == before
    manage(owned, said("3", "M2", outcome="no_need"))
    with pytest.raises(CommandUnfit, match=r"it ended on 2026-01-06: no_need by M2; nothing was changed$"):
        manage(owned, said("4", note="again"))


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (said("1", of="C1:complaint_open:k2:filed"), "no such trigger"),
        (said("1", of="C2:complaint_open:k1:filed"), "no such trigger"),
        (said("1", manager_id=""), r"manager_id: .*\(bad_value\)"),
        (said("1", outcome="saved"), r"outcome: .*\(bad_value\)"),
    ],
)
def test_what_cannot_be_taken_leaves_nothing(owned: Owned, record: dict[str, Any], why: str) -> None:
    before = owned.log.head()
    with pytest.raises(CommandUnfit, match=why):
        manage(owned, record)
    assert owned.log.head() == before
    assert manage(owned, said("2")) == ["claimed"]


def test_a_command_is_done_once_or_answered_once(owned: Owned) -> None:
    bodies = [body_of(sealed(said("1"), owned.vault)), body_of(sealed(said("2", "M2"), owned.vault)),
              body_of(sealed(said("3", note="说过了"), owned.vault))]  # fmt: skip
    assert "说过了" not in str(bodies)
    for _ in range(2):
        for number, body in enumerate(bodies, 1):
            execute(owned.owner, COMMANDS, number, body)
        assert owned.log.head().inputs[COMMANDS] == 3
        owned.crash()
    assert steps(owned) == [("raised", None), ("claimed", "M1"), ("contacted", "M1")]
    (refused,) = owned.decided(CommandRefused)
    assert (refused.number, "M1 has it since 2026-01-06" in refused.why) == (2, True)


def test_a_record_that_our_code_fails_on_is_parked_and_a_parked_customer_is_said(
    owned: Owned, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = Failing(monkeypatch)
    failing.rule(lambda record: record.event_id == "1")
    assert manage(owned, said("1")) == []
    assert [each.event_id for each in owned.decided(RecordParked)] == ["1"]
    failing.mend()
    with pytest.raises(CommandUnfit, match="C1: this customer is parked"):
        manage(owned, said("2", "M2"))
    owned.unpark()
    assert steps(owned) == [("raised", None), ("claimed", "M1")]


def test_a_note_is_sealed_for_the_way_and_nobody_else_s_command_opens_it(owned: Owned) -> None:
    asked = sealed(said("1", note="私事"), owned.vault)
    assert "note" not in asked.record
    assert opened(asked, owned.vault) == "私事"
    assert sealed(said("1"), owned.vault) == TriggerAsked(said("1"))


def test_a_note_that_nobody_can_open_is_answered_and_the_shard_goes_on(owned: Owned) -> None:
    asked = sealed(said("1", note="私事"), owned.vault)
    spoilt = TriggerAsked(asked.record | {"event_id": "2"}, asked.note)
    execute(owned.owner, COMMANDS, 1, body_of(spoilt))
    (refused,) = owned.decided(CommandRefused)
    assert "the note cannot be opened" in refused.why
    assert steps(owned) == [("raised", None)]
    assert owned.log.head().inputs[COMMANDS] == 1


def test_who_spoke_with_the_customer_has_it_even_if_nobody_claimed_it() -> None:
    steps = [moved("C1", 1), moved("C1", 2, "contacted", "2026-01-11", manager_id="M3")]
    refuse_unfit("x", steps, claims=False)
    with pytest.raises(CommandUnfit, match="x: M3 is in contact with the customer since 2026-01-11"):
        refuse_unfit("x", steps, claims=True)
    expired = [*steps, moved("C1", 3, "expired", "2026-02-09")]
    with pytest.raises(CommandUnfit, match="x: it ended on 2026-02-09: expired; nothing"):
        refuse_unfit("x", expired, claims=False)
