"""Worked examples of DOMAIN on the model itself: it must be right before anything is compared with it."""

from datetime import date
from typing import Any

import pytest

from tests.model.core import Core, started
from tests.model.months import months_between

SMALL: dict[str, Any] = {
    "version": "small",
    "levels": [{"code": "gold", "threshold": "1000.00"}, {"code": "platinum", "threshold": "2500.00"}],
    "windows": {"watch_months": 2, "exit_months": 3, "grace_months": 1, "restatement_months": 3},
}


# --- averages and balances (DOMAIN §3) -------------------------------------------------------------------------------


def test_worked_month_average() -> None:
    core = Core({})
    core.opened("2025-04-01", 30_000_000)
    core.money("withdrawal", "2025-04-11", 10_000_000)
    assert core.bank.month_sum("C1", "2025-04") == 10 * 30_000_000 + 20 * 20_000_000
    assert core.bank.spot("C1") == 20_000_000


def test_a_purchase_up_to_the_day_of_a_valuation_is_absorbed() -> None:
    core = Core({})
    core.opened("2025-04-01")
    core.valued("2025-04-10", 700)
    core.money("product_purchased", "2025-04-12", 500, value_date="2025-04-10")
    core.money("product_purchased", "2025-04-12", 500, value_date="2025-04-08")
    core.money("product_purchased", "2025-04-12", 40, value_date="2025-04-11")
    balances = [core.bank.end_of_day("C1", "A1", date(2025, 4, day)) for day in (7, 8, 9, 10, 11)]
    assert balances == [0, 500, 500, 700, 740]


def test_of_two_valuations_of_a_day_the_later_in_the_log_counts_until_it_is_reversed() -> None:
    core = Core({})
    core.opened("2025-04-01", 9)
    for value in (500, 300):
        core.valued("2025-04-03", value, value_date="2025-04-02")
    assert core.bank.spot("C1") == 300
    assert core.send("reversal", "2025-04-03", reverses={"event_id": "e3"}) is None
    assert core.bank.spot("C1") == 500


def test_value_dates_before_the_first_month_count_as_its_first_day() -> None:
    core = Core({})
    core.opened("2024-06-15", 100)
    core.close("2025-04-10")
    assert core.bank.first_month == "2025-04"
    assert core.bank.month_sum("C1", "2025-04") == 3000
    with pytest.raises(ValueError, match="2025-03"):
        core.bank.month_sum("C1", "2025-03")


def test_all_that_lies_before_the_first_month_is_one_day() -> None:
    core = Core({})
    core.opened("2024-06-15", 100)
    core.valued("2024-07-01", 700)
    core.money("deposit", "2024-08-01", 50)
    assert core.bank.spot("C1") == 750
    core.close("2025-04-10")
    assert core.bank.spot("C1") == 700  # within a date the valuation comes last
    assert core.bank.month_sum("C1", "2025-04") == 30 * 700


def test_both_legs_move_and_both_come_back() -> None:
    core = Core({})
    core.opened("2025-04-01", 1000)
    core.opened("2025-04-01", account_id="F1", category="fund")
    core.money("product_purchased", "2025-04-02", 600, account_id="F1", funded_from="A1")
    assert core.bank.spot_by_account("C1") == {"A1": 400, "F1": 600}
    core.money("product_redeemed", "2025-04-03", 650, account_id="F1", book=600, paid_to="A1")
    assert core.bank.spot_by_account("C1") == {"A1": 1050, "F1": 0}
    core.send("reversal", "2025-04-03", reverses={"event_id": "e4"})
    assert core.bank.spot_by_account("C1") == {"A1": 400, "F1": 600}


# --- the tier machine (DOMAIN §4) ------------------------------------------------------------------------------------


