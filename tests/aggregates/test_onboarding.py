"""Customers brought forward from before the log (CONTRACT §1, customer_brought_forward)."""

from typing import Any

import pytest

from aggregates.policy import Level, Policy
from events.decisions import Tier
from events.fields import MonthSum
from tests.dsl.bank import Bank, given
from tests.dsl.expect import LAPSED, ORDINARY, alert, at_month_close, core, special, tier_changed, vip
from tests.dsl.records import brought, close, closed_through, deposit, granted, month, opened, revoked

NOVEMBER, DECEMBER, JANUARY = (month(text, "100000.00") for text in ("2025-11", "2025-12", "2026-01"))


def after(state: str, *more: Any, balance: str = "0.00", **fields: Any) -> Bank:
    """A customer brought forward at the end of 2025 whose January ends with a balance, days closed up to 30 January."""
    return given(
        brought("C1", state, on="2025-12-31", **fields),
        opened("C1", "A1", on="2026-01-01", balance=balance),
        *more,
        close("2026-01-30"),
    )


LAST = close("2026-01-31")


# Every state and what comes of it


def test_an_ordinary_customer_enters_as_any_other() -> None:
    after("ordinary", balance="300000.00").when(LAST).then(
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-01", "300000.00")])
    )


def test_a_vip_holds() -> None:
    bank = after("vip", level="gold", below_entry=3, balance="200000.00")
    bank.when(LAST).then()
    assert bank.tier() == Tier("vip", "gold")


def test_a_watch_goes_on_and_the_downgrade_names_the_months_that_were_brought() -> None:
    bank = after(
        "vip",
        level="diamond",
        watch=["platinum", None],
        below_entry=1,
        balance="100000.00",
        months=[NOVEMBER, DECEMBER],
    )
    bank.when(LAST).then(
        at_month_close(1, "downgraded", vip("diamond"), vip("platinum"), [NOVEMBER, DECEMBER, JANUARY], below_entry=2)
    )


def test_months_that_were_not_brought_are_left_out() -> None:
    bank = after(
        "vip", level="diamond", watch=["platinum", None], below_entry=1, balance="100000.00", months=[NOVEMBER]
    )
    bank.when(LAST).then(
        at_month_close(1, "downgraded", vip("diamond"), vip("platinum"), [NOVEMBER, JANUARY], below_entry=2)
    )


def test_months_are_named_ascending_in_whatever_order_they_were_brought() -> None:
    bank = after(
        "vip",
        level="diamond",
        watch=["platinum", None],
        below_entry=1,
        balance="100000.00",
        months=[DECEMBER, NOVEMBER],
    )
    bank.when(LAST).then(
        at_month_close(1, "downgraded", vip("diamond"), vip("platinum"), [NOVEMBER, DECEMBER, JANUARY], below_entry=2)
    )


def test_a_watch_is_cleared() -> None:
    after("vip", level="platinum", watch=["gold"], balance="500000.00").when(LAST).then(
        at_month_close(1, "watch_cleared", vip("platinum"), vip("platinum"), [month("2026-01", "500000.00")])
    )


def test_months_below_entry_go_on_to_the_exit() -> None:
    months = [month(f"2025-{number:02d}", "5.00") for number in range(8, 13)]
    after("vip", level="gold", below_entry=5, months=months, balance="5.00").when(LAST).then(
        at_month_close(1, "lapsed", vip("gold"), LAPSED, [*months, month("2026-01", "5.00")])
    )


@pytest.mark.parametrize(("grace_left", "kinds"), [(1, [("exited", ["2025-12", "2026-01"])]), (2, [])])
def test_grace_goes_on(grace_left: int, kinds: list[tuple[str, list[str]]]) -> None:
    bank = after("lapsed", grace_left=grace_left, balance="100000.00", months=[NOVEMBER, DECEMBER]).when(LAST)
    known = {"2025-12": DECEMBER, "2026-01": JANUARY}
    bank.then(*(at_month_close(1, kind, LAPSED, ORDINARY, [known[each] for each in named]) for kind, named in kinds))
    assert bank.tier() == (Tier() if kinds else Tier("lapsed", grace_left=1))


def test_a_lapsed_customer_reenters() -> None:
    after("lapsed", grace_left=1, balance="200000.01").when(LAST).then(
        at_month_close(1, "reentered", LAPSED, vip("gold"), [month("2026-01", "200000.01")])
    )


