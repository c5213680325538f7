"""The Berka importer on the public data themselves, where they are at hand."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from guanxi.importers import berka
from guanxi.importers.berka_balances import DayEnd

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "berka"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason=f"NOT TESTED ON REAL DATA: {DATA} is not there; see the README of the data"
)

SIGNS = {
    "deposit": 1,
    "transfer_in": 1,
    "interest_credited": 1,
    "payroll_credited": 1,
    "withdrawal": -1,
    "transfer_out": -1,
    "fee_charged": -1,
}


@pytest.fixture(scope="module")
def imported() -> tuple[list[dict[str, Any]], berka.Report]:
    report = berka.Report()
    return [json.loads(line) for line in berka.records(DATA, report)], report


def test_every_row_becomes_a_record(imported: tuple[list[dict[str, Any]], berka.Report]) -> None:
    found, report = imported
    assert report.problems == []
    assert (report.rows, report.accounts, report.accounts_after_end) == (49_102, 1_229, 3_271)
    assert (
        Counter(record["type"] for record in found)
        == report.records
        == {
            "account_opened": 1_229,
            "deposit": 9_759,
            "withdrawal": 14_256,
            "transfer_in": 2_002,
            "transfer_out": 6_343,
            "interest_credited": 9_463,
            "payroll_credited": 1_770,
            "fee_charged": 5_509,
            "balance_stated": 23_633,
            "business_day_closed": 455,
        }
    )
    assert len({(record["source"], record["event_id"]) for record in found}) == len(found)


def test_no_stated_balance_differs_and_totals_are_right(
    imported: tuple[list[dict[str, Any]], berka.Report],
) -> None:
    balances: defaultdict[str, int] = defaultdict(int)
    count = signed_sum = 0
    for record in imported[0]:
        if sign := SIGNS.get(record["type"]):
            balances[record["account_id"]] += sign * record["amount"]
            count, signed_sum = count + 1, signed_sum + sign * record["amount"]
        elif record["type"] == "balance_stated":
            assert balances[record["account_id"]] == record["balance"], record
        elif record["type"] == "business_day_closed":
            assert record["totals"] == {"count": count, "signed_sum": signed_sum}, record
            count = signed_sum = 0
    assert count == 0


def test_what_is_known_of_the_days(imported: tuple[list[dict[str, Any]], berka.Report]) -> None:
    _, report = imported
    assert report.day_ends == {
        DayEnd.CERTAIN: 23_633,
        DayEnd.ROUNDED: 16_299,
        DayEnd.AMBIGUOUS: 0,
        DayEnd.GAP: 28,  # the last day: the sample was cut between interest and statement fee
        DayEnd.UNREADABLE: 0,
    }
    assert report.largest_rounding_minor == 80
