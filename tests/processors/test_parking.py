"""What our own code fails on is parked with its customer, in order; all others go on (laws of the log 7)."""

import random
from base64 import b64decode
from collections.abc import Sequence

import msgspec
import pytest

from aggregates import closing
from aggregates.dates import month_from
from events import codec
from events.decisions import IntegrityAlerted, RecordParked, TierChanged
from events.fields import Record
from events.transactions import Deposit
from processors.faults import CannotPark, CommandUnfit
from processors.intake import Origin
from processors.owner import Owner
from processors.parking import Parking
from tests.dsl.parking import Failing, Owned
from tests.dsl.records import close, deposit, granted, opened, reversal, stated, valued, withdrawal


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Failing:
    return Failing(monkeypatch)


@pytest.fixture
def owned() -> Owned:
    found = Owned()
    found.send(
        opened("C1", "A1", on="2026-01-01", balance="300000.00", id="a1"),
        opened("C2", "A2", on="2026-01-01", balance="300000.00", id="a2"),
        opened("C3", "A3", on="2026-01-01", id="a3"),
    )
    return found


def paid(customer: int, number: int, amount: str = "1.00", on: str = "2026-01-05") -> Record:
    return deposit(f"C{customer}", f"A{customer}", amount, on=on, id=f"d{number}")


def is_bad(record: object) -> bool:
    return isinstance(record, Deposit) and record.amount == 666


# ------------------------------------------------------------------------------------------ parking


@pytest.mark.parametrize("at", range(7))
def test_the_record_and_what_comes_behind_it_of_its_customer_waits(owned: Owned, failing: Failing, at: int) -> None:
    failing.rule(is_bad)
    batch = [paid(1 + each % 3, each) for each in range(6)]
    batch.insert(at, paid(1, 99, "6.66"))
    behind = sum(record.customer_id == "C1" for record in batch[at + 1 :])
    assert owned.send(*batch) == (6 - behind, 0, 0, 1 + behind)
    assert owned.restarts == 1
    assert owned.customer("C1").spot_minor == 300_000_00 + 100 * (2 - behind)
    assert owned.customer("C2").spot_minor == 300_002_00
    assert owned.customer("C3").spot_minor == 2_00
    assert owned.send(paid(1, 7), paid(2, 8)) == (1, 0, 0, 1)
    assert owned.restarts == 1
    owned.check_rebuild()


def test_the_line_says_where_it_failed_and_nothing_personal(owned: Owned, failing: Failing) -> None:
    failing.rule(is_bad)
    bad = codec.encode(msgspec.structs.replace(paid(1, 1, "6.66"), memo="三月房租"))
    owned.send(paid(2, 2), bad, paid(1, 3))
    first, second = owned.parked()
    assert (first.customer_id, first.source, first.event_id, first.record_type) == ("C1", "core", "d1", "deposit")
    assert (first.file, first.line, first.topic) == ("door.jsonl", 5, "bank.transactions.v1")
    assert first.error == "ZeroDivisionError"
    assert first.place is not None
    assert first.place.startswith("aggregates.plain.take_plain")
    assert (second.event_id, second.error, second.place) == ("d3", None, None)
    assert owned.vault.open("C1", b64decode(first.original), b"parked\0core\0d1") == bad
    stored = b"\n".join(block.body for block in owned.log.blocks())
    assert "张小明".encode() not in stored
    assert "三月房租".encode() not in stored


@pytest.mark.parametrize("behind", [[], [stated("C9", "A9", "1.00", on="2026-01-05", id="b1")]])
def test_what_fails_as_it_is_sealed_is_named_at_once(owned: Owned, failing: Failing, behind: list[Record]) -> None:
    """behind: what wants a closer look, so that the others are sealed before it is judged."""
    batch: list[bytes | Record] = [
        codec.encode(msgspec.structs.replace(paid(1 + each % 3, each), memo="三月房租")) for each in range(9)
    ]
    failing.sealing("d4")
    assert owned.send(*batch, *behind) == (7, 0, len(behind), 2)
    assert [(each.event_id, each.error) for each in owned.parked()] == [("d4", "ZeroDivisionError"), ("d7", None)]
    assert owned.restarts == 1
    owned.check_rebuild()


