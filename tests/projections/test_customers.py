"""AUM as asked: spot and month sums, by customer, category and account (DOMAIN §3, CONTRACT §4)."""

from pathlib import Path

import pytest

from aggregates.account import Account
from aggregates.customer import Customer
from aggregates.policy import Policies, Policy
from aggregates.shard import Shard
from infra.sqlite_views import SqliteViews
from projections.customers import restored
from projections.feed import Feed
from projections.table import INT64_MAX, narrow, wide
from tests.projections.world import World, close, money, opened, record, rows


def test_the_worked_month_of_the_domain(world: World) -> None:
    world.take(opened("C1", "A1", "2026-04-01", 30_000_000), close("2026-04-01"))
    views = world.tell(money("transfer_out", "C1", "A1", 10_000_000, "2026-04-11"), close("2026-04-30"))
    assert list(views.aum(month="2026-04")) == [
        {"customer_id": "C1", "month": "2026-04", "sum": 700_000_000, "days": 30, "average": 23_333_333}
    ]
    assert list(views.aum()) == [{"customer_id": "C1", "spot": 20_000_000}]


def test_categories_and_accounts_add_up_to_the_total(world: World) -> None:
    world.take(
        opened("C1", "A2", "2026-01-01", 100),
        opened("C1", "A1", "2026-01-01", 20),
        opened("C1", "G1", "2026-01-01", 3, "gold"),
    )
    views = world.tell(close("2026-01-31"))
    assert list(views.aum()) == [{"customer_id": "C1", "spot": 123}]
    assert list(views.aum(by="category")) == [
        {"customer_id": "C1", "category": "deposit", "spot": 120},
        {"customer_id": "C1", "category": "gold", "spot": 3},
    ]
    assert list(views.aum(by="account")) == [
        {"customer_id": "C1", "category": "deposit", "account_id": "A1", "spot": 20},
        {"customer_id": "C1", "category": "deposit", "account_id": "A2", "spot": 100},
        {"customer_id": "C1", "category": "gold", "account_id": "G1", "spot": 3},
    ]
    months = [rows(views.aum(by=by, month="2026-01"), "sum") for by in ("total", "category", "account")]
    assert months == [[(123 * 31,)], [(120 * 31,), (3 * 31,)], [(20 * 31,), (100 * 31,), (3 * 31,)]]
    assert list(views.aum(by="account", month="2026-01"))[2] == {
        "customer_id": "C1", "category": "gold", "account_id": "G1",
        "month": "2026-01", "sum": 93, "days": 31, "average": 3,
    }  # fmt: skip


def test_a_customer_without_accounts_has_a_tier_and_no_aum(world: World) -> None:
    grant = record("special_vip_granted", "C1", on="2026-01-02", level="gold", reason="r", granted_by="g")
    world.take(close("2026-01-01"))
    views = world.tell(grant | {"value_date": "2026-01-02"}, opened("C2", "A1", "2026-01-02"))
    assert rows(views.tiers(), "customer_id", "state") == [("C1", "special"), ("C2", "ordinary")]
    assert rows(views.aum(), "customer_id", "spot") == [("C2", 0)]
    assert rows(views.aum(by="account"), "customer_id", "spot") == [("C2", 0)]
    assert rows(views.aum(month="2026-01"), "customer_id", "sum") == [("C2", 0)]


def test_months_before_the_first_have_no_rows_and_nothing_is_known_before_a_close(world: World) -> None:
    views = world.tell(opened("C1", "A1", "2025-12-15", 10))
    assert list(views.aum(month="2025-12")) == []
    assert list(views.aum()) == [{"customer_id": "C1", "spot": 10}]
    world.tell(close("2026-01-05"))
    assert list(views.aum(month="2025-12")) == []
    assert rows(views.aum(month="2026-01"), "sum") == [(310,)]


