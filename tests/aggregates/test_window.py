"""How far back a record may reach, also where the policy changes how far that is (DOMAIN §4)."""

import msgspec
import pytest

from aggregates.dates import day_of, days_in, iso, month_from
from aggregates.policy import Policy
from aggregates.records import take
from events.decisions import PolicyActivated
from events.fields import Record
from events.refusals import Refusal
from processors.snapshot import chunks_of, frame_of, shard_from
from tests.aggregates.banks import LAKH, year
from tests.dsl.bank import given
from tests.dsl.expect import core, month_restated
from tests.dsl.records import (
    close,
    closed,
    closed_through,
    deposit,
    matured,
    opened,
    purchase,
    redeemed,
    stated,
    valued,
    withdrawal,
)

# The window: L = December 2026, so January 2026 is L - 11 and December 2025 is L - 12


def test_a_record_in_the_oldest_month_of_the_window_restates_every_month_it_touches() -> None:
    bank = year()
    before = {f"2026-{n:02d}": 10_000_000 * days_in(month_from(f"2026-{n:02d}")) for n in range(1, 13)}
    changes = {
        text: (was, was + 100 * (31 - 9 if text == "2026-01" else days_in(month_from(text))))
        for text, was in before.items()
    }
    bank.when(deposit("C1", "A1", "1.00", on="2026-01-10", id="d1")).then(
        month_restated(core("d1"), *((text, *sums) for text, sums in changes.items()), from_month="2026-01")
    )
    assert {text: bank.sum(text) for text in before} == {text: now for text, (_, now) in changes.items()}


@pytest.mark.parametrize("is_first_month", [True, False])
def test_the_month_before_the_window_is_refused(is_first_month: bool) -> None:
    bank = given(
        opened("C1", "A1", on="2025-01-01", balance=LAKH), close("2025-12-31" if is_first_month else "2025-10-31")
    )
    bank.given(closed_through("2026-12-31"))
    bank.when(deposit("C1", "A1", "1.00", on="2025-12-31")).then_refused("value_date_too_old", "value_date")
    bank.given(deposit("C1", "A1", "1.00", on="2026-01-01"))


@pytest.mark.parametrize(
    "record",
    [
        withdrawal("C1", "A1", "1.00", on="2025-12-31"),
        opened("C1", "A2", on="2025-12-31", balance="1.00"),
        opened("C1", "A2", on="2025-12-31", balance="-1.00"),
        purchase("C1", "F1", "1.00", on="2025-12-31", funded_from="A1"),
        valued("C1", "F1", "1.00", on="2025-12-31"),
        valued("C1", "A1", "1.00", on="2025-12-31"),
        redeemed("C1", "F1", "1.00", on="2025-12-31", paid_to="A1"),
        matured("C1", "F1", "1.00", on="2025-12-31", paid_to="A1"),
    ],
    ids=lambda record: type(record).__name__,
)
def test_every_record_on_aum_is_refused_before_the_window(record: Record) -> None:
    bank = given(
        opened("C1", "A1", on="2025-10-01", balance=LAKH),
        opened("C1", "F1", category="fund", on="2025-10-01"),
        close("2025-10-31"),
        closed_through("2026-12-31"),
    )
    bank.when(record).then_refused("value_date_too_old", "value_date")


@pytest.mark.parametrize(
    "record",
    [
        opened("C1", "A2", on="2025-12-31"),
        closed("C1", "A2b", on="2025-12-31"),
        stated("C1", "A1", LAKH, on="2025-12-31"),
    ],
    ids=lambda record: type(record).__name__,
)
def test_what_moves_no_balance_is_taken_at_any_distance(record: Record) -> None:
    bank = given(
        opened("C1", "A1", on="2025-10-01", balance=LAKH),
        opened("C1", "A2b", on="2025-10-01"),
        close("2025-10-31"),
        closed_through("2026-12-31"),
    )
    bank.when(record).then()


def test_a_value_date_before_the_first_month_is_judged_as_the_first_month() -> None:
    bank = given(opened("C1", "A1", on="2020-01-01", balance=LAKH), close("2026-01-15"), closed_through("2026-12-31"))
    oldest = bank.when(deposit("C1", "A1", "1.00", on="2020-05-05", id="d1"))
    assert oldest.sum("2026-01") == 31 * 10_000_100
    bank.given(closed_through("2027-01-31"))
    bank.when(deposit("C1", "A1", "1.00", on="2020-05-05")).then_refused("value_date_too_old", "value_date")


