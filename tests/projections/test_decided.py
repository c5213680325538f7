"""Rows made of decisions: tier changes, refusals, alerts, control totals, counts."""

import json

from msgspec.structs import replace

from events.decisions import IntegrityAlerted, RecordRefused, TierChanged, TierMoved
from projections.feed import Feed
from projections.totals import Totals, totals_alerts
from tests.projections.world import AT, World, close, money, opened, record, rows


def test_tier_changes_are_what_was_published_in_order_of_customer_and_sequence(world: World) -> None:
    world.take(opened("C2", "A1", "2026-01-01", 60_000_000), opened("C1", "A1", "2026-01-01", 60_000_000))
    world.take(close("2026-01-30"))
    world.take(close("2026-01-31"), money("withdrawal", "C1", "A1", 1, "2026-02-01"))
    world.take(money("withdrawal", "C1", "A1", 40_000_000, "2026-02-01"), close("2026-02-28"))
    told = [d.published() for t in world.told for _, d in t.decisions if isinstance(d, TierChanged)]
    world.put()
    found = list(world.views.tier_changes())
    assert found == sorted(json.loads(json.dumps(told)), key=lambda c: (c["customer_id"], c["sequence"]))
    assert rows(found, "id", "kind") == [("C1:1", "entered"), ("C1:2", "watch_started"), ("C2:1", "entered")]
    assert rows(world.views.tier_changes("C1"), "id") == [("C1:1",), ("C1:2",)]
    assert rows(world.views.tier_changes("C1", after=1), "id") == [("C1:2",)]
    assert rows(world.views.tier_changes(after=1), "id") == [("C1:2",)]
    assert rows(world.views.latest_tier_changes(2), "id") == [("C1:2",), ("C1:1",)]


def test_refusals_say_what_where_and_when_and_not_the_original(world: World) -> None:
    lost = money("deposit", "C1", "A9", 5, "2026-01-02")
    views = world.tell(b"no json", lost)
    second = list(views.rejected())[1]
    assert "A9" in second.pop("detail")
    assert second == {
        "reason": "account_unknown", "field": "account_id", "source": "core", "event_id": lost["event_id"],
        "topic": "bank.transactions.v1", "partition": None, "offset": None, "file": "a", "line": 2, "refused_at": AT,
    }  # fmt: skip
    assert rows(views.rejected(), "reason", "line", "event_id") == [
        ("not_json", 1, None), ("account_unknown", 2, lost["event_id"])
    ]  # fmt: skip


def test_alerts_keep_numbers_and_texts_apart(world: World) -> None:
    stated = record("balance_stated", "C1", on="2026-01-02", account_id="A1", balance=7, currency="CNY")
    world.take(opened("C1", "A1", "2026-01-01", 5), opened("C2", "A1", "2026-01-01", 5), close("2026-01-01"))
    views = world.tell(stated | {"value_date": "2026-01-02"}, close("2026-01-02"))
    expected = dict.fromkeys(IntegrityAlerted.__struct_fields__) | {
        "kind": "balance_differs", "customer_id": "C1", "account_id": "A1", "source": "core",
        "event_id": stated["event_id"], "date": "2026-01-02", "expected": 7, "actual": 5, "alerted_at": AT,
    }  # fmt: skip
    assert list(views.alerts()) == [expected]
    assert list(views.alerts("C1")) == [expected]
    assert list(views.alerts("C2")) == []


def test_control_totals_that_differ_are_alerts_and_those_that_agree_are_none(world: World) -> None:
    world.take(opened("C1", "A1", "2026-01-01", 5), close("2026-01-01", totals={"count": 1, "signed_sum": 5}))
    views = world.tell(
        money("deposit", "C1", "A1", 3, "2026-01-02"), close("2026-01-02", totals={"count": 2, "signed_sum": 3})
    )
    [alert] = views.alerts()
    assert (alert["kind"], alert["source"], alert["date"], alert["customer_id"]) == (
        "totals_differ", "core", "2026-01-02", None
    )  # fmt: skip
    assert alert["expected"] == {"count": 2, "signed_sum": 3}
    assert alert["actual"] == {"count": 1, "signed_sum": 3}
    assert list(views.alerts("C1")) == []


def test_totals_are_compared_over_all_shards() -> None:
    key = ("core", "2026-01-02")
    row = (*key, "s1", 2, 30, 3, 35, AT)
    assert list(totals_alerts([row, (*key, "s2", 1, 5, 3, 35, AT)])) == []
    [alert] = totals_alerts([row, (*key, "s2", 1, "4", 3, 35, AT), ("funds", "2026-01-02", "s1", 0, 0, 0, 0, AT)])
    assert alert["actual"] == {"count": 3, "signed_sum": 34}
    assert {len(row)} == {len(Totals.table.columns)}


def test_counts_add_up_over_feeds(world: World) -> None:
    first = money("deposit", "C1", "A1", 5, "2026-01-02")
    world.tell(opened("C1", "A1", "2026-01-01"), first, b"bad")
    views = world.tell(first, first, money("deposit", "C1", "A1", 6, "2026-01-02"), b"bad", b"{}")
    assert views.counts() == {
        "taken": {"account_opened": 1, "deposit": 2},
        "duplicate": {"": 2},
        "refused": {"missing_field": 1, "not_json": 2},
    }
    world.tell(first)
    assert views.counts()["duplicate"] == {"": 3}


def test_a_feed_lists_decisions_of_some_kinds_with_their_block_in_log_order(world: World) -> None:
    world.take(b"bad", opened("C1", "A1", "2026-01-01", 60_000_000))
    world.take(close("2026-01-30"), b"bad")
    world.take(close("2026-01-31"), b"bad")
    feed = Feed(world.told, (), world.shard, "s1")
    refused, changed = feed.decisions(RecordRefused), feed.decisions(TierChanged)
    assert [told.block for told, _, _ in refused] == [1, 2, 3]
    assert [told.block for told, _, _ in changed] == [3]
    assert feed.decisions(TierMoved) == []
    both = feed.decisions(TierChanged, TierMoved, RecordRefused)
    assert sorted(both, key=lambda each: each[1]) == list(both) == [*refused[:2], *changed, refused[2]]
    lines = dict(pair for told in world.told for pair in told.decisions)
    assert [lines[line] for _, line, _ in both] == [decision for _, _, decision in both]
    less = replace(feed, told=world.told[:1])
    assert less.decisions(RecordRefused) == refused[:1]
    assert less.decisions(TierChanged) == []
