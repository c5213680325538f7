"""Steps of triggers are shown as published, and what stands of them on any day and at any block."""

import json

from aggregates.dates import day_of
from events.codec import to_json
from projections.trigger_steps import SHOWN
from tests.projections.steps import a_life, decided, moved
from tests.projections.world import World, opened, rows


def two_customers(world: World) -> None:
    """The life of ``a_life``, the steps of 2026-01-12 in a block of their own."""
    world.take(opened("C1", "A1", "2026-01-01"), opened("C2", "A2", "2026-01-01"))
    decided(world, *(line for line in a_life() if line.business_date < "2026-01-12"))
    world.put()
    world.take(opened("C3", "A3", "2026-01-01"))
    decided(world, *(line for line in a_life() if line.business_date == "2026-01-12"))
    world.put()


def test_steps_are_what_was_published_in_order_of_customer_and_sequence(world: World) -> None:
    two_customers(world)
    published = [json.loads(to_json(line.published())) for line in a_life()]
    expected = sorted(published, key=lambda step: (step["customer_id"], step["sequence"]))
    assert list(world.views.triggers()) == expected
    assert [to_json(row) for row in world.views.triggers()] == [
        to_json(line.published()) for line in sorted(a_life(), key=lambda each: (each.customer_id, each.sequence))
    ]
    assert {key for row in expected for key in row} == set(SHOWN)
    assert [key for key in SHOWN if key in expected[0]] == list(expected[0])


def test_steps_of_a_customer_and_of_a_rule(world: World) -> None:
    two_customers(world)
    assert rows(world.views.triggers("C2"), "sequence") == [(1,), (2,), (3,)]
    assert rows(world.views.triggers(code="aum_drop"), "customer_id", "sequence") == [("C1", 1), ("C1", 4), ("C1", 5)]
    assert rows(world.views.triggers("C1", "near_upgrade"), "sequence") == [(2,), (3,)]
    assert list(world.views.triggers("C3")) == []


def test_what_stands_is_the_last_step_of_what_has_not_ended(world: World) -> None:
    two_customers(world)
    now = [("C1", 3, "claimed"), ("C1", 5, "raised"), ("C2", 3, "raised")]
    assert rows(world.views.triggers(standing=True), "customer_id", "sequence", "step") == now
    assert rows(world.views.triggers("C1", standing=True), "sequence") == [(3,), (5,)]
    assert rows(world.views.triggers(code="dormant", standing=True), "customer_id") == [("C2",)]
    on_the_10th = world.views.moment(day_of("2026-01-10"))
    assert rows(world.views.triggers(at=on_the_10th, standing=True), "customer_id", "sequence") == [
        ("C1", 1), ("C1", 2), ("C2", 1)
    ]  # fmt: skip
    before = world.views.moment(known_at=1)
    assert rows(world.views.triggers(at=before, standing=True), "customer_id", "sequence") == [("C1", 3), ("C2", 1)]
    assert rows(world.views.triggers(at=before), "sequence") == [(1,), (2,), (3,), (4,), (1,)]


def test_a_step_told_again_is_the_same_row(world: World) -> None:
    world.take(opened("C1", "A1", "2026-01-01"))
    decided(world, moved("C1", 1))
    feed = world.feed()
    world.views.put(feed, 1)
    world.views.put(feed, 1)
    assert rows(world.views.triggers(), "sequence") == [(1,)]