def test_worked_ladder_year() -> None:
    core = started({})
    tens = [210, 60, 55, 58, 58, 10, 10, 10, 10, 10, 10, 30]
    rows = []
    for month, average in zip(months_between("2025-01", "2025-12"), tens, strict=True):
        core.average(month, average * 1_000_000)
        row = core.bank.tier_row("C1")
        rows.append((row["state"], row["level"], row["watch"], row["below_entry"], row["grace_left"]))
    assert rows == [
        ("vip", "diamond", 0, 0, 0),
        ("vip", "diamond", 1, 0, 0),
        ("vip", "diamond", 2, 0, 0),
        ("vip", "platinum", 0, 0, 0),
        ("vip", "platinum", 0, 0, 0),
        ("vip", "platinum", 1, 1, 0),
        ("vip", "platinum", 2, 2, 0),
        ("vip", "gold", 0, 3, 0),
        ("vip", "gold", 0, 4, 0),
        ("vip", "gold", 0, 5, 0),
        ("lapsed", None, 0, 0, 2),
        ("vip", "gold", 0, 0, 0),
    ]
    changes = core.bank.tier_changes("C1")
    kinds = ["entered", "watch_started", "downgraded", "watch_started", "downgraded", "lapsed", "reentered"]
    assert [one["kind"] for one in changes] == kinds
    assert changes[2] == {
        "id": "C1:3",
        "sequence": 3,
        "customer_id": "C1",
        "kind": "downgraded",
        "closed_month": "2025-04",
        "effective_date": "2025-05-01",
        "before": {"state": "vip", "level": "diamond", "until": None},
        "after": {"state": "vip", "level": "platinum", "until": None},
        "watch": 0,
        "below_entry": 0,
        "months": [
            {"month": "2025-02", "sum": 60_000_000 * 28, "days": 28},
            {"month": "2025-03", "sum": 55_000_000 * 31, "days": 31},
            {"month": "2025-04", "sum": 58_000_000 * 30, "days": 30},
        ],
        "policy_version": "default-1",
        "decided_at": "2025-04-30",
        "cause": None,
    }
    assert [one["month"] for one in changes[5]["months"]] == months_between("2025-06", "2025-11")
    assert changes[4]["below_entry"] == 3


def test_entering_is_strict_and_holding_is_not() -> None:
    core = started({})
    core.average("2025-01", 20_000_000)
    assert core.kinds() == []
    core.average("2025-02", 20_000_001)
    core.average("2025-03", 20_000_000)
    assert core.kinds() == ["entered"]
    assert core.bank.tier_row("C1")["below_entry"] == 0


def test_a_watch_is_cleared_before_the_upgrade() -> None:
    core = started(SMALL | {"levels": [*SMALL["levels"], {"code": "diamond", "threshold": "9000.00"}]})
    for month, average in (("2025-01", 300_000), ("2025-02", 200_000), ("2025-03", 900_000)):
        core.average(month, average)
    assert core.kinds() == ["entered", "watch_started", "watch_cleared", "upgraded"]
    levels = [one["after"]["level"] for one in core.bank.tier_changes("C1")]
    assert levels == ["platinum", "platinum", "platinum", "diamond"]


def test_lapsed_leaves_after_the_grace_months() -> None:
    core = started(SMALL)
    for month, average in zip(months_between("2025-01", "2025-05"), (100_001, 0, 0, 0, 100_000), strict=True):
        core.average(month, average)
    assert core.kinds() == ["entered", "lapsed", "exited"]
    assert [one["month"] for one in core.last()["months"]] == ["2025-05"]


def test_each_month_is_judged_by_the_version_valid_on_its_first_day() -> None:
    later = SMALL | {"version": "later", "valid_from": date(2025, 2, 1)}
    levels = [{"code": "gold", "threshold": "1.00"}, {"code": "platinum", "threshold": "2.00"}]
    core = started(SMALL, later | {"levels": levels})
    core.average("2025-01", 5000)
    core.average("2025-02", 5000)
    (change,) = core.bank.tier_changes("C1")
    assert (change["after"]["level"], change["policy_version"]) == ("platinum", "later")


# --- late records (DOMAIN §4) ----------------------------------------------------------------------------------------


def test_a_late_record_restates_and_the_machine_runs_again_at_the_next_close() -> None:
    core = started(SMALL)
    core.average("2025-01", 100_001)
    core.average("2025-02", 100_001)
    core.money("fee_charged", "2025-03-05", 2, value_date="2025-01-31", event_id="late")
    cause = {"source": "core", "event_id": "late"}
    assert core.bank.restatements == [
        ("C1", "2025-01", 3_100_031, 3_100_029, cause),
        ("C1", "2025-02", 2_800_028, 2_799_972, cause),
    ]
    assert core.kinds() == ["entered"]  # not before the next close
    core.close("2025-03-05")
    core.close("2025-03-06")
    assert core.kinds() == ["entered"]  # entered by 29 fen over in January; February adds to below_entry only
    assert core.bank.tier_row("C1")["below_entry"] == 1
    core.money("fee_charged", "2025-03-07", 1, value_date="2025-01-01", event_id="later")
    core.close("2025-03-07")
    assert core.kinds() == ["entered", "restated"]
    restated = core.last()
    assert restated["after"] == {"state": "ordinary", "level": None, "until": None}
    assert (restated["closed_month"], restated["effective_date"]) == ("2025-02", "2025-03-08")
    assert restated["cause"] == [{"source": "core", "event_id": "later"}]
    assert [one["sum"] for one in restated["months"]] == [3_099_998, 2_799_944]