def test_a_special_ends_by_date() -> None:
    bank = after("special", level="diamond", until="2026-01-31", balance="300000.00")
    bank.when(LAST).then(
        tier_changed(
            1,
            "special_ended",
            special("diamond", "2026-01-31"),
            vip("gold"),
            decided="2026-01-31",
            effective="2026-02-01",
            months=[month("2026-01", "300000.00")],
        )
    )


def test_a_special_converts() -> None:
    after("special", level="gold", until="2026-10-31", balance="300000.00").when(LAST).then(
        at_month_close(1, "special_ended", special("gold", "2026-10-31"), vip("gold"), [month("2026-01", "300000.00")])
    )


def test_a_special_may_be_granted_to_a_customer_brought_forward() -> None:
    bank = after("ordinary").when(granted("C1", "gold", on="2026-01-31", id="g1"))
    assert bank.tier().state == "special"


def test_the_tier_before_the_first_month_is_where_a_restatement_starts() -> None:
    bank = after("vip", level="gold", below_entry=4, balance="10.00", months=[DECEMBER]).given(LAST)
    assert bank.tier() == Tier("vip", "gold", (), 5)
    bank.given(closed_through("2026-02-28"))
    assert bank.tier() == Tier("lapsed", grace_left=2)
    bank.given(deposit("C1", "A1", "200000.00", on="2026-01-01", id="late"))
    bank.when(close("2026-03-01")).then(
        tier_changed(
            2,
            "restated",
            LAPSED,
            vip("gold"),
            decided="2026-03-01",
            effective="2026-03-02",
            closed_month="2026-02",
            months=[month("2026-01", "200010.00"), month("2026-02", "200010.00")],
            cause=[core("late")],
        )
    )
    assert bank.tier() == Tier("vip", "gold")


# When it may come


def test_it_may_come_while_the_first_month_is_open() -> None:
    bank = given(close("2026-01-10"), closed_through("2026-01-30"))
    bank.when(brought("C1", "vip", level="gold", on="2025-12-31")).then()


def test_it_comes_too_late_once_the_first_month_is_closed() -> None:
    bank = given(close("2026-01-31"))
    bank.when(brought("C1", "vip", level="gold", on="2025-12-31")).then_refused("value_date_too_old", "value_date")


def test_it_must_be_the_customer_s_first_record_of_the_topic() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01"))
    bank.when(brought("C1", "ordinary", on="2025-12-31")).then_refused("not_first_record", "customer_id")


def test_it_cannot_come_twice() -> None:
    bank = given(brought("C1", "ordinary", on="2025-12-31"))
    bank.when(brought("C1", "vip", level="gold", on="2025-12-31")).then_refused("not_first_record", "customer_id")


@pytest.mark.parametrize("record", [granted("C1", "gold", on="2026-01-02"), revoked("C1", on="2026-01-02")])
@pytest.mark.parametrize("before", [[], [close("2026-01-10")]])
def test_it_must_come_before_any_special_record(record: Any, before: list[Any]) -> None:
    bank = given(before, record)
    bank.when(brought("C1", "ordinary", on="2025-12-31")).then_refused("not_first_record", "customer_id")


@pytest.mark.parametrize("on", ["2025-12-30", "2026-01-01", "2024-02-28"])
def test_it_must_end_a_month(on: str) -> None:
    given().when(brought("C1", "ordinary", on=on)).then_refused("bad_value", "value_date")


def test_it_may_not_lie_in_the_future() -> None:
    given().when(brought("C1", "ordinary", on="2025-12-31", at="2025-12-29")).then_refused(
        "value_date_in_future", "value_date"
    )


@pytest.mark.parametrize("on", ["2025-11-30", "2026-01-31"])
@pytest.mark.parametrize("is_first_close_ahead", [True, False])
def test_another_month_than_the_one_before_the_first_is_an_alert(on: str, is_first_close_ahead: bool) -> None:
    first, record = close("2026-01-10"), brought("C1", "ordinary", on=on, id="b1")
    expected = alert(
        "brought_forward_not_next_month",
        customer_id="C1",
        source="core",
        event_id="b1",
        date=on,
        expected="2026-01",
        actual={"2025-11-30": "2025-12", "2026-01-31": "2026-02"}[on],
    )
    given().when(*((first, record) if is_first_close_ahead else (record, first))).then(expected)


