"""Triggers that stand for longer than anything is restated: what they rest on is still there when they are tested again."""

import random
from datetime import date, timedelta
from typing import Any

import pytest

from events.decisions import TriggerMoved
from tests.model.months import days_between
from tests.model.trigger_settings import CODES
from tests.model.triggers import TriggerBank
from tests.proof.world import World, digest

SHORT = {"restatement_months": 1, "exit_months": 1, "watch_months": 1, "grace_months": 1}
"""So closed months are soon out of reach."""

Said = list[tuple[str, str, dict[str, Any]]]


def written(said: Said, end: date) -> list[dict[str, Any]]:
    """Records of C1 on their days, with a close of each day. said: (type, day, fields); ids are types and days."""
    records: list[dict[str, Any]] = []
    for day in map(str, days_between(date(2025, 1, 1), end)):
        of_day = [(kind, content | {"customer_id": "C1"}) for kind, on, content in said if on == day]
        for kind, content in [*of_day, ("business_day_closed", {"date": day})]:
            named = {"event_id": f"{kind}-{day}", "source": "core", "type": kind, "schema_version": 1}
            records.append(named | {"occurred_at": f"{day}T12:00:00+08:00"} | content)
    return records


def steps(records: list[dict[str, Any]], triggers: dict[str, dict[str, Any]]) -> list[tuple[str, str, str]]:
    """(code, step, business date) of C1's triggers; the same as the model's, and behind a rebuild."""
    policies = [{"version": "v", "windows": SHORT, "triggers": triggers}]
    bank = TriggerBank(policies)
    for record in records:
        assert bank.take(record) is None, record
    world = World(policies)
    world.intake.activate_all(None)
    world.feed(records, random.Random(1))
    found = [(each.code, str(each.step), each.business_date) for each in world.decisions(TriggerMoved)]
    assert found == [(each.code, str(each.step), str(each.business_date)) for each in bank.steps("C1")]
    assert digest(world.rebuilt()) == digest(world.shard)
    return found


def money(account_id: str, on: str, amount: int) -> dict[str, Any]:
    return {"account_id": account_id, "currency": "CNY", "amount": amount, "value_date": on}


def account(account_id: str, on: str, balance: int) -> dict[str, Any]:
    opened = {"category": "deposit", "opening_balance": balance}
    return {"account_id": account_id, "currency": "CNY", "value_date": on} | opened


def undone(kind: str, day: str) -> dict[str, Any]:
    return {"reverses": {"event_id": f"{kind}-{day}"}}


@pytest.mark.parametrize("month", [3, 6, 9])
def test_the_tier_of_the_day_of_a_raise_is_known_as_long_as_the_trigger_stands(month: int) -> None:
    """C1 is special in January, then goes up and down from month to month; a late record has what stands tested again."""
    said: Said = [
        ("account_opened", "2025-01-01", account("A1", "2025-01-01", 100_00)),
        ("special_vip_granted", "2025-01-05", {"level": "gold", "reason": "r", "granted_by": "g", "value_date": "2025-01-05"}),
    ]  # fmt: skip
    for each in range(2, month):
        first = f"2025-{each:02d}-01"
        kind = "deposit" if each % 2 == 0 else "withdrawal"
        said.append((kind, first, money("A1", first, 900_000_00)))
    late = f"2025-{month:02d}-03"
    said += [
        ("fee_charged", late, money("A1", late, 1)),
        ("reversal", f"2025-{month:02d}-04", undone("fee_charged", late)),
    ]
    records = written(said, date(2025, month, 8))
    found = steps(records, {"special_expiring": {"days": 365, "expire_days": 400}})
    assert [each[1:] for each in found if each[0] == "special_expiring"] == [("raised", "2025-01-05")]


def test_what_was_raised_in_spring_stands_in_autumn_whatever_late_record_has_it_tested_again() -> None:
    """Money down, out and outside, a salary that stopped, a term not renewed, silence, a complaint: all on plain accounts."""
    said: Said = [
        ("account_opened", "2025-01-01", account("A1", "2025-01-01", 300_000_00)),
        *(("payroll_credited", day, money("A1", day, 5_000_00)) for day in ("2025-01-05", "2025-02-05", "2025-03-05")),
        ("complaint_filed", "2025-03-03", {"complaint_id": "K1", "severity": 2}),
        ("satisfaction_rated", "2025-03-04", {"score": 1}),
        *(
            ("transfer_out", day, money("A1", day, 60_000_00) | {"counterparty": {"kind": "payment_platform"}})
            for day in ("2025-03-10", "2025-03-12", "2025-03-14")
        ),
    ]  # fmt: skip
    for month in range(4, 10):
        late = f"2025-{month:02d}-20"
        said += [
            ("fee_charged", late, money("A1", late, 1)),
            ("reversal", late[:8] + "21", undone("fee_charged", late)),
        ]
    found = steps(written(said, date(2025, 9, 30)), {code: {"expire_days": 400} for code in CODES})
    raised = {code for code, step, _ in found if step == "raised"}
    assert raised >= {"aum_drop", "large_outflow", "outside_platform_drift", "payroll_stopped", "complaint_open",
                      "dissatisfied", "dormant", "near_upgrade", "tier_at_risk"}  # fmt: skip
    assert {step for _, step, _ in found} == {"raised"}


@pytest.mark.parametrize("valued_on", ["2025-01-05", "2025-03-05", "2025-07-05"])
def test_the_days_of_a_fund_are_kept_as_long_as_a_trigger_stands_that_rests_on_them(valued_on: str) -> None:
    """Valued from before the raise, soon after it, and once months are closed that are restated no more."""
    fund = account("F1", "2025-01-01", 0) | {"category": "fund"}
    value = {"account_id": "F1", "currency": "CNY", "market_value": 100_000_00, "value_date": valued_on}
    if valued_on < "2025-02":
        value["market_value"] = 300_000_00
    said: Said = [
        ("account_opened", "2025-01-01", fund | {"opening_balance": 300_000_00}),
        ("product_redeemed", "2025-02-10", money("F1", "2025-02-10", 200_000_00)),
        ("valuation_updated", valued_on, value),
    ]
    for month in range(3, 10):
        late = f"2025-{month:02d}-20"
        said += [
            ("fee_charged", late, money("F1", late, 1)),
            ("reversal", late[:8] + "21", undone("fee_charged", late)),
        ]
    found = steps(written(said, date(2025, 9, 30)), {code: {"expire_days": 400} for code in CODES})
    assert ("aum_drop", "raised", "2025-02-10") in found
    assert {step for _, step, _ in found} == {"raised"}


def test_the_term_that_was_near_is_known_however_many_were_said_since() -> None:
    """A product that is bought again every ten days, each time with a new term."""
    opened = {"category": "wealth_product", "matures_on": "2025-01-10"}
    said: Said = [("account_opened", "2025-01-01", account("W1", "2025-01-01", 100_000_00) | opened)]
    for day in list(days_between(date(2025, 2, 1), date(2025, 8, 10)))[::10]:
        term = {"matures_on": str(day + timedelta(days=40))}
        said.append(("product_purchased", str(day), money("W1", str(day), 1) | term))
    said += [("fee_charged", "2025-08-20", money("W1", "2025-08-20", 1))]
    said += [("reversal", "2025-08-21", undone("fee_charged", "2025-08-20"))]
    found = steps(written(said, date(2025, 8, 25)), {"maturity_upcoming": {"expire_days": 400}})
    assert [each for each in found if each[0] == "maturity_upcoming"] == [("maturity_upcoming", "raised", "2025-01-03")]