def test_the_window_of_restatement() -> None:
    core = started(SMALL)
    for month in months_between("2025-01", "2025-06"):
        core.average(month, 0)
    assert core.money("deposit", "2025-07-02", 1, value_date="2025-03-31") == "value_date_too_old"
    assert core.opened("2025-07-02", 1, account_id="A2", value_date="2025-03-31") == "value_date_too_old"
    assert core.opened("2025-07-02", 0, account_id="A2", value_date="2025-03-31") is None
    assert core.money("deposit", "2025-07-02", 1, value_date="2025-04-01") is None
    assert [month for _, month, *_ in core.bank.restatements] == ["2025-04", "2025-05", "2025-06"]


def test_a_late_purchase_that_is_absorbed_restates_the_days_before_only() -> None:
    core = started(SMALL)
    core.valued("2025-01-31", 500, value_date="2025-01-31")
    core.close("2025-02-28")
    core.money("product_purchased", "2025-03-01", 40, value_date="2025-01-30")
    core.money("product_purchased", "2025-03-01", 40, value_date="2025-01-31")
    assert [(month, after - before) for _, month, before, after, _ in core.bank.restatements] == [("2025-01", 40)]


def test_of_several_records_with_an_id_the_one_taken_last_is_reversed() -> None:
    core = started(SMALL)
    core.money("deposit", "2025-01-02", 700, event_id="d1")
    core.money("deposit", "2025-02-02", 30, event_id="d1")
    assert core.send("reversal", "2025-02-03", reverses={"event_id": "d1"}) is None
    assert core.bank.spot("C1") == 700
    assert core.send("reversal", "2025-02-03", reverses={"event_id": "d1"}) == "already_reversed"


def test_reversals_and_their_refusals() -> None:
    core = started(SMALL)
    core.money("deposit", "2025-01-02", 700, event_id="d1")
    assert core.send("reversal", "2025-01-03", reverses={"event_id": "nobody"}) == "reversal_unknown"
    assert core.send("reversal", "2025-01-03", source="funds", reverses={"event_id": "d1"}) == "reversal_unknown"
    assert core.send("reversal", "2025-01-03", reverses={"event_id": "e1"}) == "bad_value"
    named = {"event_id": "d1", "source": "core"}
    assert core.send("reversal", "2025-01-03", source="funds", reverses=named, customer_id="C2") == "reversal_unknown"
    assert core.send("reversal", "2025-01-03", source="funds", reverses=named) is None
    assert core.send("reversal", "2025-01-03", reverses={"event_id": "d1"}) == "already_reversed"
    assert core.bank.spot("C1") == 0


# --- special VIP (DOMAIN §4) -----------------------------------------------------------------------------------------


def grant(core: Core, on: str, level: str = "gold", **fields: Any) -> str | None:
    """A grant of special VIP."""
    content = {"level": level, "reason": "asked for", "granted_by": "E1", "value_date": on}
    return core.send("special_vip_granted", on, **(content | fields))


def test_a_grant_takes_effect_when_taken_and_ends_the_day_after_until() -> None:
    core = started(SMALL, on="2024-02-28")
    grant(core, "2024-02-29", event_id="g1")
    change = core.last()
    assert (change["kind"], change["effective_date"]) == ("special_granted", "2024-02-29")
    assert change["decided_at"] == "2024-02-29"
    assert change["after"] == {"state": "special", "level": "gold", "until": "2025-02-28"}
    assert (change["months"], change["closed_month"]) == ([], None)
    assert change["cause"] == [{"source": "core", "event_id": "g1"}]
    core.close("2025-02-27")
    assert core.kinds() == ["special_granted"]
    core.close("2025-02-28")
    ended = core.last()
    assert (ended["kind"], ended["effective_date"], ended["closed_month"]) == ("special_ended", "2025-03-01", None)
    assert ended["months"] == [{"month": "2025-02", "sum": 0, "days": 28}]
    assert ended["cause"] is None


def test_a_grant_may_take_effect_tomorrow() -> None:
    core = started(SMALL)
    grant(core, "2025-01-02", value_date="2025-01-03")
    assert core.bank.tier_row("C1")["state"] == "special"
    assert (core.last()["effective_date"], core.last()["decided_at"]) == ("2025-01-03", "2025-01-02")


def test_grants_before_the_first_close_are_decided_with_it() -> None:
    core = Core(SMALL)
    core.opened("2025-01-01")
    grant(core, "2025-01-05", value_date="2024-12-01")
    assert core.kinds() == []
    core.close("2025-01-10")
    change = core.last()
    assert (change["effective_date"], change["decided_at"]) == ("2025-01-10", "2025-01-10")
    assert change["after"]["until"] == "2025-12-01"


