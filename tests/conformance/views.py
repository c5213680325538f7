"""The law of views, for every store of rows: inherit, give the fixtures, add nothing. ``processors.keeper.Views``.

What is read is what ``infra.answers.Answers`` reads: the same rows from every store.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from aggregates.dates import day_of
from events.codec import to_json
from guanxi.simulator import stream
from infra.answers import Answers
from processors.ports import ViewsUnusable
from projections.catalog import PROJECTIONS
from projections.counts import Counts
from projections.feed import Feed, Row
from projections.moment import NothingKnown
from projections.table import Table
from tests.projections.steps import a_life, decided, moved
from tests.projections.world import World, close, money, opened, record, rows

OpenViews = Callable[..., Any]
"""Opens the same views once more, to tell them; projections: other ones than all."""


class _Failing:
    name, version = "counts", Counts.version
    table = Counts.table

    def rows(self, feed: Feed) -> Iterator[Row]:
        yield ("taken", "x", 1)
        if feed.customers:
            raise ZeroDivisionError


class _Newer(Counts):
    version = Counts.version + 1


class _Wider(Counts):
    table = Table("counts", (*Counts.table.columns, ("more", "TEXT")), Counts.table.key, Counts.table.adds)


_OTHERS = tuple(p for p in PROJECTIONS if p.name != "counts")


def everything(views: Answers, customers: list[str], moments: list[Any]) -> Iterator[tuple[str, Any]]:
    """Every answer, of now and of moments."""
    yield "freshness", views.freshness
    yield "counts", views.counts()
    yield "levels", views.levels()
    yield "rejected", list(views.rejected())
    yield "parked", list(views.parked())
    yield "latest", views.latest_tier_changes(7)
    yield "worklist", list(views.worklist())
    yield "complaints", list(views.complaints())
    yield "loans", list(views.loans())
    yield "worth", views.told_triggers()
    yield "managers", list(views.managers())
    for manager in ("M1", "M2"):
        yield f"portfolio {manager}", list(views.portfolio(manager))
    for at in (None, *moments):
        yield f"forecast {at}", list(views.forecast(at))
        for who in (None, *customers):
            yield f"tiers {who} {at}", list(views.tiers(who, at))
            yield f"alerts {who} {at}", list(views.alerts(who, at))
            yield f"changes {who} {at}", list(views.tier_changes(who, at=at))
            yield f"later changes {who} {at}", list(views.tier_changes(who, 1, at))
            yield f"triggers {who} {at}", list(views.triggers(who, at=at))
            yield f"standing triggers {who} {at}", list(views.triggers(who, at=at, standing=True))
            if who is not None:
                yield f"knows {who} {at}", views.knows(who, at)
            for month in (None, "2025-12", "2026-01", "2026-03", "2027-01"):
                yield f"aum {who} {at} {month}", list(views.aum("account", month, who, at))
        for by in ("total", "category"):
            yield f"aum {by} {at}", list(views.aum(by, at=at))
        if at is not None:
            yield f"clock {at}", views.recorded_at(at.known.basis.block)


class ViewsConformance:
    """Fixtures: `open_views` (see ``OpenViews``), `answers`: reads them."""

    @pytest.fixture
    def open_views(self) -> OpenViews:
        raise NotImplementedError

    @pytest.fixture
    def answers(self) -> Answers:
        raise NotImplementedError

    @pytest.fixture
    def world(self, tmp_path: Path, open_views: OpenViews) -> Iterator[World]:
        found = World(tmp_path, views=open_views())
        yield found
        found.log.close()

    # ------------------------------------------------------------------------------------------ telling

    def test_a_tell_brings_rows_and_position_at_once(
        self, world: World, open_views: OpenViews, answers: Answers
    ) -> None:
        assert world.views.stands == 0
        assert answers.freshness.block == 0
        world.tell(opened("C1", "A1", "2026-01-01"))
        world.tell(close("2026-01-01"), money("deposit", "C1", "A1", 1, "2026-01-02"))
        assert world.views.stands == open_views().stands == 2
        assert answers.freshness.block == 2
        assert answers.freshness.closed_through == "2026-01-01"
        assert answers.freshness.shard == "s1"
        assert answers.freshness.blocks == ()
        assert rows(answers.aum(), "spot") == [(1,)]

    def test_what_is_told_again_changes_nothing(self, world: World, open_views: OpenViews, answers: Answers) -> None:
        """By the same writer, or by two: one may have lost its shard and not know yet."""
        other = open_views()
        world.take(opened("C1", "A1", "2026-01-01"), b"bad")
        first = world.feed()
        world.views.put(first, 1)
        before = answers.counts()
        for views in (world.views, other):
            views.put(first, 1)
            assert views.stands == 1
            assert answers.counts() == before
        world.take(money("deposit", "C1", "A1", 7, "2026-01-02"), b"bad")
        world.views.put(world.feed(), 2)  # told from block 1 on
        assert answers.counts()["refused"] == {"not_json": 2}
        other.put(first, 1)  # older than the rows
        assert answers.freshness.block == 2
        assert rows(answers.aum(), "spot") == [(7,)]

    @pytest.mark.parametrize(("kept", "through"), [((1,), 2), ((0,), 2), ((0, 1), 3), ((0, 1), 1), ((), 1)])
    def test_a_feed_with_a_block_missing_or_too_many_is_refused(
        self, world: World, answers: Answers, kept: tuple[int, ...], through: int
    ) -> None:
        world.take(opened("C1", "A1", "2026-01-01"))
        world.take(opened("C2", "A1", "2026-01-01"))
        feed = world.feed()
        feed.told = [feed.told[at] for at in kept]
        with pytest.raises(ViewsUnusable, match="was not told all"):
            world.views.put(feed, through)
        assert answers.freshness.block == 0
        assert list(answers.tiers()) == []
        world.put()
        assert rows(answers.tiers(), "customer_id") == [("C1",), ("C2",)]

    def test_the_rows_of_another_shard_are_left_alone(self, world: World, answers: Answers) -> None:
        world.tell(opened("C1", "A1", "2026-01-01"))
        world.take(opened("C2", "A1", "2026-01-01"))
        with pytest.raises(ViewsUnusable, match="another log"):
            world.views.put(Feed(world.told, (), world.shard, "s2"), 2)
        assert rows(answers.tiers(), "customer_id") == [("C1",)]

    def test_a_fold_that_fails_writes_nothing_at_all(
        self, world: World, open_views: OpenViews, answers: Answers
    ) -> None:
        world.take(opened("C1", "A1", "2026-01-01"))
        failing = open_views(projections=(*_OTHERS, _Failing()))
        with pytest.raises(ZeroDivisionError):
            failing.put(world.feed(), 1)
        assert answers.counts()["taken"] == {}
        assert list(answers.tiers()) == []
        assert answers.freshness.block == 0
        world.put()
        assert answers.counts()["taken"] == {"account_opened": 1}

    def test_the_first_close_puts_everyone_because_it_brings_value_dates_forward(
        self, world: World, answers: Answers
    ) -> None:
        """A valuation and a later purchase before F fall on one day with F known: the balance of an untouched customer."""
        world.take(opened("C1", "G1", "2025-12-01", 0, "gold"))
        value = record("valuation_updated", "C1", on="2025-12-10", account_id="G1", market_value=100, currency="CNY")
        world.take(value | {"value_date": "2025-12-10"}, money("product_purchased", "C1", "G1", 7, "2025-12-20"))
        world.put()
        assert rows(answers.aum(), "spot") == [(107,)]
        world.tell(close("2026-01-05"))
        customer = world.shard.customers.get("C1")
        assert customer is not None
        assert customer.spot_minor != 107
        assert rows(answers.aum(), "spot") == [(customer.spot_minor,)]

    @pytest.mark.parametrize("changed", [_Newer(), _Wider()])
    def test_another_version_or_another_table_means_rebuild(
        self, world: World, open_views: OpenViews, changed: Any
    ) -> None:
        world.tell(opened("C1", "A1", "2026-01-01"))
        views = open_views(projections=(*_OTHERS, changed))
        assert views.stale == ("counts",)
        with pytest.raises(ViewsUnusable, match=r"counts.*guanxi rebuild"):
            views.put(world.feed(), 1)
        assert open_views().stale == ()

    # ------------------------------------------------------------------------------------------ reading

    def test_rows_come_in_the_order_of_the_bytes_of_the_ids(self, world: World, answers: Answers) -> None:
        ids = ["b", "a", "B", "é", "z", "\U0001f600", "\uffee", "客户", "a b", "10", "9", "\x02", "\x01", "\x01\x02"]
        ids += ["a\x00", "\x00", "\x00\x00", "\x01\x00", "a\x01", "a\x00b", "a\x01\x01"]
        world.tell(*(opened(c, "A1", "2026-01-01") for c in ids), close("2026-01-31"))
        expected = [(c,) for c in sorted(ids, key=str.encode)]
        assert rows(answers.tiers(), "customer_id") == expected
        assert rows(answers.aum(), "customer_id") == expected
        assert rows(answers.aum(month="2026-01"), "customer_id") == expected
        assert expected != [(c,) for c in sorted(ids, key=lambda c: c.encode("utf-16-be"))]
        for each in ids:
            assert rows(answers.tiers(each), "customer_id") == rows(answers.aum(customer=each), "customer_id")
            assert rows(answers.tiers(each), "customer_id") == [(each,)]

    def test_numbers_beyond_64_bits_are_themselves(self, world: World, answers: Answers) -> None:
        most = 2**53 - 1
        moves = [money("deposit", "C1", "A1", most, "2026-01-01") for _ in range(1_100)]
        world.tell(opened("C1", "A1", "2026-01-01"), *moves, close("2026-01-31"))
        assert rows(answers.aum(), "spot") == [(most * 1_100,)]
        assert most * 1_100 > 2**63
        assert rows(answers.aum(month="2026-01"), "sum") == [(most * 1_100 * 31,)]

    def test_a_page_stands_on_one_block_whatever_is_written_meanwhile(self, world: World, answers: Answers) -> None:
        world.tell(opened("C1", "A1", "2026-01-01", 1), opened("C2", "A1", "2026-01-01", 1))
        with answers.page() as fresh:
            some = answers.aum()
            assert next(some)["spot"] == 1
            world.tell(money("deposit", "C2", "A1", 5, "2026-01-02"), close("2026-01-02"))
            assert next(some)["spot"] == 1
            assert answers.freshness == fresh
            assert (fresh.block, fresh.closed_through) == (1, None)
            assert rows(answers.aum(), "spot") == [(1,), (1,)]
            assert next(some, None) is None
        assert rows(answers.aum(), "spot") == [(1,), (6,)]
        assert (answers.freshness.block, answers.freshness.closed_through) == (2, "2026-01-02")

    def test_an_answer_left_in_the_middle_lets_go_of_its_block(self, world: World, answers: Answers) -> None:
        world.tell(opened("C1", "A1", "2026-01-01", 1), opened("C2", "A1", "2026-01-01", 1))
        assert len(list(islice(answers.aum(), 1))) == 1
        first, second = answers.aum(), answers.tiers()
        next(first), next(second)
        first.close()
        second.close()
        world.tell(money("deposit", "C1", "A1", 5, "2026-01-02"))
        assert rows(answers.aum(), "spot") == [(6,), (1,)]

    def test_a_block_or_a_day_that_is_not_there_is_nothing_known(self, world: World, answers: Answers) -> None:
        world.tell(opened("C1", "A1", "2026-01-01", 1), close("2026-01-31"))
        for block in (0, 2):
            with pytest.raises(NothingKnown, match="the blocks of this log are 1 to 1"):
                answers.moment(known_at=block)
        with pytest.raises(NothingKnown, match="2026-01"):
            answers.moment(1)
        assert not answers.knows("C2")

    def test_triggers_are_asked_by_customer_rule_day_and_whether_they_stand(
        self, world: World, answers: Answers
    ) -> None:
        world.take(opened("C2", "A2", "2026-01-01"), opened("C1", "A1", "2026-01-01"))
        decided(world, *(line for line in a_life() if line.business_date < "2026-01-12"))
        world.put()
        world.take(close("2026-01-12"))
        decided(world, *(line for line in a_life() if line.business_date == "2026-01-12"))
        world.put()
        everyone = sorted(a_life(), key=lambda line: (line.customer_id, line.sequence))
        assert [to_json(row) for row in answers.triggers()] == [to_json(line.published()) for line in everyone]
        assert rows(answers.triggers("C1", "aum_drop"), "sequence") == [(1,), (4,), (5,)]
        assert rows(answers.triggers(standing=True), "customer_id", "sequence") == [("C1", 3), ("C1", 5), ("C2", 3)]
        assert rows(answers.triggers("C1", standing=True), "sequence") == [(3,), (5,)]
        before = answers.moment(known_at=1)
        assert rows(answers.triggers(at=before), "customer_id", "sequence") == [
            *(("C1", n) for n in (1, 2, 3, 4)), ("C2", 1)
        ]  # fmt: skip
        assert rows(answers.triggers(at=before, standing=True), "customer_id", "sequence") == [("C1", 3), ("C2", 1)]
        on_the_10th = answers.moment(day_of("2026-01-10"))
        assert rows(answers.triggers("C1", at=on_the_10th, standing=True), "sequence") == [(1,), (2,)]

    def test_a_worklist_is_of_who_has_a_trigger(self, world: World, answers: Answers) -> None:
        world.take(opened("C2", "A2", "2026-01-01", 2**40), opened("C1", "A1", "2026-01-01"))
        world.take(
            *(record("manager_assigned", c, on="2026-01-05", manager_id="M1", branch="B1") for c in ("C1", "C2"))
        )
        world.take(close("2026-01-12"))
        decided(world, *a_life(), moved("C3", 1, evidence={"records": []}))
        world.put()
        found = list(answers.worklist("M1"))
        assert rows(found, "customer_id", "code", "raised_on", "days", "branch") == [
            ("C1", "near_upgrade", "2026-01-10", 2, "B1"), ("C1", "aum_drop", "2026-01-12", 0, "B1"),
            ("C2", "dormant", "2026-01-12", 0, "B1"),
        ]  # fmt: skip
        assert rows(found, "aum") == [(0,), (0,), (2**40,)]
        assert rows(answers.worklist(branch="B1"), "manager_id") == [("M1",)] * 3
        assert rows(answers.worklist(unassigned=True), "customer_id", "aum", "stake") == [("C3", 0, "held")]
        told = [(each.customer_id, each.code, each.manager_id, each.end, each.aum) for each in answers.told_triggers()]
        assert told == [
            ("C1", "aum_drop", "M1", "withdrawn", (0, None, None)), ("C1", "near_upgrade", "M1", "", (0, None, None)),
            ("C1", "aum_drop", "M1", "", (0, None, None)),
            ("C2", "maturity_upcoming", "M1", "expired", (2**40, None, None)), ("C2", "dormant", "M1", "", (2**40, None, None)),
            ("C3", "aum_drop", None, "", (0, None, None)),
        ]  # fmt: skip
        assert len(answers.told_triggers("aum_drop")) == 3
        assert list(answers.worklist("M2")) == list(answers.worklist("M1", "B2")) == []

    def test_a_portfolio_is_of_who_has_the_manager_now(self, world: World, answers: Answers) -> None:
        world.take(opened("客户二", "A2", "2026-01-01", 2**40), opened("C1", "A1", "2026-01-01", 300_000_00))
        told = [("C1", "M1", "B1"), ("客户二", "M2", "B1"), ("C3", "M1", "B2"), ("C4", "经理", "B1")]
        for customer_id, manager_id, branch in told:
            world.take(record("manager_assigned", customer_id, on="2026-01-05", manager_id=manager_id, branch=branch))
        world.take(record("manager_assigned", "客户二", on="2026-01-06", manager_id="M1"), close("2026-01-31"))
        world.put()
        assert list(answers.managers()) == [
            {"manager_id": "M1", "customers": 3, "aum": 2**40 + 300_000_00},
            {"manager_id": "经理", "customers": 1, "aum": 0},
        ]
        assert rows(answers.portfolio("M1"), "customer_id", "state", "level", "aum", "since", "branch") == [
            ("C1", "vip", "gold", 300_000_00, "2026-01-05", "B1"),
            ("C3", "ordinary", None, None, "2026-01-05", "B2"),
            ("客户二", "vip", "private", 2**40, "2026-01-06", None),
        ]
        assert list(answers.portfolio("M2")) == list(answers.portfolio("M9")) == []

    def test_open_complaints_with_their_age_by_customer(self, world: World, answers: Answers) -> None:
        filed = [("C2", "K1", "2026-01-02", 2), ("C1", "K1", "2026-01-05", 3), ("C1", "K0", "2026-01-09", 1)]
        world.take(
            *(
                record("complaint_filed", who, on=on, complaint_id=name, severity=severity, event_id=f"{who}{name}")
                for who, name, on, severity in filed
            )
        )
        world.put()
        shown = ("customer_id", "complaint_id", "severity", "filed_on", "days", "working_days", "event_id")
        assert rows(answers.complaints(), "complaint_id", "days", "working_days") == [
            ("K1", 0, 0), ("K0", 0, 0), ("K1", 0, 0),
        ]  # fmt: skip
        world.take(
            close("2026-01-12"), record("complaint_resolved", "C2", on="2026-01-12", complaint_id="K1", outcome="o")
        )
        world.put()
        assert rows(answers.complaints(), *shown) == [
            ("C1", "K1", 3, "2026-01-05", 7, 5, "C1K1"), ("C1", "K0", 1, "2026-01-09", 3, 1, "C1K0"),
        ]  # fmt: skip
        # Tuesday is a holiday, Saturday is worked in its place.
        world.take(
            close("2026-01-13", working_day=False), close("2026-01-16", working_day=True),
            close("2026-01-17", working_day=True),
        )  # fmt: skip
        world.put()
        assert rows(answers.complaints(), "complaint_id", "days", "working_days") == [("K1", 12, 9), ("K0", 8, 5)]

    def test_loans_by_customer_and_those_that_are_overdue(self, world: World, answers: Answers) -> None:
        def loan(kind: str, who: str, name: str, **fields: Any) -> dict[str, Any]:
            more = {"loan_id": name, "value_date": "2026-01-05", **fields}
            return record(kind, who, on="2026-01-05", event_id=f"{kind}-{who}-{name}", **more)

        lent = {"outstanding": 2**53 - 1, "currency": "CNY"}
        world.take(
            loan("loan_opened", "C2", "L1", **lent), loan("loan_opened", "C1", "L2", **lent),
            loan("loan_opened", "C1", "L1", **lent), loan("loan_classified", "C1", "L1", **{"class": "loss"}),
            loan("loan_overdue", "C2", "L1", amount=500, days_overdue=31),
            loan("loan_overdue", "C1", "L2", amount=700, days_overdue=2),
            loan("loan_repaid", "C1", "L2", amount=2**53 - 1, currency="CNY"),
        )  # fmt: skip
        world.put()
        assert rows(answers.loans(), "customer_id", "loan_id", "class", "outstanding", "days_overdue", "overdue") == [
            ("C1", "L1", "loss", 2**53 - 1, 0, 0), ("C1", "L2", "normal", 0, 2, 700),
            ("C2", "L1", "normal", 2**53 - 1, 31, 500),
        ]  # fmt: skip
        assert rows(answers.loans(), "overdue_on", "classified_on", "since") == [
            (None, "2026-01-05", "2026-01-05"), ("2026-01-05", None, "2026-01-05"), ("2026-01-05", None, "2026-01-05"),
        ]  # fmt: skip
        assert rows(answers.loans("C1"), "loan_id") == [("L1",), ("L2",)]
        assert rows(answers.loans(overdue=True), "customer_id", "loan_id") == [("C2", "L1")]

    @pytest.mark.parametrize("seed", [1, 2])
    def test_every_answer_is_that_of_a_file_told_all_at_once(
        self, world: World, answers: Answers, tmp_path: Path, seed: int
    ) -> None:
        world.begin()
        lines = list(stream.records(customers=20, days=100, seed=seed, malformed=True))
        for at in range(0, len(lines), 97 * seed):
            world.take(*lines[at : at + 97 * seed])
            if at % (3 + seed):
                world.put()
        world.put()
        rebuilt = world.rebuilt(tmp_path / "rebuilt")
        try:
            basis, last = rebuilt.basis(), rebuilt.basis().block
            asked = [(basis.closed_through - 40, None), (0, last // 2), (basis.closed_through - 60, last - 3)]
            customers = [row["customer_id"] for row in islice(rebuilt.tiers(), 0, 20, 7)] + ["nobody"]
            expected = dict(everything(rebuilt, customers, [rebuilt.moment(*when) for when in asked]))
            with answers.page():
                found = dict(everything(answers, customers, [answers.moment(*when) for when in asked]))
            assert found.keys() == expected.keys()
            for question, answer in expected.items():
                assert found[question] == answer, question
            assert sum(1 for answer in expected.values() if answer) > len(expected) / 2
            assert sum(answers.counts()["refused"].values()) > 10
        finally:
            rebuilt.discard()