# States that cannot be


@pytest.mark.parametrize(
    ("state", "fields", "reason", "field"),
    [
        ("vip", {}, "bad_value", "level"),
        ("vip", {"level": "bronze"}, "bad_value", "level"),
        ("vip", {"level": "gold", "watch": [None]}, "bad_value", "watch"),
        ("vip", {"level": "platinum", "watch": ["platinum"]}, "bad_value", "watch"),
        ("vip", {"level": "platinum", "watch": ["bronze"]}, "bad_value", "watch"),
        ("vip", {"level": "diamond", "watch": ["gold", "gold", "gold"]}, "bad_value", "watch"),
        ("vip", {"level": "diamond", "watch": ["gold", None]}, "bad_value", "below_entry"),
        ("vip", {"level": "diamond", "watch": ["gold", None], "below_entry": 2}, "bad_value", "below_entry"),
        ("vip", {"level": "diamond", "watch": [None, "gold"], "below_entry": 1}, "bad_value", "below_entry"),
        ("vip", {"level": "diamond", "watch": [None, None], "below_entry": 1}, "bad_value", "below_entry"),
        ("vip", {"level": "gold", "below_entry": 6}, "bad_value", "below_entry"),
        ("vip", {"level": "gold", "grace_left": 1}, "bad_value", "grace_left"),
        ("vip", {"level": "gold", "until": "2026-05-01"}, "bad_value", "until"),
        ("lapsed", {}, "bad_value", "grace_left"),
        ("lapsed", {"grace_left": 3}, "bad_value", "grace_left"),
        ("lapsed", {"grace_left": 1, "level": "gold"}, "bad_value", "level"),
        ("lapsed", {"grace_left": 1, "below_entry": 1}, "bad_value", "below_entry"),
        ("special", {"level": "gold"}, "missing_field", "until"),
        ("special", {"until": "2026-05-01"}, "bad_value", "level"),
        ("special", {"level": "gold", "until": "2025-12-31"}, "bad_value", "until"),
        ("special", {"level": "gold", "until": "2026-05-01", "watch": [None]}, "bad_value", "watch"),
        ("ordinary", {"level": "gold"}, "bad_value", "level"),
        ("ordinary", {"below_entry": 1}, "bad_value", "below_entry"),
        ("ordinary", {"months": [DECEMBER, DECEMBER]}, "bad_value", "months.month"),
        ("ordinary", {"months": [month("2026-01", "1.00")]}, "bad_value", "months.month"),
        ("ordinary", {"months": [MonthSum(month="2025-12", sum=1, days=30)]}, "bad_value", "months.days"),
    ],
)
def test_a_state_the_machine_cannot_be_in_is_refused(
    state: str, fields: dict[str, Any], reason: str, field: str
) -> None:
    given().when(brought("C1", state, on="2025-12-31", **fields)).then_refused(reason, field)


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("vip", {"level": "gold", "below_entry": 5}),
        ("vip", {"level": "diamond", "watch": [None, None], "below_entry": 5}),
        ("vip", {"level": "diamond", "watch": ["gold", None], "below_entry": 1}),
        ("vip", {"level": "diamond", "watch": [None, "platinum"]}),
        ("vip", {"level": "platinum", "below_entry": 2}),  # downgraded with its count going on
        ("lapsed", {"grace_left": 2}),
        ("special", {"level": "private", "until": "2026-01-01"}),
        ("ordinary", {"below_entry": 0, "watch": []}),
    ],
)
def test_a_state_the_machine_can_be_in_is_taken(state: str, fields: dict[str, Any]) -> None:
    bank = given().when(brought("C1", state, on="2025-12-31", **fields)).then()
    assert bank.tier().state == state


def test_levels_and_windows_are_those_of_the_first_month_s_policy() -> None:
    old = Policy(version="old", ladder=(Level("iron", 1_00),), exit_months=2)
    new = Policy(version="new", valid_from=737_791, ladder=(Level("gold", 1_00),))  # 2021-01-01
    given(policies=[old, new]).when(brought("C1", "vip", level="gold", below_entry=5, on="2020-12-31")).then()
    given(policies=[old, new]).when(brought("C1", "vip", level="gold", on="2020-11-30")).then_refused(
        "bad_value", "level"
    )
