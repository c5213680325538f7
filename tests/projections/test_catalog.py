"""Every projection is in the table of contents and keeps what its table says."""

import importlib
import pkgutil

import projections
from processors.faults import Fault
from projections.catalog import PROJECTIONS
from projections.feed import Feed, Projection
from tests.projections.steps import decided, moved
from tests.projections.world import World, close, money, opened, record


def test_every_class_with_a_table_is_listed() -> None:
    found = set()
    for module in pkgutil.iter_modules(projections.__path__):
        content = vars(importlib.import_module(f"projections.{module.name}"))
        found |= {c for c in content.values() if isinstance(c, type) and {"table", "rows"} <= vars(c).keys()}
    found.remove(Projection)
    assert found == {type(projection) for projection in PROJECTIONS}
    assert found


def test_names_and_tables_are_unique_and_keys_are_columns() -> None:
    assert len({p.name for p in PROJECTIONS}) == len(PROJECTIONS)
    assert len({p.table.name for p in PROJECTIONS}) == len(PROJECTIONS)
    for projection in PROJECTIONS:
        names = projection.table.names
        assert len(set(names)) == len(names)
        assert projection.table.key == names[: len(projection.table.key)]
        assert projection.table.key
        assert set(projection.table.adds) <= set(names) - set(projection.table.key)
        assert projection.version > 0


def test_every_projection_has_rows_for_a_day_that_has_everything_and_a_fold_repeats_itself(world: World) -> None:
    world.take(opened("C1", "A1", "2026-01-01", 30_000_000), opened("C2", "A2", "2026-01-01"), b"no record")
    world.take(money("deposit", "C2", "A2", 5, "2026-01-30"), close("2026-01-30"))
    stated = record("balance_stated", "C2", on="2026-01-31", account_id="A2", balance=7, currency="CNY")
    world.take(stated | {"value_date": "2026-01-31"}, close("2026-01-31", totals={"count": 9, "signed_sum": 9}))
    world.intake.faults.places[("file:a", 0), world._at] = Fault("KeyError", "here:1")
    world.take(money("deposit", "C2", "A2", 5, "2026-02-01"))
    world.take(record("complaint_filed", "C1", on="2026-02-01", complaint_id="K1", severity=2))
    world.take(
        record(
            "loan_opened", "C1", on="2026-02-01", loan_id="L1", outstanding=5, currency="CNY", value_date="2026-02-01"
        )
    )
    world.take(record("manager_assigned", "C1", on="2026-02-01", manager_id="M1"))
    decided(world, moved("C2", 1))
    feed = Feed(world.told, list(world.shard.customers), world.shard, "s1")
    for projection in PROJECTIONS:
        first = list(projection.rows(feed))
        assert first, projection.name
        assert {len(row) for row in first} == {len(projection.table.columns)}, projection.name
        assert first == list(projection.rows(feed))