def test_a_shorter_window_of_the_policy() -> None:
    bank = given(opened("C1", "A1", on="2026-01-01"), close("2026-01-31"), policies=[Policy(restatement_months=2)])
    bank.given(closed_through("2026-04-30"))
    bank.when(deposit("C1", "A1", "1.00", on="2026-02-28")).then_refused("value_date_too_old", "value_date")
    bank.when(deposit("C1", "A1", "1.00", on="2026-03-31", id="d1")).then(
        month_restated(core("d1"), ("2026-03", 0, 100), ("2026-04", 0, 3000), from_month="2026-03")
    )


def test_a_longer_window_activated_later_does_not_invent_sums() -> None:
    short, long = (
        Policy(version="short", restatement_months=1, exit_months=1, watch_months=1, grace_months=1),
        Policy(version="long", valid_from=day_of("2026-07-01")),
    )
    bank = given(opened("C1", "A1", on="2026-01-01", balance=LAKH), close("2026-01-31"), policies=[short])
    bank.given(closed_through("2026-06-30"), deposit("C1", "A1", "1.00", on="2026-07-01", at="2026-06-30"))
    activated = PolicyActivated(version="long", policy=msgspec.to_builtins(long))
    bank.evolve(activated)
    bank.given(closed_through("2026-07-31"))
    for too_old in ("2026-01-01", "2026-03-01", "2026-04-30"):
        bank.when(deposit("C1", "A1", "1.00", on=too_old)).then_refused("value_date_too_old", "value_date")
    may, june, july = (10_000_000 * days for days in (31, 30, 31))
    bank.when(deposit("C1", "A1", "1.00", on="2026-05-01", id="d")).then(
        month_restated(
            core("d"),
            ("2026-05", may, may + 31 * 100),
            ("2026-06", june, june + 30 * 100),
            ("2026-07", july + 31 * 100, july + 2 * 31 * 100),
            from_month="2026-05",
        )
    )


def test_what_a_longer_window_cannot_reach_yet_it_reaches_as_months_go_by() -> None:
    short, long = (
        Policy(version="short", restatement_months=1, exit_months=1, watch_months=1, grace_months=1),
        Policy(version="long", valid_from=day_of("2026-07-01"), restatement_months=3),
    )
    bank = given(opened("C1", "A1", on="2026-01-01", balance=LAKH), close("2026-01-31"), policies=[short])
    bank.given(closed_through("2026-06-30"))
    bank.evolve(PolicyActivated(version="long", policy=msgspec.to_builtins(long)))
    for through, oldest in (("2026-07-31", "2026-05"), ("2026-08-31", "2026-06"), ("2026-09-30", "2026-07")):
        bank.given(closed_through(through))
        before = iso(day_of(f"{oldest}-01") - 1)
        bank.when(deposit("C1", "A1", "1.00", on=before)).then_refused("value_date_too_old", "value_date")
        bank.given(deposit("C1", "A1", "1.00", on=f"{oldest}-01"))


def test_the_oldest_month_kept_outlives_a_snapshot() -> None:
    short = Policy(version="short", restatement_months=1, exit_months=1, watch_months=1, grace_months=1)
    bank = given(opened("C1", "A1", on="2026-01-01", balance=LAKH), close("2026-01-31"), policies=[short])
    bank.given(closed_through("2026-06-30"))
    bank.evolve(PolicyActivated(version="long", policy=msgspec.to_builtins(Policy(version="long"))))
    loaded = shard_from(frame_of(bank.shard), chunks_of(bank.shard))
    assert loaded is not None
    late = deposit("C1", "A1", "1.00", on="2026-04-30", id="late")
    for shard in (bank.shard, loaded):
        found = take(shard, late)
        assert isinstance(found, Refusal)
        assert found.reason == "value_date_too_old"
    assert take(loaded, deposit("C1", "A1", "1.00", on="2026-05-01", id="d")) != []


@pytest.mark.parametrize("is_known_from_the_start", [True, False])
def test_under_a_longer_window_the_machine_begins_with_the_tier_of_that_time(is_known_from_the_start: bool) -> None:
    short = Policy(version="short", restatement_months=1)
    long = Policy(version="long", valid_from=day_of("2026-09-01"))
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="300000.00"),
        close("2026-01-31"),
        withdrawal("C1", "A1", "200000.00", on="2026-02-01"),
        policies=[short, long] if is_known_from_the_start else [short],
    )
    bank.given(closed_through("2026-08-31"))
    if not is_known_from_the_start:
        bank.evolve(PolicyActivated(version="long", policy=msgspec.to_builtins(long)))
    assert (bank.tier().state, bank.tier().grace_left) == ("lapsed", 1)
    bank.given(deposit("C1", "A1", "0.01", on="2026-07-01"))
    bank.when(close("2026-09-01")).then()
    bank.given(deposit("C1", "A1", "0.01", on="2026-03-01"))
    bank.when(close("2026-09-02")).then()
    assert (bank.tier().state, bank.tier().grace_left) == ("lapsed", 1)
