"""Days closing (DOMAIN §2): who closes what, in which order, and what every tier change says (CONTRACT §5)."""

import msgspec
import pytest

from aggregates import closing
from aggregates.dates import day_of, iso
from aggregates.policy import Level, Policies, Policy
from aggregates.shard import Shard
from aggregates.triggers.catalog import RULES
from events.decisions import DayClosed, DayClosing, Decision, PolicyActivated, TriggersActivated
from events.fields import MonthSum
from tests.dsl.bank import Bank, given, state_of
from tests.dsl.expect import LAPSED, ORDINARY, alert, at_month_close, vip
from tests.dsl.records import (
    close,
    closed_through,
    deposit,
    month,
    opened,
    stated,
    withdrawal,
)

TWO = Policy(sources=("core", "funds"))


# Closing days


def test_nothing_is_closed_before_the_first_close() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="900000.00"))
    assert (bank.shard.closed_through, bank.shard.first_month, bank.shard.open_day) == (0, 0, 0)


def test_a_first_close_closes_only_itself() -> None:
    bank = given(opened("C1", "A1", on="2025-11-01", balance="900000.00")).when(close("2026-01-15")).then()
    assert bank.shard.closed_through == day_of("2026-01-15")
    assert [line for line in bank.lines if isinstance(line, DayClosed)] == [DayClosed(date="2026-01-15")]


def test_the_first_month_is_evaluated_whole_with_what_was_brought_forward() -> None:
    bank = given(opened("C1", "A1", on="2025-11-20", balance="300000.00"), close("2026-01-15"))
    bank.when(closed_through("2026-01-31")).then(
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-01", "300000.00")])
    )


def test_a_first_close_on_the_last_day_of_a_month_closes_the_month() -> None:
    given(opened("C1", "A1", on="2026-01-31", balance="31000000.00")).when(close("2026-01-31")).then(
        at_month_close(1, "entered", ORDINARY, vip("platinum"), [month("2026-01", "1000000.00")])
    )


def test_days_that_were_skipped_are_closed_one_by_one_with_an_alert_each() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="300000.00"), close("2026-01-15"))
    bank.when(close("2026-03-02")).then(
        *(
            alert("day_skipped", source="core", event_id="close-core-2026-03-02", date=iso(day))
            for day in range(day_of("2026-01-16"), day_of("2026-03-02"))
        ),
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-01", "300000.00")]),
    )
    assert len([line for line in bank.lines if isinstance(line, DayClosed)]) == 1 + 46
    assert bank.shard.closed_through == day_of("2026-03-02")


def test_nothing_is_closed_until_every_required_source_has_closed_once() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="300000.00"), policies=[TWO])
    bank.when(close("2026-01-31"), close("2026-02-01")).then()
    assert bank.shard.closed_through == 0
    bank.when(close("2026-01-30", source="funds")).then()
    assert bank.shard.closed_through == day_of("2026-01-30")
    bank.when(close("2026-01-31", source="funds")).then(
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-01", "300000.00")])
    )


def test_the_slowest_source_decides_how_far_days_are_closed() -> None:
    bank = given(close("2026-01-10"), close("2026-01-10", source="funds"), policies=[TWO])
    bank.when(closed_through("2026-01-20")).then()
    assert bank.shard.closed_through == day_of("2026-01-10")
    bank.when(closed_through("2026-01-12", source="funds")).then()
    assert bank.shard.closed_through == day_of("2026-01-12")


def test_each_source_has_its_own_skipped_days() -> None:
    bank = given(close("2026-01-10"), close("2026-01-10", source="funds"), close("2026-01-11"), policies=[TWO])
    bank.when(close("2026-01-13", source="funds")).then(
        alert("day_skipped", source="funds", event_id="close-funds-2026-01-13", date="2026-01-11"),
        alert("day_skipped", source="funds", event_id="close-funds-2026-01-13", date="2026-01-12"),
    )


def test_a_close_of_a_source_that_is_not_required_moves_nothing() -> None:
    bank = given(close("2026-01-10"))
    bank.when(close("2026-01-31", source="cards")).then()
    assert bank.shard.closed_through == day_of("2026-01-10")


