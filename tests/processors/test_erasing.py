"""Erasing a customer: what was sealed opens for nobody, nothing personal is stored any more, and the key goes last."""

from base64 import b64decode

import msgspec
import pytest

from events import codec
from events.customers import CustomerRegistered, SpecialVipRevoked
from events.decisions import CustomerErased, RecordParked, RecordRefused
from events.fields import Record
from events.transactions import Deposit
from processors.erased import customer_in, open_refused
from processors.faults import CannotPark, CommandUnfit
from processors.owner import Erase
from processors.ports import Draft, KeyDestroyed, LostShard
from processors.redriving import Redrive
from processors.stored import opened as opened_fields
from tests.dsl.door import Door
from tests.dsl.parking import Failing, Owned
from tests.dsl.records import close, deposit, erasure, opened, registered, revoked, updated

NAME, MEMO, NUMBER = "张小明", "给李四的房租", "110101199003070011"
SECRETS = [text.encode() for text in (NAME, MEMO, NUMBER)]
AT = "2026-01-20T09:00:00.000Z"

HELLO = [
    opened("C1", "A1", on="2026-01-01", id="a1"),
    registered("C1", at="2026-01-02", name=NAME, number=NUMBER, id="r1"),
    deposit("C1", "A1", "5.00", on="2026-01-02", memo=MEMO, id="d1"),
]


@pytest.fixture
def house() -> Owned:
    made = Owned()
    made.send(*HELLO)
    return made


def erase(house: Owned, customer_id: str = "C1", reason: str | None = None) -> None:
    house.owner.take(Erase(customer_id, "shred-1", AT, reason))


def last(house: Owned, kind: type[Record]) -> Record:
    found = house.decided(kind)[-1]  # type: ignore[arg-type]
    assert isinstance(found, Record)
    return found


def check_nothing_personal(house: Owned) -> None:
    """Nothing personal of C1 is in the log, and what is sealed for C1 opens for nobody."""
    assert not any(secret in block.body for block in house.log.blocks() for secret in SECRETS)
    for line in house.lines():
        if getattr(line, "customer_id", None) == "C1" and isinstance(line, Record) and isinstance(line.sealed, str):
            with pytest.raises(KeyDestroyed):
                opened_fields(line, house.vault)
    kept = house.vault._kept.values()
    assert not any(secret in plain for who, plain, _ in kept for secret in SECRETS if who != "C1")
    house.check_rebuild()


# ------------------------------------------------------------------------------------------ the key


def test_what_was_sealed_opens_until_the_erasure_is_in_the_log_and_never_after(house: Owned) -> None:
    assert opened_fields(last(house, Deposit), house.vault) == {"memo": MEMO}
    assert house.send(erasure("C1", at="2026-01-03", id="x1")) == (1, 0, 0, 0)
    check_nothing_personal(house)


def test_the_key_is_never_destroyed_ahead_of_the_log(house: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Draft) -> int:
        assert house.vault.destroyed == set()
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(house.log, "append", full)
        with pytest.raises(OSError, match="no space"):
            house.send(erasure("C1", at="2026-01-03", id="x1"))
    house.crash()
    assert opened_fields(last(house, Deposit), house.vault) == {"memo": MEMO}


