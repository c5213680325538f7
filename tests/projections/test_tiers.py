"""Where everyone stands (CONTRACT §4, `guanxi tiers`)."""

from pathlib import Path

from aggregates.dates import day_of
from aggregates.policy import Policy
from tests.projections.world import World, close, money, opened, record, rows


def test_every_column_through_a_career(world: World) -> None:
    world.take(opened("C1", "A1", "2026-01-01", 60_000_000), close("2026-01-01"))
    views = world.tell(close("2026-01-31"))
    platinum = {
        "customer_id": "C1", "state": "vip", "level": "platinum", "watch": 0, "below_entry": 0, "grace_left": 0,
        "until": None, "since": "2026-02-01", "policy_version": "default-1",
    }  # fmt: skip
    assert list(views.tiers()) == [platinum]
    world.tell(money("withdrawal", "C1", "A1", 59_000_000, "2026-02-01"), close("2026-02-28"))
    assert list(views.tiers()) == [platinum | {"watch": 1, "below_entry": 1}]
    world.tell(close("2026-03-31"))
    assert list(views.tiers()) == [platinum | {"watch": 2, "below_entry": 2}]
    for end in ("2026-04-30", "2026-05-31", "2026-06-30"):
        world.take(close(end))
    world.tell()
    assert rows(views.tiers(), "state", "level", "watch", "below_entry", "since") == [
        ("vip", "gold", 0, 5, "2026-05-01")
    ]
    world.tell(close("2026-07-31"))
    assert rows(views.tiers(), "state", "level", "grace_left", "since") == [("lapsed", None, 2, "2026-08-01")]
    world.tell(close("2026-08-31"))
    assert rows(views.tiers(), "state", "level", "grace_left", "since") == [("lapsed", None, 1, "2026-08-01")]


def test_a_special_has_until(world: World) -> None:
    grant = record("special_vip_granted", "C1", on="2026-01-02", level="gold", reason="r", granted_by="g")
    world.take(opened("C1", "A1", "2026-01-01"), close("2026-01-01"))
    views = world.tell(grant | {"value_date": "2026-01-02"})
    assert rows(views.tiers("C1"), "state", "level", "until", "since") == [
        ("special", "gold", "2027-01-02", "2026-01-02")
    ]


def test_the_ordinary_stand_under_the_version_of_the_last_closed_month(tmp_path: Path) -> None:
    """Also those whom no record touched since; who was decided upon keeps the version of that decision."""
    world = World(tmp_path, Policy(version="a"), Policy(version="b", valid_from=day_of("2026-02-01")))
    views = world.tell(opened("C1", "A1", "2026-01-01"), opened("C2", "A1", "2026-01-01", 60_000_000))
    assert rows(views.tiers(), "policy_version") == [("a",), ("a",)]
    world.take(close("2026-01-30"))
    world.tell(close("2026-01-31"))
    assert rows(views.tiers(), "policy_version") == [("a",), ("a",)]
    world.tell(close("2026-02-28"))
    assert rows(views.tiers(), "customer_id", "state", "policy_version") == [
        ("C1", "ordinary", "b"),
        ("C2", "vip", "a"),
    ]


def test_levels_count_everyone(world: World) -> None:
    world.take(opened("C1", "A1", "2026-01-01"), opened("C2", "A1", "2026-01-01", 60_000_000), close("2026-01-30"))
    views = world.tell(opened("C3", "A1", "2026-01-31"), close("2026-01-31"))
    assert views.levels() == [("ordinary", None, 2), ("vip", "platinum", 1)]