def test_a_month_older_than_what_the_state_keeps_is_added_up_from_all_moves(world: World) -> None:
    """The state keeps sums for 13 months: the twelve that can be restated and one more."""
    world.take(opened("C1", "A1", "2025-01-01", 10), close("2025-01-01"))
    for month in range(1, 13):
        world.take(close(f"2025-{month:02d}-28"))
    views = world.tell(close("2026-02-28"))
    world.tell(money("deposit", "C1", "A1", 5, "2026-03-01"))
    assert rows(views.aum(month="2025-02"), "sum") == [(280,)]
    assert rows(views.aum(month="2025-01"), "sum") == [(310,)]


def test_an_account_not_touched_since_is_summed_over_every_month_closed_since(world: World) -> None:
    world.take(opened("C1", "A1", "2026-01-11", 10), close("2026-01-11"))
    views = world.tell(money("deposit", "C1", "A1", 5, "2026-01-21"))
    world.take(close("2026-01-31"))
    world.tell(close("2026-03-31"))
    assert [rows(views.aum(month=f"2026-0{m}"), "sum") for m in (1, 2, 3)] == [
        [(10 * 21 + 5 * 11,)],
        [(420,)],
        [(465,)],
    ]
    (packed,) = views._connection.execute("SELECT state FROM aum").fetchone()
    account = restored(packed, views.basis()).accounts["A1"]
    assert [*account.sums, account.running] == [265, 420, 465]


def test_a_customer_is_known_from_its_first_record_on(world: World) -> None:
    world.tell(opened("C1", "A1", "2026-01-11", 10))
    views = world.tell(opened("C2", "A2", "2026-01-11", 10))
    first = views.moment(known_at=1)
    assert [views.knows(who, first) for who in ("C1", "C2", "C9")] == [True, False, False]
    assert [views.knows(who) for who in ("C1", "C2", "C9")] == [True, True, False]


def test_what_a_close_remembers_of_triggers_without_a_line_about_the_customer_is_no_difference(
    world: World, tmp_path: Path
) -> None:
    """Behind the end of a relationship a close notes that there is money again, here dated ahead: no row is told anew."""
    world.begin()
    world.intake.activate_all(None)
    world.take(opened("C1", "A1", "2026-01-01", 10_000_000), close("2026-01-01"))
    out, back = (
        money("transfer_out", "C1", "A1", 10_000_000, "2026-01-02"),
        money("deposit", "C1", "A1", 1, "2026-01-03"),
    )
    views = world.tell(out, back, close("2026-01-02"))
    assert "relationship_end" in {row["code"] for row in views.triggers()}
    world.tell(close("2026-01-03"))
    life = world.shard.customers.ensure("C1").life
    assert life is not None
    assert [each.had_money for each in life.raises["relationship_end"]] == [True]
    assert list(views.differences(world.rebuilt(tmp_path / "rebuilt"))) == []


def test_one_customer_alone(world: World) -> None:
    views = world.tell(opened("C1", "A1", "2026-01-01", 1), opened("C2", "A1", "2026-01-01", 2), close("2026-01-31"))
    assert rows(views.aum(customer="C2"), "customer_id", "spot") == [("C2", 2)]
    assert rows(views.aum(customer="C2", month="2026-01"), "customer_id", "sum") == [("C2", 62)]
    assert list(views.aum(customer="C9")) == []


@pytest.mark.parametrize("balance", [INT64_MAX, INT64_MAX + 1, -INT64_MAX, -INT64_MAX - 1, 10**30, -(10**30), 0])
def test_sums_of_any_size_come_back_as_they_were(tmp_path: Path, balance: int) -> None:
    assert narrow(wide(balance)) == balance
    customer = Customer(
        "C1", 0, {"A1": Account(0, "deposit", 738_000, 0, balance, 0, 0, balance, [738_000, balance], [], None)}
    )
    with SqliteViews(tmp_path / "views", write=True) as views:
        views.put(Feed([], [customer], Shard(Policies([Policy()])), "s1"), 0)
        assert list(views.aum()) == [{"customer_id": "C1", "spot": balance}]
        (packed,) = views._connection.execute("SELECT state FROM aum").fetchone()
        assert restored(packed, views.basis()) == customer