def test_the_key_is_never_destroyed_before_the_log_is_settled(house: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of several shards are written together, behind ``append`` (``EventLog.settle``)."""

    def lost() -> None:
        assert house.vault.destroyed == set()
        raise LostShard("another process")

    with monkeypatch.context() as patch:
        patch.setattr(house.log, "settle", lost)
        with pytest.raises(LostShard):
            house.send(erasure("C1", at="2026-01-03", id="x1"))
    assert house.vault.destroyed == set()


def test_a_key_that_was_not_destroyed_is_as_the_log_is_opened(house: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(_: str) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(house.vault, "destroy", dies)
        with pytest.raises(OSError, match="killed"):
            house.send(erasure("C1", at="2026-01-03", id="x1"))
    assert house.vault.destroyed == set()
    house.crash()
    assert house.vault.destroyed == {"C1"}
    check_nothing_personal(house)


def test_keys_are_destroyed_once(house: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    house.send(erasure("C1", at="2026-01-03", id="x1"), erasure("C1", at="2026-01-04", id="x2"))
    told: list[str] = []
    monkeypatch.setattr(house.vault, "destroy", told.append)
    house.crash()
    assert told == []


# ------------------------------------------------------------------------------------------ what comes afterwards


def test_money_is_stored_without_its_personal_fields_also_in_the_same_batch(house: Owned) -> None:
    counterparty = {"kind": "other_bank", "name": NAME}
    more = [deposit("C1", "A1", f"{n}.00", on="2026-01-03", memo=MEMO, id=f"m{n}", counterparty=counterparty,
                    ext=msgspec.Raw(b'{"who":"\xe5\xbc\xa0"}')) for n in (1, 2)]  # fmt: skip
    assert house.send(erasure("C1", at="2026-01-03", id="x1"), more[0]) == (2, 0, 0, 0)
    assert house.send(more[1]) == (1, 0, 0, 0)
    for line in house.decided(Deposit)[-2:]:  # type: ignore[arg-type]
        assert (line.memo, line.ext, line.sealed) == (msgspec.UNSET,) * 3
        assert msgspec.to_builtins(line.counterparty) == {"kind": "other_bank"}
    assert house.customer().spot_minor == 8_00
    assert house.send(*more) == (0, 2, 0, 0)
    check_nothing_personal(house)


def test_a_required_text_is_a_star(house: Owned) -> None:
    house.send(erasure("C1", at="2026-01-03", id="x1"), revoked("C1", on="2026-01-03", id="v1"))
    assert msgspec.structs.asdict(last(house, SpecialVipRevoked))["reason"] == "*"


def test_a_record_from_before_is_a_duplicate_by_what_is_not_personal(house: Owned) -> None:
    house.send(erasure("C1", at="2026-01-03", id="x1"))
    assert house.send(*HELLO) == (0, 3, 0, 0)
    assert house.send(registered("C1", at="2026-01-02", name="Zhang", number="1", id="r1")) == (0, 1, 0, 0)
    assert house.send(deposit("C1", "A1", "6.00", on="2026-01-02", memo=MEMO, id="d1")) == (0, 0, 1, 0)
    assert house.send(updated("C1", at="2026-01-02", id="r1")) == (0, 0, 1, 0)
    assert [each.reason for each in house.decided(RecordRefused)] == ["id_reused_with_other_content"] * 2
    check_nothing_personal(house)


# ------------------------------------------------------------------------------------------ refused originals


def test_what_was_refused_before_opens_for_nobody_after(house: Owned) -> None:
    line = codec.encode(deposit("C1", "A9", "5.00", on="2026-01-02", memo=MEMO, id="lost"))
    broken = [line[:-1], line.replace(b'"amount":500', b'"amount":"500"'), line[:18] + NAME.encode()]
    assert house.send(line, *broken) == (0, 0, 4, 0)
    refused = house.decided(RecordRefused)
    assert [each.sealed_for for each in refused] == ["C1"] * 3 + [None]
    assert [open_refused(each, house.vault) for each in refused] == [line, *broken]
    house.send(erasure("C1", at="2026-01-03", id="x1"))
    for each in refused[:3]:
        with pytest.raises(KeyDestroyed):
            open_refused(each, house.vault)
    assert len(list(house.keeper.history.sealed_for("C1"))) == len(list(house.keeper.history.lines_of("C1"))) + 3


def test_what_is_refused_after_is_kept_without_what_is_personal(house: Owned) -> None:
    house.send(erasure("C1", at="2026-01-03", id="x1"))
    money = deposit("C1", "A9", "5.00", on="2026-01-03", memo=MEMO, id="lost")
    line = codec.encode(money)
    house.send(money, line[:-1], registered("C1", at="2026-01-04", name=NAME, number=NUMBER, id="r2"))
    refused = house.decided(RecordRefused)
    assert [each.reason for each in refused] == ["account_unknown", "not_json", "customer_erased"]
    assert [each.sealed_for for each in refused] == [None] * 3
    kept = [open_refused(each, house.vault) for each in refused]
    assert kept[0] == codec.encode(msgspec.structs.replace(money, memo=msgspec.UNSET))
    assert kept[1] == b""
    assert msgspec.json.decode(kept[2])["name"] == "*"
    check_nothing_personal(house)


def test_money_refused_after_is_redriven_and_what_was_refused_before_has_to_come_again(house: Owned) -> None:
    before = deposit("C1", "A9", "1.00", on="2026-01-03", memo=MEMO, id="before")
    house.send(before, erasure("C1", at="2026-01-03", id="x1"))
    house.send(deposit("C1", "A9", "5.00", on="2026-01-03", memo=MEMO, id="after"), opened("C1", "A9", on="2026-01-03"))
    work = Redrive("account_unknown")
    house.owner.take(work)
    assert [(each.event_id, each.outcome) for each in work.results] == [("before", "refused"), ("after", "taken")]
    assert house.customer().spot_minor == 10_00
    assert house.send(before) == (1, 0, 0, 0)
    check_nothing_personal(house)


def test_records_of_the_erased_are_not_redriven(house: Owned) -> None:
    with pytest.raises(CommandUnfit, match="refused for good"):
        house.owner.take(Redrive("customer_erased"))


def test_a_record_that_came_the_wrong_way_is_kept_without_what_is_personal_where_the_key_is_destroyed() -> None:
    """Another shard of the log erased the customer; this one knows of the key alone."""
    door = Door()
    door.vault.destroy("C7")
    door.send(deposit("C7", "A1", "5.00", on="2026-01-02", memo=MEMO, id="d1"))
    (refused,) = door.refused
    assert refused.sealed_for is None
    assert b"memo" not in open_refused(refused, door.vault)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (b'{"customer_id":"C1"', "C1"),
        (b'{"a":{"customer_id" : "C\\u0031"}} trailing', "C1"),
        ('{"customer_id":"客户"}'.encode(), "客户"),
        (b'{"customer_id":7}', None),
        (b'{"customer_id":""}', None),
        (b'{"customer_id":"' + b"x" * 65 + b'"}', None),
        (b'{"customer_id":"\xff"}', None),
        (b'{"customer_id":"C1', None),
        (b"", None),
    ],
)
def test_the_customer_whom_broken_bytes_name(line: bytes, found: str | None) -> None:
    assert customer_in(line) == found


# ------------------------------------------------------------------------------------------ parked


def test_what_is_parked_after_is_kept_without_what_is_personal(house: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    house.send(erasure("C1", at="2026-01-03", id="x1"))
    failing = Failing(monkeypatch)
    failing.rule(lambda record: record.event_id == "bad")
    bad, next_one = (deposit("C1", "A1", "1.00", on="2026-01-03", memo=MEMO, id=each) for each in ("bad", "next"))
    assert house.send(bad, next_one) == (0, 0, 0, 2)
    assert house.send(next_one) == (0, 1, 0, 0)
    assert all(each.is_redacted for each in house.parked())
    check_nothing_personal(house)
    failing.mend()
    assert house.unpark() == (2, 0, 0, 0)
    assert house.customer().spot_minor == 7_00
    check_nothing_personal(house)


def test_an_erasure_that_waits_takes_effect_as_it_is_unparked(house: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Failing(monkeypatch)
    failing.rule(lambda record: record.event_id == "bad")
    records = [
        deposit("C1", "A1", "1.00", on="2026-01-03", memo=MEMO, id="bad"),
        erasure("C1", at="2026-01-03", id="x1"),
        deposit("C1", "A1", "2.00", on="2026-01-03", memo=MEMO, id="behind"),
    ]
    assert house.send(*records) == (0, 0, 0, 3)
    assert house.vault.destroyed == set()
    failing.mend()
    assert house.unpark() == (3, 0, 0, 0)
    assert house.customer().spot_minor == 8_00
    for each in house.parked():
        with pytest.raises(KeyDestroyed):
            house.vault.open("C1", b64decode(each.original), b"")
    check_nothing_personal(house)


def test_a_parked_customer_is_not_erased_by_hand(house: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = Failing(monkeypatch)
    failing.rule(lambda record: record.event_id == "bad")
    house.send(deposit("C1", "A1", "1.00", on="2026-01-03", id="bad"))
    with pytest.raises(CommandUnfit, match="guanxi unpark first"):
        erase(house)
    assert house.decided(CustomerErased) == []
    assert len(house.decided(RecordParked)) == 1


# ------------------------------------------------------------------------------------------ by hand


def test_by_hand_it_is_a_record_like_any_other(house: Owned) -> None:
    erase(house, reason="asked in branch 3")
    (line,) = house.decided(CustomerErased)
    assert (line.erased_on, line.cause.source, line.reason) == ("2026-01-20", "guanxi", "asked in branch 3")
    again = erasure("C1", at=AT, id="shred-1", source="guanxi")
    assert house.send(again) == (0, 1, 0, 0)
    check_nothing_personal(house)


def test_by_hand_again_nothing_is_written(house: Owned) -> None:
    erase(house)
    before = house.log.head()
    erase(house)
    assert house.log.head() == before


def test_nobody_is_erased_by_a_slip_of_the_hand(house: Owned) -> None:
    with pytest.raises(CommandUnfit, match="no such customer"):
        erase(house, "C11")


def test_our_own_fault_erases_nobody(house: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> str:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(house.keeper.intake, "_now", fails)
        with pytest.raises(CannotPark, match="nothing was changed"):
            erase(house)
    assert house.vault.destroyed == set()
    erase(house)
    assert house.vault.destroyed == {"C1"}


def test_a_registration_is_read_back_as_it_was_stored(house: Owned) -> None:
    found = last(house, CustomerRegistered)
    assert opened_fields(found, house.vault) == {"name": NAME, "document": {"number": NUMBER}}
    house.send(erasure("C1", at="2026-01-03", id="x1"), close("2026-01-31"))
    assert last(house, CustomerRegistered) == found
