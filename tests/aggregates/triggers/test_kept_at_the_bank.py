"""What is remembered for triggers, and for how long: through a whole bank (DOMAIN §5, ``aggregates.conduct``)."""

import pytest

from aggregates.conduct import ACT, ACTIVITY_DAYS_AT_MOST, ACTIVITY_DAYS_KEPT, MATURITY, PAYROLL
from aggregates.dates import day_of, iso
from aggregates.policy import Policy
from aggregates.triggers import sifting
from events.decisions import TriggerMoved
from tests.aggregates.triggers.banks import RICH, evidence, given, paid, payroll, product, steps
from tests.dsl.records import (
    closed,
    closed_through,
    deposit,
    matured,
    met,
    opened,
    purchase,
    record,
    reversal,
    withdrawal,
)


def test_money_of_a_day_before_the_first_that_closes_is_no_outflow_of_that_day() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="100000.00"), paid("60000.00", "other_bank", on="2026-01-30"),
        record("app_session", "C1", at="2026-01-31"),
    )  # fmt: skip
    assert list(bank.shard.noted) == ["C1 2026-01-30"]
    bank.when(closed_through("2026-01-31"))
    assert steps(bank, "large_outflow") == []


def test_what_waited_for_the_first_close_is_raised_in_log_order_by_the_record_that_made_it_true() -> None:
    bank = given(
        opened("C1", "A1", on="2026-01-01", balance="200000.00"), paid("60000.00", "other_bank", on="2026-01-30"),
        met("complaint_filed", at="2026-01-31", complaint_id="P1", severity=2),
        paid("60000.00", "other_bank", on="2026-01-31"),
    ).when(closed_through("2026-01-31"))  # fmt: skip
    moved = [line for line in bank.decisions if isinstance(line, TriggerMoved)]
    assert [(line.sequence, line.code) for line in moved[:2]] == [(1, "complaint_open"), (2, "large_outflow")]


@pytest.mark.parametrize(
    ("at", "kept", "raised"),
    [("2026-02-01", "0.01", ["raised 2026-02-01"]), ("2026-02-01", "0.02", []), ("2026-01-31", "0.01", [])],
    ids=["as much as went out", "less", "of a day that is closed"],
)
def test_a_reversal_of_what_came_in_is_an_outflow_at_once(at: str, kept: str, raised: list[str]) -> None:
    policy = Policy(triggers={"large_outflow": {"at_least": 60_000_00, "share": [1, 2]}})
    bank = given(RICH[0], closed_through("2026-01-30"), policy=policy)
    bank.given(*([closed_through("2026-01-31")] if at == "2026-02-01" else []))
    bank.given(deposit("C1", "A1", "60000.00", on=at, id="in"), closed_through("2026-01-31"))
    bank.when(
        deposit("C1", "A1", kept, on="2026-02-01"),
        paid("60000.00", "other_bank", on="2026-02-01"),
        withdrawal("C1", "A1", "0.01", on="2026-02-01"),
    )
    assert steps(bank, "large_outflow") == []
    bank.when(reversal("C1", "in", at="2026-02-01"))
    assert steps(bank, "large_outflow") == raised
    if at == "2026-01-31":
        assert steps(bank.when(closed_through("2026-02-01")), "large_outflow") == ["raised 2026-02-01"]


def test_a_product_is_called_by_the_last_name_said_whatever_else_is_said_of_it() -> None:
    bank = given(product("2026-04-05"))
    bank.when(
        purchase("C1", "W1", "1.00", on="2026-03-01", product="安盈91天", id="named"),
        purchase("C1", "W1", "1.00", on="2026-03-02", id="silent"),
        closed_through("2026-03-29"),
    )
    assert evidence(bank, "maturity_upcoming") == {
        "amount": 5_000_200, "date": "2026-04-05", "product": "安盈91天", "records": ["bought"],
    }  # fmt: skip