def test_a_month_above_the_special_level_converts() -> None:
    core = started(SMALL)
    grant(core, "2025-01-02", "platinum")
    core.average("2025-01", 200_000)
    assert core.kinds() == ["special_granted"]
    core.average("2025-02", 250_000)
    assert core.kinds() == ["special_granted", "special_ended"]
    assert core.last()["closed_month"] == "2025-02"
    assert core.last()["after"] == {"state": "vip", "level": "platinum", "until": None}


def test_a_revocation_shortens_and_is_the_cause_of_the_end() -> None:
    core = started(SMALL)
    grant(core, "2025-01-02")
    core.average("2025-01", 100_001)
    grant(core, "2025-02-02", "platinum")
    assert core.alerts()[-1] == "special_for_vip"
    core.average("2025-02", 0)
    core.average("2025-03", 0)
    core.average("2025-04", 0)
    assert core.bank.tier_row("C1")["state"] == "lapsed"
    grant(core, "2025-05-02")
    core.send("special_vip_revoked", "2025-05-03", reason="left", value_date="2025-01-01", event_id="r1")
    assert core.bank.tier_row("C1")["until"] == "2025-05-01"
    core.close("2025-05-01")
    assert core.last()["after"]["state"] == "ordinary"
    assert core.last()["effective_date"] == "2025-05-02"
    assert core.last()["cause"] == [{"source": "core", "event_id": "r1"}]


def test_grants_are_replayed_in_place() -> None:
    core = started(SMALL)
    core.average("2025-01", 100_001)
    grant(core, "2025-02-10")
    core.average("2025-02", 0)
    core.money("fee_charged", "2025-03-01", 1000, value_date="2025-01-01")
    core.close("2025-03-01")
    assert core.kinds() == ["entered", "restated"]
    assert core.last()["after"] == {"state": "special", "level": "gold", "until": "2026-02-10"}


def test_a_grant_that_ran_out_or_of_no_level() -> None:
    core = started(SMALL, on="2025-01-31")
    assert grant(core, "2025-02-01", value_date="2024-01-31") == "value_date_too_old"
    assert grant(core, "2025-02-01", "copper") == "bad_value"
    assert grant(core, "2025-02-01", value_date="2024-02-01") is None


# --- identity, refusals, alerts (DOMAIN §2–3) ------------------------------------------------------------------------


def test_identity() -> None:
    core = Core(SMALL)
    core.opened("2025-01-01")
    for _ in range(2):
        outcome = core.money("deposit", "2025-01-02", 5, event_id="d1")
    assert outcome == "duplicate"
    assert core.money("deposit", "2025-01-02", 6, event_id="d1") == "id_reused_with_other_content"
    assert core.money("deposit", "2025-02-02", 6, event_id="d1") is None  # another month: another record
    assert core.money("deposit", "2025-01-02", 1, event_id="d2", account_id="A9") == "account_unknown"
    core.opened("2025-01-01", account_id="A9")
    assert core.money("deposit", "2025-01-02", 1, event_id="d2", account_id="A9") is None  # refused: no identity left


def test_account_words() -> None:
    core = started(SMALL)
    assert core.opened("2025-01-05") == "account_exists"
    assert core.money("deposit", "2025-01-05", 1, value_date="2024-12-31") == "account_unknown"
    assert core.money("deposit", "2025-01-05", 1, customer_id="C2") == "account_unknown"
    assert core.money("deposit", "2025-01-05", 1, currency="USD") == "currency_unsupported"
    assert core.money("deposit", "2025-01-05", 1, value_date="2025-01-07") == "value_date_in_future"
    assert core.money("deposit", "2025-01-05", 1, value_date="2025-01-06") is None
    assert core.send("account_closed", "2025-01-07", account_id="A1", value_date="2025-01-07") is None
    assert core.money("deposit", "2025-01-08", 1) == "account_closed"
    assert core.money("deposit", "2025-01-08", 1, value_date="2025-01-07") is None
    assert core.alerts() == []
    core.close("2025-01-07")
    (alert,) = [one for one in core.bank.alerts if one["kind"] == "balance_left_at_closing"]
    assert (alert["account_id"], alert["expected"], alert["actual"]) == ("A1", 0, 2)


