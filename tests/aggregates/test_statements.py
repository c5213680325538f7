"""What a close compares: balances stated, accounts closed, control totals (DOMAIN §2, §3)."""

import pytest

from aggregates.dates import day_of
from aggregates.policy import Policy
from tests.dsl.bank import given
from tests.dsl.expect import ORDINARY, alert, at_month_close, totals_counted, vip
from tests.dsl.records import (
    close,
    closed,
    closed_through,
    deposit,
    month,
    opened,
    purchase,
    redeemed,
    reversal,
    stated,
    valued,
    withdrawal,
)

TWO = Policy(sources=("core", "funds"))


def test_a_stated_balance_that_is_ours_says_nothing() -> None:
    bank = given(opened("C1", "A1", on="2026-01-05", balance="10.00"), stated("C1", "A1", "10.00", on="2026-01-06"))
    bank.when(close("2026-01-06")).then()
    bank.when(stated("C1", "A1", "10.00", on="2026-01-05")).then()


def test_a_stated_balance_is_compared_when_its_day_closes() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-05", balance="10.00"),
        stated("C1", "A1", "12.00", on="2026-01-06", id="s1"),
        deposit("C1", "A1", "1.00", on="2026-01-06"),
        deposit("C1", "A1", "5.00", on="2026-01-07", at="2026-01-06"),
        close("2026-01-05"),
    )
    bank.when(close("2026-01-06")).then(
        alert(
            "balance_differs",
            customer_id="C1",
            account_id="A1",
            source="core",
            event_id="s1",
            date="2026-01-06",
            expected=1200,
            actual=1100,
        )
    )
    assert bank.tier().state == "ordinary"


@pytest.mark.parametrize(
    ("category", "months_later"),
    [("deposit", 0), ("deposit", 2), ("deposit", 20), ("fund", 0), ("fund", 2), ("fund", 20)],
)
def test_a_balance_stated_for_a_closed_day_is_compared_at_once(category: str, months_later: int) -> None:
    last = ["2026-01-31", "", "2026-03-31"][months_later] if months_later < 3 else "2027-09-30"
    bank = given(
        opened("C1", "A1", category=category, on="2026-01-01", balance="10.00"),
        deposit("C1", "A1", "5.00", on="2026-01-10"),
        deposit("C1", "A1", "7.00", on="2026-01-20"),
        close("2026-01-31"),
        closed_through(last),
        deposit("C1", "A1", "100.00", on="2027-10-01"),
    )
    bank.when(stated("C1", "A1", "15.00", on="2026-01-19")).then()
    bank.when(stated("C1", "A1", "22.00", on="2026-01-19", id="s2")).then(
        alert(
            "balance_differs",
            customer_id="C1",
            account_id="A1",
            source="core",
            event_id="s2",
            date="2026-01-19",
            expected=2200,
            actual=1500,
        )
    )


def test_a_balance_left_when_an_account_closes_is_an_alert_and_counts_on() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="300000.00"), closed("C1", "A1", on="2026-01-10", id="x1"))
    left = alert(
        "balance_left_at_closing",
        customer_id="C1",
        account_id="A1",
        source="core",
        event_id="x1",
        date="2026-01-10",
        expected=0,
        actual=300_000_00,
    )
    bank.when(close("2026-01-10")).then(left)
    bank.when(closed_through("2026-01-31")).then(
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-01", "300000.00")])
    )


def test_an_account_emptied_on_its_last_day_closes_in_silence() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="3.00"),
        closed("C1", "A1", on="2026-01-10"),
        withdrawal("C1", "A1", "3.00", on="2026-01-10"),
    )
    bank.when(close("2026-01-10")).then()


def test_a_closing_of_a_closed_day_is_checked_at_once() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="3.00"), close("2026-01-10"))
    bank.when(closed("C1", "A1", on="2026-01-09", id="x1")).then(
        alert(
            "balance_left_at_closing",
            customer_id="C1",
            account_id="A1",
            source="core",
            event_id="x1",
            date="2026-01-09",
            expected=0,
            actual=300,
        )
    )