def test_a_term_that_was_a_mistake_is_not_the_last_one_said() -> None:
    more = purchase("C1", "W1", "1.00", on="2026-02-01", matures_on="2026-05-05", id="more")
    bank = given(product("2026-04-05"), more, reversal("C1", "more", at="2026-02-01"))
    bank.when(closed_through("2026-05-05"))
    assert steps(bank, "maturity_upcoming") == ["raised 2026-03-29 W1:2026-04-05", "expired 2026-04-28 W1:2026-04-05"]
    only = given(
        opened("C1", "W1", on="2026-01-01", category="wealth_product"), closed_through("2026-01-31"),
        purchase("C1", "W1", "1.00", on="2026-02-01", matures_on="2026-05-05", id="more"),
        purchase("C1", "W1", "1.00", on="2026-02-01", product="安盈90天"),
        reversal("C1", "more", at="2026-02-01"),
    )  # fmt: skip
    assert steps(only.when(closed_through("2026-05-05")), "maturity_upcoming") == []


def test_of_many_terms_said_of_an_account_the_last_ones_are_kept() -> None:
    """Reversed one by one, each gives way to the one before it, as far back as they are kept; a name said once stays."""
    bank = given(product("2026-12-31"))
    for at in range(20):
        on = iso(day_of("2026-02-02") + 5 * at)
        said = purchase("C1", "W1", "1.00", on=on, matures_on=f"2026-10-{at + 1:02}", id=f"p{at}")
        bank.given(closed_through(iso(day_of(on) - 1)), said)
    bank.given(closed_through("2026-05-08"))
    more = bank.customer().conduct.more  # type: ignore[union-attr]
    assert more is not None
    assert len(more.maturities["W1"]) == 12 * MATURITY
    bank.when(*(reversal("C1", f"p{at}", at="2026-05-09") for at in range(19, 13, -1)), closed_through("2026-10-07"))
    assert steps(bank, "maturity_upcoming") == ["raised 2026-10-07 W1:2026-10-14"]
    assert evidence(bank, "maturity_upcoming")["product"] == "安盈90天"


def test_what_no_rule_looks_back_to_is_forgotten() -> None:
    bank = given(
        product("2026-02-05"), opened("C1", "A2", on="2026-02-01"), payroll("2026-02-01"),
        matured("C1", "W1", "50000.00", on="2026-02-05", paid_to="A1", id="m1"), closed("C1", "A2", on="2026-02-06"),
        closed_through("2026-12-31"), payroll("2027-01-01"), record("app_session", "C1", at="2027-01-01"),
        closed_through("2027-01-01"),
    )  # fmt: skip
    more = bank.customer().conduct.more  # type: ignore[union-attr]
    assert more is not None
    assert (len(more.payrolls), more.matured, more.closings) == (PAYROLL, [], [])


def test_of_who_spends_a_little_every_day_the_last_days_are_remembered() -> None:
    bank = given(RICH)
    for day in range(ACTIVITY_DAYS_AT_MOST + 20):
        on = iso(day_of("2026-02-01") + day)
        bank.given(withdrawal("C1", "A1", "1.00", on=on), closed_through(on))
        acts = bank.customer().conduct.acts  # type: ignore[union-attr]
        last = list(range(day_of(on) - min(day, ACTIVITY_DAYS_KEPT - 1), day_of(on) + 1))
        assert acts[0::ACT][-len(last) :] == last
        assert len(acts) <= ACTIVITY_DAYS_AT_MOST * ACT


def test_so_many_views_are_kept_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sifting, "_VIEWS_AT_MOST", 1)
    bank, day = given(RICH, opened("C2", "A2", on="2026-02-01")), day_of("2026-02-01")
    first, second = bank.customer("C1"), bank.customer("C2")
    assert sifting.view_of(bank.shard, first, day) is sifting.view_of(bank.shard, first, day)
    assert sifting.view_of(bank.shard, second, day) is not sifting.view_of(bank.shard, second, day)