def test_a_close_below_the_source_s_highest_moves_nothing() -> None:
    bank = given(close("2026-01-10"), close("2026-01-13"))
    bank.when(close("2026-01-11")).then()
    assert bank.shard.closed_through == day_of("2026-01-13")


def test_the_source_of_the_first_close_is_required_where_the_policy_names_none() -> None:
    bank = given(close("2026-01-10", source="ledger"), close("2026-01-12"))
    assert bank.shard.closed_through == day_of("2026-01-10")
    bank.when(close("2026-01-11", source="ledger")).then()
    assert bank.shard.closed_through == day_of("2026-01-11")


@pytest.mark.parametrize("day", ["1900-01-01", "1900-01-31", "2999-12-30", "2999-12-31"])
def test_a_first_close_on_the_first_and_on_the_last_days_that_a_record_may_name(day: str) -> None:
    bank = given(opened("C1", "A1", on=day, balance="31000000.00")).when(close(day))
    ends_a_month = day in ("1900-01-31", "2999-12-31")
    text = day[:7]
    bank.then(*[at_month_close(1, "entered", ORDINARY, vip("platinum"), [month(text, "1000000.00")])] * ends_a_month)
    bank.when(stated("C1", "A1", "31000000.00", on=day)).then()


# The worked average (DOMAIN §3) and the worked table (DOMAIN §4)


def test_the_worked_month_average() -> None:
    bank = given(
        opened("C1", "A1", on="2026-04-01", balance="300000.00"), withdrawal("C1", "A1", "100000.00", on="2026-04-11")
    )
    bank.when(close("2026-04-30")).then(
        at_month_close(
            1,
            "entered",
            ORDINARY,
            vip("gold"),
            [msgspec.structs.replace(month("2026-04", "0.00"), sum=10 * 300_000_00 + 20 * 200_000_00)],
        )
    )


AVERAGES = {
    "2026-01": "2100000.00",
    "2026-02": "600000.00",
    "2026-03": "550000.00",
    "2026-04": "580000.00",
    "2026-05": "580000.00",
    "2026-06": "100000.00",
    "2026-07": "100000.00",
    "2026-08": "100000.00",
    "2026-09": "100000.00",
    "2026-10": "100000.00",
    "2026-11": "100000.00",
    "2026-12": "300000.00",
}
MONTHS = {text: month(text, average) for text, average in AVERAGES.items()}


def named(first: str, last: str) -> list[MonthSum]:
    return [each for text, each in MONTHS.items() if first <= text <= last]


def test_the_worked_table_of_a_year_with_every_field() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="2100000.00"))

    ends = {
        "2026-01": "31",
        "2026-02": "28",
        "2026-03": "31",
        "2026-04": "30",
        "2026-05": "31",
        "2026-06": "30",
        "2026-07": "31",
        "2026-08": "31",
        "2026-09": "30",
        "2026-10": "31",
        "2026-11": "30",
        "2026-12": "31",
    }
    expected = {
        "2026-01": [at_month_close(1, "entered", ORDINARY, vip("diamond"), named("2026-01", "2026-01"))],
        "2026-02": [
            at_month_close(2, "watch_started", vip("diamond"), vip("diamond"), named("2026-02", "2026-02"), watch=1)
        ],
        "2026-04": [at_month_close(3, "downgraded", vip("diamond"), vip("platinum"), named("2026-02", "2026-04"))],
        "2026-06": [
            at_month_close(
                4,
                "watch_started",
                vip("platinum"),
                vip("platinum"),
                named("2026-06", "2026-06"),
                watch=1,
                below_entry=1,
            )
        ],
        "2026-08": [
            at_month_close(5, "downgraded", vip("platinum"), vip("gold"), named("2026-06", "2026-08"), below_entry=3)
        ],
        "2026-11": [at_month_close(6, "lapsed", vip("gold"), LAPSED, named("2026-06", "2026-11"))],
        "2026-12": [at_month_close(7, "reentered", LAPSED, vip("gold"), named("2026-12", "2026-12"))],
    }
    for text, average in AVERAGES.items():
        change = int(average.replace(".", "")) - bank.spot()
        whole = f"{abs(change) // 100}.{abs(change) % 100:02d}"
        if change:
            bank.given((deposit if change > 0 else withdrawal)("C1", "A1", whole, on=f"{text}-01"))
        bank.when(closed_through(f"{text}-{ends[text]}")).then(*expected.get(text, []))
        tier = bank.tier()
        counters = {
            "2026-02": (1, 0),
            "2026-03": (2, 0),
            "2026-06": (1, 1),
            "2026-07": (2, 2),
            "2026-08": (0, 3),
            "2026-09": (0, 4),
            "2026-10": (0, 5),
        }
        assert (len(tier.watch), tier.below_entry) == counters.get(text, (0, 0))