def test_stated_balances_and_valuations() -> None:
    core = started(SMALL)
    core.money("deposit", "2025-01-02", 10)
    for balance in (10, 11):
        stated: dict[str, Any] = {"account_id": "A1", "balance": balance, "currency": "CNY", "value_date": "2025-01-02"}
        core.send("balance_stated", "2025-01-02", **stated)
    assert core.valued("2025-01-02", 152, units="1.5", price="1.00") == "valuation_inconsistent"
    assert core.send("account_linked", "2025-01-02", account_id="A1") == "type_not_active"
    core.close("2025-01-02")
    assert [(one["expected"], one["actual"]) for one in core.bank.alerts] == [(11, 10)]
    assert core.valued("2025-01-02", 151, units="1.5", price="1.00") is None


def test_a_month_has_to_be_closed_by_all_required_sources() -> None:
    core = Core(SMALL | {"calendar": {"sources": ["core", "funds"]}})
    core.close("2025-01-30")
    core.close("2025-01-31")
    core.close("2025-02-28", source="cards")
    assert core.closed() == (None, None, None)
    core.close("2025-01-30", source="funds")
    assert core.closed() == ("2025-01-30", "2025-01", None)
    core.close("2025-02-02", source="funds")
    assert core.closed() == ("2025-01-31", "2025-01", "2025-01")
    skipped = [(one["source"], one["date"]) for one in core.bank.alerts]
    assert skipped == [("funds", "2025-01-31"), ("funds", "2025-02-01")]
    assert core.close("2025-01-31", source="funds") is None  # a day that was skipped: moves nothing
    assert core.close("2025-01-31", source="funds", working_day=True) == "day_already_closed"
    assert core.closed() == ("2025-01-31", "2025-01", "2025-01")


def test_control_totals() -> None:
    core = started(SMALL)
    core.money("deposit", "2025-01-02", 500, event_id="d1")
    core.money("product_purchased", "2025-01-02", 30, funded_from="A1")
    core.valued("2025-01-02", 9)
    core.money("fee_charged", "2025-01-02", 7, booked_on="2025-01-03")
    core.send("reversal", "2025-01-03", reverses={"event_id": "d1"}, booked_on="2025-01-03")
    core.close("2025-01-02", totals={"count": 2, "signed_sum": 500})
    assert core.bank.alerts == []
    core.close("2025-01-03", totals={"count": 2, "signed_sum": 0})
    (alert,) = core.bank.alerts
    assert alert["actual"] == {"count": 2, "signed_sum": -507}


# --- onboarding ------------------------------------------------------------------------------------------------------


def brought(core: Core, **fields: Any) -> str | None:
    """A customer brought forward into January 2025."""
    content = {"value_date": "2024-12-31", "state": "ordinary", "months": []}
    return core.send("customer_brought_forward", "2025-01-01", **(content | fields))


def test_a_watch_that_was_brought_goes_on() -> None:
    core = Core(SMALL)
    months = [{"month": "2024-12", "sum": 155_000 * 31, "days": 31}]
    assert brought(core, state="vip", level="platinum", watch=["gold"], below_entry=0, months=months) is None
    core.opened("2025-01-01")
    core.close("2025-01-01")
    core.average("2025-01", 120_000)
    change = core.last()
    assert (change["kind"], change["after"]["level"]) == ("downgraded", "gold")
    assert [one["sum"] for one in change["months"]] == [155_000 * 31, 120_000 * 31]


@pytest.mark.parametrize(
    "said",
    [
        {"value_date": "2024-12-30"},
        {"state": "vip"},
        {"state": "vip", "level": "copper"},
        {"state": "vip", "level": "platinum", "watch": ["gold", "gold"]},
        {"state": "vip", "level": "platinum", "watch": ["platinum"]},
        {"state": "vip", "level": "platinum", "watch": ["gold"], "below_entry": 1},
        {"state": "vip", "level": "gold", "watch": [None], "below_entry": 1},
        {"state": "vip", "level": "gold", "below_entry": 3},
        {"state": "lapsed"},
        {"state": "lapsed", "grace_left": 2},
        {"state": "special", "level": "gold"},
        {"state": "special", "level": "gold", "until": "2024-12-31"},
        {"state": "ordinary", "level": "gold"},
    ],
)
def test_states_that_cannot_be_brought(said: dict[str, Any]) -> None:
    assert brought(Core(SMALL), **said) == "bad_value"


def test_brought_forward_comes_first_and_in_time() -> None:
    core = started(SMALL)
    assert brought(core) == "not_first_record"
    grant(core, "2025-01-02", customer_id="C2")
    assert brought(core, customer_id="C2") == "not_first_record"
    assert brought(core, customer_id="C3", value_date="2024-11-30") is None
    assert core.alerts() == ["brought_forward_not_next_month"]
    core.close("2025-01-31")
    assert brought(core, customer_id="C4") == "value_date_too_old"
