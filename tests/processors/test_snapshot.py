"""A shard can be stored and loaded whatever it was told (laws of the log 5)."""

import pytest

from aggregates.shard import Shard
from events import codec
from events.fields import Record
from processors.faults import Fault
from processors.snapshot import chunks_of, frame_of, shard_from
from tests.dsl.bank import state_of
from tests.dsl.door import FILE, Door
from tests.dsl.records import brought, close, closed, deposit, granted, opened, reversal, stated, valued

LARGEST = "90071992547409.91"


def loaded(shard: Shard) -> Shard:
    found = shard_from(frame_of(shard), chunks_of(shard))
    assert found is not None
    return found


@pytest.mark.parametrize("parts", [1, 2, 3, 5, 20])
def test_a_shard_stored_and_loaded_now_and_then_goes_on_as_if_nothing_had_been(parts: int) -> None:
    history: list[Record] = [
        brought("C2", "special", on="2025-12-31", level="gold", until="2026-02-20"),
        opened("C1", "A1", on="2026-01-01", balance="300000.00", id="a1"),
        opened("C1", "F1", category="fund", on="2026-01-01", id="f1"),
        granted("C3", "gold", on="2026-01-02", id="g1"),
        stated("C1", "A1", "300000.00", on="2026-01-20", id="s1"),
        close("2026-01-10"),
        close("2026-01-12", source="cards", totals=(1, "1.00")),
        valued("C1", "F1", "5.00", on="2026-01-11", id="v1"),
        deposit("C1", "A1", "1.00", on="2026-01-12", id="d1", source="cards"),
        close("2026-01-31"),
        deposit("C1", "A1", "1.00", on="2026-01-15", id="d2"),
        opened("C2", "A1", on="2026-01-01", balance="1.00", id="a1"),
        close("2026-02-01"),
        reversal("C1", "d2", at="2026-02-02", id="r1"),
        stated("C1", "A1", "300000.01", on="2026-02-02", id="s2"),
        closed("C1", "F1", on="2026-02-02", id="x1"),
        close("2026-02-28"),
        close("2026-03-31"),
    ]
    whole, cut = Door().send(*history), Door()
    size = -(-len(history) // parts)
    for at in range(0, len(history), size):
        cut.send(*history[at : at + size])
        cut.intake.shard = loaded(cut.intake.shard)
    assert not whole.refused
    assert cut.lines() == whole.lines()
    assert state_of(cut.intake.shard) == state_of(whole.intake.shard)


@pytest.mark.parametrize("n", [1_000, 1_100])
def test_balances_beyond_64_bits_are_stored(n: int) -> None:
    largest = [deposit("C1", "A1", LARGEST, on="2026-01-02", id=f"d{each}", source=f"s{each % 9}") for each in range(n)]
    door = Door().send(opened("C1", "A1", on="2026-01-01"), *largest)
    assert loaded(door.intake.shard).customers.ensure("C1").spot_minor == n * (2**53 - 1)


@pytest.mark.parametrize("n", [2_100])
def test_what_was_counted_beyond_64_bits_is_stored(n: int) -> None:
    largest = [deposit("C1", "A1", LARGEST, on="2026-01-02", id=f"d{each}") for each in range(n)]
    door = Door().send(opened("C1", "A1", on="2026-01-01"), *largest)
    assert loaded(door.intake.shard).totals == door.intake.shard.totals


def test_totals_stated_beyond_64_bits_are_refused_or_stored() -> None:
    ahead = codec.encode(close("2026-02-15", source="cards", totals=(1, "1.00")))
    door = Door().send(close("2026-01-30"), ahead.replace(b'"signed_sum":100', b'"signed_sum":' + b"9" * 40))
    assert frame_of(loaded(door.intake.shard)) == frame_of(door.intake.shard)


def test_who_is_parked_is_stored() -> None:
    door = Door().send(opened("C1", "A1", on="2026-01-01"), opened("C2", "A2", on="2026-01-01"))
    door.intake.faults.places[FILE, 2] = Fault("KeyError", "here:1")
    parked = (deposit("C1", "A1", "1.00", on="2026-01-02", id=f"d{n}") for n in range(2))
    door.send(*parked, close("2026-01-31"))
    found = loaded(door.intake.shard)
    assert found.parked["C1"].records == {"core d0": 1, "core d1": 1}
    assert found.parked["C1"].missed
    assert state_of(found) == state_of(door.intake.shard)
