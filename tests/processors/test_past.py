"""The tier of any day that has passed, from the lines of a bank (DOMAIN §4, As of)."""

from aggregates.as_of import Stood, newest, tier_on
from aggregates.dates import day_of, iso
from aggregates.policy import Policies, Policy
from processors.past import Past, folded, steps
from tests.dsl.bank import Bank, given
from tests.dsl.records import (
    brought,
    close,
    closed_through,
    deposit,
    granted,
    met,
    month,
    opened,
    reversal,
    revoked,
    valued,
    withdrawal,
)

POLICIES = Policies([Policy()])


def lines_of(bank: Bank, customer_id: str = "C1") -> list[tuple[int, int, object]]:
    return [(1, n, line) for n, line in enumerate(bank.lines) if getattr(line, "customer_id", None) == customer_id]


def on(bank: Bank, date: str, customer_id: str = "C1") -> Stood:
    lines = (line for _, _, line in lines_of(bank, customer_id))
    return tier_on(
        folded(customer_id, lines, POLICIES, bank.shard.first_month), day_of(date), POLICIES, bank.shard.first_month
    )  # type: ignore[arg-type]


def stands(bank: Bank, date: str) -> tuple[str, str | None, str | None]:
    """State, level and since."""
    found = on(bank, date)
    return found.tier.state, found.tier.level, iso(found.since) if found.since else None


def test_a_month_close_takes_effect_the_day_after() -> None:
    bank = given(opened("C1", "A1", on="2026-04-01", balance="250000.00"), closed_through("2026-04-30"))
    assert stands(bank, "2026-04-30") == ("ordinary", None, None)
    assert stands(bank, "2026-05-01") == ("vip", "gold", "2026-05-01")


def test_months_of_a_watch_count_from_the_first_of_the_next_month() -> None:
    bank = given(
        brought("C1", "vip", level="diamond", on="2026-03-31"),
        opened("C1", "A1", on="2026-04-01", balance="600000.00"),
        closed_through("2026-04-01"),
        closed_through("2026-05-31"),
    )
    assert [len(on(bank, date).tier.watch) for date in ("2026-04-30", "2026-05-01", "2026-05-31", "2026-06-01")] == [
        0, 1, 1, 2,
    ]  # fmt: skip
    assert stands(bank, "2026-06-01") == stands(bank, "2026-04-10") == ("vip", "diamond", None)


def test_a_tier_brought_forward_was_there_before_the_first_month() -> None:
    bank = given(
        brought("C1", "lapsed", grace_left=2, on="2026-03-31", months=[month("2026-03", "1.00")]), close("2026-04-01")
    )
    assert on(bank, "2026-04-01") == Stood(bank.tier(), 0, "")


def test_a_grant_for_tomorrow_is_in_effect_tomorrow() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="10.00"),
        close("2026-01-15"),
        granted("C1", "gold", on="2026-01-17", at="2026-01-16"),
        closed_through("2026-02-10"),
    )
    assert [on(bank, f"2026-01-{day}").tier.state for day in (15, 16, 17)] == ["ordinary", "ordinary", "special"]
    assert stands(bank, "2026-01-17") == ("special", "gold", "2026-01-17")
    assert on(bank, "2026-01-17").policy_version == "default-1"


def test_a_revocation_shows_its_earlier_end_at_once_and_ends_the_day_after() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="10.00"),
        close("2026-01-15"),
        granted("C1", "gold", on="2026-01-16"),
        closed_through("2026-01-20"),
        revoked("C1", on="2026-01-25", at="2026-01-24"),
        closed_through("2026-02-10"),
    )
    assert [iso(on(bank, f"2026-01-{day}").tier.until) for day in (20, 21, 25)] == [
        "2027-01-16", "2026-01-25", "2026-01-25",
    ]  # fmt: skip
    assert [on(bank, f"2026-01-{day}").tier.state for day in (25, 26)] == ["special", "ordinary"]
    assert on(bank, "2026-01-26").since == day_of("2026-01-26")


def test_months_run_again_count_as_they_read_now() -> None:
    """A late deposit makes April a platinum month.

    By what is known now the customer is platinum from May on; the newest decision, which says so, is in effect only after
    the close that ran the months again.
    """
    bank = given(
        opened("C1", "A1", on="2026-04-01", balance="100000.00"),
        close("2026-04-01"),
        closed_through("2026-05-31"),
        deposit("C1", "A1", "400000.00", on="2026-04-01", at="2026-06-05"),
        closed_through("2026-06-10"),
    )
    assert stands(bank, "2026-04-30") == ("ordinary", None, None)
    assert stands(bank, "2026-05-10") == ("vip", "platinum", "2026-05-01")
    assert on(bank, "2026-05-10").policy_version == "default-1"
    assert stands(bank, "2026-06-11") == ("vip", "platinum", iso(bank.customer().story.since))  # type: ignore[union-attr]


def test_a_customer_without_a_story_is_ordinary() -> None:
    bank = given(opened("C1", "A1", on="2026-04-01", balance="1.00"), close("2026-04-01"))
    assert on(bank, "2026-04-01") == newest(bank.customer()) == Stood(bank.tier(), 0, "")


def test_every_line_says_what_it_moved() -> None:
    """A valuation absorbs the purchases dated up to its day; what a reversal moves is taken back on the same day."""
    bank = given(
        opened("C1", "A1", on="2026-04-01", balance="100.00"),
        opened("C1", "F1", on="2026-04-01", category="fund", balance="50.00"),
        close("2026-04-01"),
        valued("C1", "F1", "60.00", on="2026-04-02"),
        withdrawal("C1", "A1", "30.00", on="2026-04-03", id="w"),
        reversal("C1", "w", at="2026-04-04"),
    )
    past = Past("C1", POLICIES, bank.shard.first_month)
    found = [(step.line.__struct_config__.tag, step.moved, step.spot) for step in steps(lines_of(bank), past)]  # type: ignore[arg-type]
    days = {n: day_of(f"2026-04-0{n}") for n in (1, 2, 3)}
    assert found == [
        ("account_opened", [("A1", days[1], 100_00)], (0, 100_00)),
        ("account_opened", [("F1", days[1], 50_00)], (100_00, 150_00)),
        ("valuation_updated", [("F1", days[2], 10_00)], (150_00, 160_00)),
        ("withdrawal", [("A1", days[3], -30_00)], (160_00, 130_00)),
        ("reversal", [], (130_00, 130_00)),
        ("posting_reversed", [("A1", days[3], 30_00)], (130_00, 160_00)),
    ]


def test_a_resolution_that_occurred_ahead_of_its_complaint_resolves_nothing_of_a_day_in_between() -> None:
    bank = given(
        met("complaint_filed", at="2026-05-03", complaint_id="P1", severity=2),
        met("complaint_resolved", at="2026-05-02", complaint_id="P1", outcome="apology"),
    )
    past = Past("C1", POLICIES, 0)
    past.add(bank.lines[-1])
    relations = past.customer.relations
    assert relations is not None
    assert relations.complaints == []
    past.add(bank.lines[0])
    assert [(each.complaint_id, each.resolved_on) for each in relations.complaints] == [("P1", 0)]