def test_control_totals_count_what_moved_money_on_the_booking_day() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-10", balance="100.00"),  # 1: +100.00
        opened("C1", "A2", on="2026-01-10"),  # no effect
        opened("C1", "F1", category="fund", on="2026-01-10"),
        deposit("C1", "A1", "5.00", on="2026-01-10", id="d1"),  # 2: +5.00
        opened("C2", "A1", on="2026-01-01"),  # no effect
        deposit("C2", "A1", "7.00", on="2026-01-09", at="2026-01-10", booked_on="2026-01-10"),  # 3: +7.00
        deposit("C2", "A1", "9.00", on="2026-01-10", booked_on="2026-01-11"),  # the next day's
        deposit("C2", "A1", "9.00", on="2026-01-10", source="cards"),  # another source's
        purchase("C1", "F1", "20.00", on="2026-01-10", funded_from="A1"),  # 4: 0
        redeemed("C1", "F1", "12.00", on="2026-01-10", book="10.00", paid_to="A2"),  # 5: +2.00
        valued("C1", "F1", "50.00", on="2026-01-10"),  # not counted
        stated("C1", "A2", "12.00", on="2026-01-10"),
        reversal("C1", "d1", at="2026-01-10"),  # 6: -5.00
    )
    bank.when(close("2026-01-10", totals=(6, "109.00"))).then(totals_counted("2026-01-10", 6, 109_00, (6, 109_00)))


def test_totals_are_counted_when_every_source_has_closed_the_day() -> None:
    bank = given(opened("C1", "A1", on="2026-01-10", balance="100.00"), policies=[TWO])
    bank.when(close("2026-01-10", totals=(1, "100.00"))).then()
    bank.when(close("2026-01-10", source="funds", totals=(0, "0.00"))).then(
        totals_counted("2026-01-10", 1, 100_00, (1, 100_00)),
        totals_counted("2026-01-10", 0, 0, (0, 0), source="funds"),
    )


@pytest.mark.parametrize("slower", ["core", "funds"])
def test_totals_count_what_came_until_the_slower_source_closed_the_day(slower: str) -> None:
    """Control totals are of a source and a booking day, whenever it is that all required sources have closed it."""
    faster = "funds" if slower == "core" else "core"
    bank = given(
        opened("C1", "A1", on="2026-01-09", balance="100.00"),
        close("2026-01-09"),
        close("2026-01-09", source="funds"),
        deposit("C1", "A1", "1.00", on="2026-01-10", source=faster),
        policies=[TWO],
    )
    bank.when(close("2026-01-10", source=faster, totals=(2, "3.00")), close("2026-01-11", source=faster)).then()
    bank.given(deposit("C1", "A1", "2.00", on="2026-01-10", source=faster))
    bank.when(close("2026-01-10", source=slower)).then(totals_counted("2026-01-10", 2, 3_00, (2, 3_00), source=faster))
    assert bank.shard.closed_through == day_of("2026-01-10")
    bank.when(close("2026-01-11", source=slower)).then()


def test_totals_of_days_that_pass_at_once_are_counted_as_each_day_closes() -> None:
    bank = given(opened("C1", "A1", on="2026-01-09"), close("2026-01-09"), close("2026-01-09", source="funds"),
                 policies=[TWO])  # fmt: skip
    bank.given(
        deposit("C1", "A1", "1.00", on="2026-01-10"),
        close("2026-01-10", totals=(1, "1.00")),
        deposit("C1", "A1", "5.00", on="2026-01-11"),
        close("2026-01-11", totals=(1, "6.00")),
        close("2026-01-12", totals=(0, "0.00")),
    )
    bank.when(close("2026-01-11", source="funds", totals=(0, "0.00"))).then(
        alert("day_skipped", source="funds", event_id="close-funds-2026-01-11", date="2026-01-10"),
        totals_counted("2026-01-10", 1, 1_00, (1, 1_00)),
        totals_counted("2026-01-11", 1, 5_00, (1, 6_00)),
        totals_counted("2026-01-11", 0, 0, (0, 0), source="funds"),
    )
    bank.when(close("2026-01-12", source="funds")).then(totals_counted("2026-01-12", 0, 0, (0, 0)))


def test_totals_of_a_close_that_moves_nothing_are_counted_at_once() -> None:
    bank = given(opened("C1", "A1", on="2026-01-10", balance="100.00"), close("2026-01-10"), close("2026-01-12"))
    bank.when(close("2026-01-11", totals=(3, "1.00"))).then(totals_counted("2026-01-11", 0, 0, (3, 1_00)))
    bank.when(close("2026-01-10", source="cards", totals=(0, "0.00"))).then(
        totals_counted("2026-01-10", 0, 0, (0, 0), source="cards")
    )