def test_a_watch_cleared_and_an_upgrade_by_one_month() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01", balance="500000.00"), close("2026-01-31"))
    bank.given(withdrawal("C1", "A1", "1.00", on="2026-02-01"), closed_through("2026-02-28"))
    bank.given(deposit("C1", "A1", "1500001.00", on="2026-03-01"))
    march = [month("2026-03", "2000000.00")]
    bank.when(closed_through("2026-03-31")).then(
        at_month_close(3, "watch_cleared", vip("platinum"), vip("platinum"), march),
        at_month_close(4, "upgraded", vip("platinum"), vip("diamond"), march),
    )


def test_grace_that_runs_out_names_its_months() -> None:
    short = Policy(exit_months=1)
    bank = given(opened("C1", "A1", on="2026-01-01", balance="300000.00"), close("2026-01-31"), policies=[short])
    bank.given(withdrawal("C1", "A1", "300000.00", on="2026-02-01"))
    bank.when(closed_through("2026-02-28")).then(
        at_month_close(2, "lapsed", vip("gold"), LAPSED, [month("2026-02", "0.00")])
    )
    bank.when(closed_through("2026-03-31")).then()
    bank.when(closed_through("2026-04-30")).then(
        at_month_close(3, "exited", LAPSED, ORDINARY, [month("2026-03", "0.00"), month("2026-04", "0.00")])
    )


def test_customers_are_decided_on_in_the_order_they_came() -> None:
    bank = given(*(opened(each, "A1", on="2026-01-01", balance="300000.00") for each in ("C2", "C1", "C3")))
    months = [month("2026-01", "300000.00")]
    bank.when(close("2026-01-31")).then(
        *(at_month_close(1, "entered", ORDINARY, vip("gold"), months, customer_id=each) for each in ("C2", "C1", "C3"))
    )


def test_accounts_of_one_customer_count_together_and_in_all_categories() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="-50000.00"),
        *(
            opened("C1", category, category=category, on="2026-01-01", balance="50000.00")
            for category in ("wealth_product", "fund", "certificate_bond", "treasury_bond", "gold", "cts_margin")
        ),
    )
    bank.when(close("2026-01-31")).then(
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-01", "250000.00")])
    )


def test_a_close_cut_between_customers_goes_on_where_it_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(closing, "CUSTOMERS_A_STEP", 2)
    whole = given()
    whole.evolve(TriggersActivated(tuple(rule.code for rule in RULES)))
    whole.given(*(opened(f"C{n}", "A1", on="2026-01-01", balance="300000.00") for n in range(5)))
    cut = Shard(Policies([Policy()]))
    last = close("2026-01-31")
    for line in [*whole.lines, last]:
        cut.evolve(line)
    made: list[Decision] = []
    while cut.closing:
        for decision in closing.steps(cut):
            made.append(decision)
            if isinstance(decision, DayClosing):
                break
    whole.when(last)
    assert [line for line in whole.lines[1:] if isinstance(line, Decision)] == made
    assert [line.cursor for line in made if isinstance(line, DayClosing)] == [2, 4, 7, 9]
    assert state_of(cut) == whole.state()


# Policy versions


