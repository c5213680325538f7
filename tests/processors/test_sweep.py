"""One event id in two places is told once (DOMAIN §2, Identity), found later and not on the way in."""

import pytest

from aggregates.policy import Policies
from aggregates.shard import Shard
from events import codec
from events.decisions import IntegrityAlerted
from events.fields import Record
from processors.snapshot import chunks_of, frame_of, shard_from
from tests.dsl.door import Door
from tests.dsl.records import close, deposit, granted, opened, reversal

ACCOUNTS = (opened("C1", "A1", on="2026-01-01", id="a1"), opened("C2", "A1", on="2026-01-01", id="a2"))


def paid(customer_id: str, month: str = "2026-01", id: str = "d1", source: str = "core") -> Record:  # noqa: A002
    return deposit(customer_id, "A1", "1.00", on=f"{month}-05", id=id, source=source)


def told(door: Door) -> list[tuple[str | None, str | None, object, object]]:
    """Source, event id, the first place and the others of every alert in the log."""
    alerts = [line for line in door.lines() if isinstance(line, IntegrityAlerted)]
    assert {each.kind for each in alerts} <= {"id_in_two_places"}
    return [(each.source, each.event_id, each.expected, each.actual) for each in alerts]


def swept(*batches: tuple[Record, ...]) -> Door:
    door = Door().send(*ACCOUNTS)
    for batch in batches:
        door.send(*batch)
    assert told(door) == []
    door.intake.sweep()
    return door


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_one_id_of_two_customers(is_one_batch: bool) -> None:
    pair = (paid("C1"), paid("C2"))
    door = swept(pair) if is_one_batch else swept(pair[:1], pair[1:])
    assert told(door) == [("core", "d1", "C1 2026-01", "C2 2026-01")]


def test_one_id_in_two_months() -> None:
    assert told(swept((paid("C1"), paid("C1", "2026-02")))) == [("core", "d1", "C1 2026-01", "C1 2026-02")]


def test_all_places_of_an_id_are_named_in_log_order() -> None:
    door = swept((paid("C2"),), (paid("C1", "2026-02"), paid("C1"), paid("C2", "2026-03")))
    assert told(door) == [("core", "d1", "C2 2026-01", "C1 2026-02, C1 2026-01, C2 2026-03")]


def test_records_of_different_types_may_share_an_id_no_more_than_others() -> None:
    door = swept((paid("C1", id="x", source="crm"), granted("C2", "gold", on="2026-01-02", id="x")))
    assert told(door) == [("crm", "x", "C1 2026-01", "C2 2026-01")]


@pytest.mark.parametrize(
    "harmless",
    [
        (paid("C1"), paid("C1")),
        (paid("C1"), paid("C1", id="d2"), paid("C2", id="d3")),
        (paid("C1"), paid("C2", source="cards")),
        (paid("C1"), paid("C9")),
        (paid("C1"), reversal("C1", "d1", at="2026-01-06", id="r1")),
        (close("2026-01-31", id="a1"), close("2026-01-31", source="cards", id="a1")),
    ],
    ids=["again", "other ids", "other source", "refused", "reversed", "closes"],
)
def test_what_stands_in_one_place_is_not_told(harmless: tuple[Record, ...]) -> None:
    door = swept(harmless)
    assert told(door) == []
    blocks = door.log.head().block
    door.intake.sweep()
    assert door.log.head().block == blocks


def test_it_is_told_once() -> None:
    door = swept((paid("C1"), paid("C2")))
    once, blocks = told(door), door.log.head().block
    door.intake.sweep()
    assert (told(door), door.log.head().block) == (once, blocks)
    door.send(paid("C1", "2026-03"), paid("C1", id="d2"), paid("C2", id="d2")).intake.sweep()
    assert told(door) == [*once, ("core", "d2", "C1 2026-01", "C2 2026-01")]


def test_it_changes_nothing_else_and_is_no_refusal() -> None:
    door = Door().send(*ACCOUNTS, paid("C1"), paid("C2"))
    before = {each.id: each.spot_minor for each in door.intake.shard.customers}
    door.intake.sweep()
    assert {each.id: each.spot_minor for each in door.intake.shard.customers} == before
    assert (door.counts, door.intake.counts.decisions) == ((4, 0, 0), 1)
    assert [sum(isinstance(each, IntegrityAlerted) for _, each in told_.decisions) for told_ in door.told] == [0, 1]


def test_both_records_stay_what_they_are() -> None:
    door = swept((paid("C1"), paid("C2")))
    assert door.send(paid("C1"), paid("C2")).counts == (4, 2, 0)
    assert door.send(reversal("C2", "d1", at="2026-01-06", id="r1")).counts == (5, 2, 0)
    assert {each.id: each.spot_minor for each in door.intake.shard.customers} == {"C1": 100, "C2": 0}


def test_it_is_told_once_also_after_a_snapshot() -> None:
    door = swept((paid("C1"), paid("C2")))
    loaded = shard_from(frame_of(door.intake.shard), chunks_of(door.intake.shard))
    assert loaded is not None
    once, door.intake.shard = told(door), loaded
    door.intake.sweep()
    assert told(door) == once


def test_it_is_told_once_also_after_a_rebuild() -> None:
    door = swept((paid("C1"), paid("C2")))
    rebuilt = Shard(Policies(list(door.intake.shard.policies)))
    for line in door.lines():
        rebuilt.evolve(line)
    assert frame_of(rebuilt) == frame_of(door.intake.shard)
    once, door.intake.shard = told(door), rebuilt
    door.intake.sweep()
    assert told(door) == once


def test_an_alert_names_ids_and_no_content() -> None:
    door = swept((paid("C1"), paid("C2")))
    (alert,) = (line for line in door.lines() if isinstance(line, IntegrityAlerted))
    assert codec.encode(alert) == (
        b'{"type":"integrity_alerted","kind":"id_in_two_places","source":"core","event_id":"d1",'
        b'"expected":"C1 2026-01","actual":"C2 2026-01"}'
    )