def test_what_only_fails_as_a_block_is_put_together_is_found_by_halves(owned: Owned, failing: Failing) -> None:
    failing.packing("C1")
    batch = [paid(2 + each % 2, each) for each in range(40)]
    batch.insert(23, paid(1, 99))
    assert owned.send(*batch) == (40, 0, 0, 1)
    assert [each.event_id for each in owned.parked()] == ["d99"]
    assert owned.parked()[0].error == "OverflowError"


def test_a_customer_may_be_parked_before_its_first_record(owned: Owned, failing: Failing) -> None:
    failing.rule(lambda record: getattr(record, "event_id", "") == "a9")
    first, behind = opened("C9", "A9", on="2026-01-02", id="a9"), deposit("C9", "A9", "1.00", on="2026-01-02", id="d9")
    assert owned.send(first, opened("C8", "A8", on="2026-01-02", id="a8"), behind) == (1, 0, 0, 2)
    owned.keeper.checkpoint()
    owned.check_rebuild()
    owned.keeper.checkpoint()
    failing.mend()
    assert owned.unpark("C9") == (2, 0, 0, 0)
    owned.check_rebuild()


def test_several_customers(owned: Owned, failing: Failing) -> None:
    failing.rule(is_bad)
    assert owned.send(paid(1, 1, "6.66"), paid(2, 2), paid(3, 3, "6.66"), paid(1, 4), paid(2, 5)) == (2, 0, 0, 3)
    assert sorted(owned.shard.parked) == ["C1", "C3"]
    failing.mend()
    assert owned.unpark("C3") == (1, 0, 0, 0)
    assert owned.unpark("C1") == (2, 0, 0, 0)
    assert not owned.shard.parked