def test_each_month_is_decided_by_the_version_valid_on_its_first_day() -> None:
    old = Policy(version="old", ladder=(Level("gold", 200_000_00),))
    new = Policy(version="new", valid_from=day_of("2026-02-01"), ladder=(Level("gold", 100_000_00),))
    bank = given(opened("C1", "A1", on="2026-01-01", balance="150000.00"), policies=[old, new])
    bank.when(close("2026-01-31")).then()
    bank.when(closed_through("2026-02-28")).then(
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-02", "150000.00")], policy="new")
    )


def test_of_two_versions_valid_from_the_same_day_the_later_one_counts() -> None:
    first = Policy(version="first", ladder=(Level("gold", 200_000_00),))
    second = Policy(version="second", ladder=(Level("gold", 100_000_00),))
    bank = given(opened("C1", "A1", on="2026-01-01", balance="150000.00"), policies=[first, second])
    bank.when(close("2026-01-31")).then(
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-01", "150000.00")], policy="second")
    )


# A close far ahead of its source's latest one: a mistake rather than ten years of days to close


@pytest.mark.parametrize(("days", "is_taken"), [(3_660, True), (3_661, False)])
@pytest.mark.parametrize("source", ["core", "cards"])
def test_a_close_may_lie_3_660_days_after_the_latest_of_its_source(days: int, is_taken: bool, source: str) -> None:
    """`cards` is not required: what it closes first has no latest to be measured by."""
    ahead = close(iso(day_of("2026-01-15") + days), source=source)
    bank = given(close("2026-01-10"), close("2026-01-15", source=source))
    bank.when(ahead)
    if source == "cards":
        bank.then()
        assert bank.shard.closed_through == day_of("2026-01-10")
    elif is_taken:
        assert bank.shard.closed_through == day_of("2026-01-15") + days
        assert len(bank.decisions) == days - 1 + days  # days skipped, days closed
    else:
        bank.then_refused("bad_value", "date")
        assert bank.shard.closed_through == day_of("2026-01-15")


def test_a_first_close_of_a_source_may_lie_at_any_distance() -> None:
    bank = given(close("2026-01-10"), policies=[TWO]).when(close("2126-01-10", source="funds")).then()
    assert bank.shard.closed_through == day_of("2026-01-10")


def test_the_limit_of_a_close_is_measured_from_the_highest_date_and_not_from_the_last_close_taken() -> None:
    bank = given(close("2026-01-10"), close("2030-01-10"), close("2027-01-10"))
    bank.when(close(iso(day_of("2030-01-10") + 3_661))).then_refused("bad_value", "date")
    bank.when(close(iso(day_of("2030-01-10") + 3_660)))
    assert bank.shard.closed_through == day_of("2030-01-10") + 3_660


# Cold customers that a month end may pass by, and those it may not


def ordinary() -> Bank:
    """An ordinary customer far below the entry threshold, the first month open."""
    return given(close("2026-01-10"), opened("C1", "A1", on="2026-01-11", balance="1.00"))


def test_a_balance_too_late_for_this_month_counts_in_the_next() -> None:
    bank = ordinary().given(deposit("C1", "A1", "999999.00", on="2026-01-31"))
    bank.when(closed_through("2026-02-28")).then(
        at_month_close(1, "entered", ORDINARY, vip("platinum"), [month("2026-02", "1000000.00")])
    )


def test_money_that_will_have_come_and_gone_in_a_later_month_counts_there() -> None:
    bank = ordinary().given(
        deposit("C1", "A1", "999999.00", on="2026-02-01"), withdrawal("C1", "A1", "999999.00", on="2026-02-15")
    )
    bank.when(closed_through("2026-02-28")).then(
        at_month_close(1, "entered", ORDINARY, vip("platinum"), [month("2026-02", "1.00", extra_minor=14 * 999_999_00)])
    )


def test_a_lower_entry_of_a_new_policy_finds_customers_at_rest() -> None:
    lower = Policy(version="lower", valid_from=day_of("2026-03-01"), ladder=(Level("gold", 50),))
    bank = ordinary().given(closed_through("2026-02-10"))
    bank.evolve(PolicyActivated(version="lower", policy=msgspec.to_builtins(lower)))
    bank.when(closed_through("2026-03-31")).then(
        at_month_close(1, "entered", ORDINARY, vip("gold"), [month("2026-03", "1.00")], policy="lower")
    )