def test_what_the_machine_fails_on_parks_nobody(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(owned.log, "append", full)
    with pytest.raises(OSError, match="No space left"):
        owned.send(paid(1, 1))
    monkeypatch.undo()
    owned.crash()
    assert owned.send(paid(1, 1)) == (1, 0, 0, 0)


def test_a_record_of_whom_nobody_can_say_is_parked_alone(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    decode = codec.decode_batch

    def fails(data: bytes) -> object:
        if b"{bad" in data:
            raise RecursionError
        return decode(data)

    with monkeypatch.context() as patch:
        patch.setattr(codec, "decode_batch", fails)
        with pytest.raises(CannotPark, match="no customer can be set aside"):
            owned.send(paid(1, 1), b"{bad", paid(1, 2))


# ------------------------------------------------------------------------------------------ again


def test_delivered_again_while_it_waits_it_is_a_duplicate_if_it_is_equal(owned: Owned, failing: Failing) -> None:
    failing.rule(is_bad)
    bad, other = paid(1, 1, "6.66"), paid(1, 1, "6.67")
    assert owned.send(paid(1, 9), bad, bad, other, paid(1, 9)) == (1, 2, 0, 2)
    assert owned.send(bad, other, paid(1, 9)) == (0, 3, 0, 0)
    failing.mend()
    assert owned.unpark() == (1, 0, 1, 0)
    assert owned.customer().spot_minor == 300_000_00 + 100 + 666
    assert owned.send(bad) == (0, 1, 0, 0)


def test_a_parked_record_leaves_no_identity_and_is_judged_as_if_it_came_now(owned: Owned, failing: Failing) -> None:
    failing.rule(is_bad)
    owned.send(paid(1, 1, "6.66"), reversal("C1", "d1", at="2026-01-06", id="r1"), paid(1, 5, on="2026-13-99"))
    owned.send(withdrawal("C1", "A9", "1.00", on="2026-01-06", id="w1"))
    assert len(owned.parked()) == 4
    failing.mend()
    assert owned.unpark() == (2, 0, 2, 0)
    assert owned.customer().spot_minor == 300_000_00


def test_what_still_fails_is_parked_again_with_all_behind_it(owned: Owned, failing: Failing) -> None:
    failing.rule(is_bad)
    owned.send(paid(1, 1, "6.66"), paid(1, 2), paid(1, 3, "6.66"), paid(1, 4))
    assert owned.unpark() == (0, 0, 0, 4)
    assert owned.send(paid(1, 5)) == (0, 0, 0, 1)
    failing.rule(lambda record: getattr(record, "event_id", "") == "d3")
    failing.mend()
    assert owned.unpark() == (5, 0, 0, 0)
    owned.check_rebuild()


def test_nobody_is_unparked_who_is_not_parked(owned: Owned) -> None:
    with pytest.raises(CommandUnfit, match="C1: this customer is not parked"):
        owned.unpark()
    with pytest.raises(CommandUnfit, match="C9"):
        owned.unpark("C9")


# ------------------------------------------------------------------------------------------ closes


def test_a_customer_on_whom_a_close_fails_is_left_as_it_is_and_told(owned: Owned, failing: Failing) -> None:
    failing.at_close("C1")
    owned.send(close("2026-01-30"), close("2026-01-31"), paid(1, 1, on="2026-02-01"), paid(2, 2, on="2026-02-01"))
    assert [each.customer_id for each in owned.decided(TierChanged)] == ["C2"]
    (alert,) = owned.decided(IntegrityAlerted)
    assert (alert.kind, alert.customer_id, alert.date) == ("parked_at_close", "C1", "2026-01-31")
    assert alert.actual.startswith("KeyError in aggregates.closing._month_end:")
    assert [each.event_id for each in owned.parked()] == ["d1"]
    owned.send(close("2026-02-28"))
    failing.mend()
    owned.unpark()
    owned.send(close("2026-03-01"))
    changes = [each for each in owned.decided(TierChanged) if each.customer_id == "C1"]
    assert [(each.kind, each.after.level, each.decided_at) for each in changes] == [("restated", "gold", "2026-03-01")]
    assert owned.customer("C1").tier == owned.customer("C2").tier
    owned.check_rebuild()


def test_a_close_cut_off_and_failing_as_it_is_taken_up(
    owned: Owned, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closing, "CUSTOMERS_A_STEP", 1)
    monkeypatch.setattr("processors.closing_days.CUT_AFTER_LINES", 1)
    failing.at_close("C2")
    owned.send(close("2026-01-31"))
    assert owned.shard.closed_through
    assert list(owned.shard.parked) == ["C2"]
    assert [each.customer_id for each in owned.decided(TierChanged)] == ["C1"]
    owned.check_rebuild()


def test_where_nobody_can_be_set_aside_the_shard_stands_still(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        patch.setattr(closing, "DayClosed", fails)
        for _ in range(2):
            with pytest.raises(CannotPark, match="closing 2026-01-31: the program failed"):
                owned.send(close("2026-01-31"))
            owned.crash()
    owned.send(close("2026-01-31"))
    assert owned.shard.closed_through


# ------------------------------------------------------------------------------------------ random histories

CUSTOMERS = range(1, 6)
MONTHS = ("2026-01", "2026-02", "2026-03", "2026-04")


def history(rng: random.Random) -> list[Record]:
    """Money of a few customers in order of its days, some late, some reversed, every month closed, cards among them."""
    found: list[Record] = [
        opened(f"C{n}", f"A{n}", on="2026-01-01", balance="150000.00", id=f"a{n}") for n in CUSTOMERS
    ]
    found += [opened("C1", "F1", category="fund", on="2026-01-01", id="f1")]
    number = 0
    for month in MONTHS:
        for day in sorted(rng.sample(range(1, 29), 9)):
            on = f"{month}-{day:02d}"
            for _ in range(rng.randint(1, 5)):
                number += 1
                who = rng.choice([1, *CUSTOMERS])
                amount = f"{rng.choice((1, 20_000, 90_000, 400_000))}.00"
                late = rng.choice(MONTHS[: MONTHS.index(month) + 1])
                value = min(on, f"{late}-{rng.randint(1, 28):02d}") if rng.random() < 0.2 else on
                kind = rng.random()
                if kind < 0.1 and number > 1:
                    found.append(reversal(f"C{who}", f"d{rng.randrange(1, number)}", at=on, id=f"r{number}"))
                elif kind < 0.2 and who == 1:
                    found.append(valued("C1", "F1", amount, on=value, at=on, id=f"v{number}"))
                elif kind < 0.25:
                    found.append(stated(f"C{who}", f"A{who}", amount, on=on, id=f"s{number}"))
                elif kind < 0.3 and who != 1:
                    found.append(granted(f"C{who}", "gold", on=on, id=f"g{number}"))
                else:
                    make = rng.choice((deposit, deposit, withdrawal))
                    found.append(make(f"C{who}", f"A{who}", amount, on=value, at=on, id=f"d{number}"))
            found.append(close(on))
        found.append(close(f"{month}-28"))
    return found


def batches(records: list[Record], rng: random.Random) -> list[list[Record]]:
    found = []
    while records:
        size = rng.choice((1, 4, 30))
        found.append(records[:size])
        records = records[size:]
    return found


def play(disturbed: Owned, parts: list[list[Record]], failing: Failing, rng: random.Random) -> None:
    """Take a history while the code fails until somewhere in it; mended, what was parked is unparked."""
    until = rng.randint(0, len(parts))
    for at, part in enumerate([*parts, []]):
        if at == until:
            if "C1" in disturbed.shard.parked and rng.random() < 0.5:
                disturbed.unpark()  # too early: it fails again
            failing.mend()
            if "C1" in disturbed.shard.parked:
                disturbed.unpark()
        disturbed.send(*part)
        if rng.random() < 0.1:
            disturbed.send(*part)  # delivered again
        if rng.random() < 0.1:
            disturbed.crash()


@pytest.mark.parametrize("seed", range(25))
def test_parked_and_unparked_is_as_never_failed_and_nobody_else_notices(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(seed)
    parts = batches(history(rng), rng)
    whole, disturbed = Owned(), Owned()
    for part in parts:
        whole.send(*part)
    own = [record for part in parts for record in part if getattr(record, "customer_id", "") == "C1"][2:]
    failing = Failing(monkeypatch)
    if rng.random() < 0.3:
        failing.at_close("C1")
    else:
        bad = rng.choice(own)
        failing.rule(lambda record: record.event_id == bad.event_id and record.customer_id == "C1")
    play(disturbed, parts, failing, rng)
    for each in (whole, disturbed):
        each.send(close("2026-04-29"), close("2026-05-31"))
    for number in CUSTOMERS[1:]:
        assert disturbed.about(f"C{number}") == whole.about(f"C{number}")
    ours, theirs = disturbed.customer("C1"), whole.customer("C1")
    assert {name: account.balance for name, account in ours.accounts.items()} == {
        name: account.balance for name, account in theirs.accounts.items()
    }
    assert ours.tier == theirs.tier
    for month in map(month_from, (*MONTHS, "2026-05")):
        assert closing.aum_sum(ours, month) == closing.aum_sum(theirs, month)
    disturbed.check_rebuild()


def test_the_owner_is_asked_for_its_keeper_again(owned: Owned, failing: Failing) -> None:
    """Whoever holds on to a keeper that was dropped would write with a worthless state."""
    failing.rule(is_bad)
    before = owned.keeper
    owned.send(paid(1, 1, "6.66"))
    assert owned.keeper is not before
    assert isinstance(owned.owner, Owner)
    assert owned.decided(RecordParked)


# ------------------------------------------------------------------------------------------ storms


def test_however_many_fail_each_record_is_judged_a_few_times(failing: Failing) -> None:
    owned, judged = Owned(), list[str]()
    customers = range(60)
    owned.send(*(opened(f"C{n}", f"A{n}", on="2026-01-01", id=f"a{n}") for n in customers))

    def bad(record: Record) -> bool:
        judged.append(record.event_id)
        return isinstance(record, Deposit) and record.amount == 666

    failing.rule(bad)
    storm = [paid(n, 100 * n + each, "6.66" if each == 1 and n % 2 else "1.00") for each in range(3) for n in customers]
    assert owned.send(*storm) == (120, 0, 0, 60)
    assert owned.restarts == 30
    assert len(judged) <= 3 * len(storm)
    owned.check_rebuild()


def test_who_waits_is_looked_for_once_however_many_days_a_batch_closes(
    owned: Owned, failing: Failing, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing.rule(is_bad)
    owned.send(paid(1, 99, "6.66"))
    hold, looked = Parking._hold, list[int]()

    def counted(self: Parking, origin: Origin, places: Sequence[int], start: int = 0) -> None:
        looked.append(len(self._batch.records) - start)
        hold(self, origin, places, start)

    monkeypatch.setattr(Parking, "_hold", counted)
    days = [f"2026-01-{day:02}" for day in range(1, 21)]
    batch = [
        each for n, day in enumerate(days) for each in (paid(1, 2 * n, on=day), paid(2, 2 * n + 1, on=day), close(day))
    ]
    assert owned.send(*batch) == (40, 0, 0, 20)
    assert looked == [len(batch)]


def test_what_waits_already_is_known_again_among_many(owned: Owned, failing: Failing) -> None:
    failing.rule(is_bad)
    storm = [paid(1, 99, "6.66"), *(paid(1, number) for number in range(50))]
    assert owned.send(*storm) == (0, 0, 0, 51)
    assert owned.send(*storm[1:], paid(1, 7, "2.00"), paid(1, 7, "2.00")) == (0, 51, 0, 1)
