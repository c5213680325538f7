"""The Berka importer on small folders written by hand."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from guanxi.importers import berka
from guanxi.importers.berka_balances import DayEnd
from tests.importers.folders import ROWS, TRANS, Look, write

CZECH = Look()
LOOKS = [
    Look(english, separator, quotes, extension, short_dates, encoding)
    for english, separator, quotes, extension, (short_dates, encoding) in product(
        (False, True), ";,\t", (False, True), (".asc", ".csv"), ((True, "latin-1"), (False, "utf-8-sig"))
    )
]


def imported(folder: Path, **options: bool) -> tuple[list[dict[str, Any]], berka.Report]:
    report = berka.Report()
    return [json.loads(line) for line in berka.records(folder, report, **options)], report


def with_row(position: int, **cells: str) -> list[list[str]]:
    rows = [list(row) for row in ROWS]
    for name, cell in cells.items():
        rows[position][TRANS.index(name)] = cell
    return rows


def test_every_look_of_the_data_gives_the_same_bytes(tmp_path: Path) -> None:
    expected = list(berka.records(write(tmp_path / "first", ROWS, CZECH)))
    for number, look in enumerate(LOOKS):
        assert list(berka.records(write(tmp_path / str(number), ROWS, look))) == expected, look


def test_a_day_is_openings_postings_balances_close(tmp_path: Path) -> None:
    found, report = imported(write(tmp_path, ROWS, CZECH))
    assert [(record["type"], record["event_id"]) for record in found] == [
        ("account_opened", "account-1"),
        ("deposit", "trans-10"),
        ("balance_stated", "balance-1-1993-01-01"),
        ("business_day_closed", "close-1993-01-01"),
        ("payroll_credited", "trans-11"),
        ("balance_stated", "balance-1-1993-01-02"),
        ("business_day_closed", "close-1993-01-02"),
        ("account_opened", "account-2"),
        ("deposit", "trans-20"),
        ("balance_stated", "balance-2-1993-01-03"),
        ("business_day_closed", "close-1993-01-03"),
        ("transfer_out", "trans-13"),
        ("withdrawal", "trans-12"),
        ("withdrawal", "trans-21"),
        ("fee_charged", "trans-22"),
        ("balance_stated", "balance-1-1993-01-04"),
        ("balance_stated", "balance-2-1993-01-04"),
        ("business_day_closed", "close-1993-01-04"),
        ("interest_credited", "trans-14"),
        ("fee_charged", "trans-15"),
        ("balance_stated", "balance-1-1993-01-05"),
        ("business_day_closed", "close-1993-01-05"),
        ("transfer_out", "trans-16"),
        ("transfer_out", "trans-17"),
        ("transfer_in", "trans-18"),
        ("balance_stated", "balance-1-1993-01-06"),
        ("business_day_closed", "close-1993-01-06"),
    ]
    assert (report.accounts, report.accounts_after_end, report.rows, report.problem_count) == (2, 1, 12, 0)


def test_the_records_whole(tmp_path: Path) -> None:
    lines = list(berka.records(write(tmp_path, ROWS, CZECH)))
    assert lines[0] == (
        b'{"event_id":"account-1","source":"core","type":"account_opened","schema_version":1,'
        b'"occurred_at":"1993-01-01T00:00:00+01:00","customer_id":"101","account_id":"1","category":"deposit",'
        b'"currency":"CZK","value_date":"1993-01-01","opening_balance":0}'
    )
    assert lines[4] == (
        b'{"event_id":"trans-11","source":"core","type":"payroll_credited","schema_version":1,'
        b'"occurred_at":"1993-01-02T12:00:00+01:00","customer_id":"101","account_id":"1","amount":530050,'
        b'"currency":"CZK","value_date":"1993-01-02",'
        b'"counterparty":{"kind":"other_bank","bank":"ST","account":"6210123"},"memo":"pension"}'
    )
    assert lines[13] == (
        b'{"event_id":"trans-21","source":"core","type":"withdrawal","schema_version":1,'
        b'"occurred_at":"1993-01-04T12:00:00+01:00","customer_id":"102","account_id":"2","amount":25000,'
        b'"currency":"CZK","value_date":"1993-01-04","channel":"card","counterparty":{"kind":"cash"}}'
    )
    assert lines[15] == (
        b'{"event_id":"balance-1-1993-01-04","source":"core","type":"balance_stated","schema_version":1,'
        b'"occurred_at":"1993-01-04T23:59:00+01:00","customer_id":"101","account_id":"1","balance":580050,'
        b'"currency":"CZK","value_date":"1993-01-04"}'
    )
    assert lines[17] == (
        b'{"event_id":"close-1993-01-04","source":"core","type":"business_day_closed","schema_version":1,'
        b'"occurred_at":"1993-01-04T23:59:59+01:00","date":"1993-01-04",'
        b'"totals":{"count":4,"signed_sum":-75010}}'
    )


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ({"type": "GIFT"}, "trans.asc:3: type: unknown type 'GIFT'"),
        ({"amount": "12,50"}, "trans.asc:3: amount: not an amount: '12,50'"),
        ({"amount": "1.005"}, "trans.asc:3: amount: not an amount: '1.005'"),
        ({"amount": "0.00"}, "trans.asc:3: amount: must be above zero: '0.00'"),
        ({"account_id": "99"}, "trans.asc:3: account_id: unknown account '99'"),
        ({"date": "930230"}, "trans.asc:3: date: not a date: '930230'"),
        ({"operation": "GO", "k_symbol": "X"}, "trans.asc:3: operation: unknown operation 'GO' with k_symbol 'X'"),
        ({"type": "VYDAJ"}, "trans.asc:3: type: type 'VYDAJ' contradicts 'PREVOD Z UCTU'"),
        ({"account_id": "2"}, "trans.asc:3: date: 1993-01-02 is before the account's opening on 1993-01-03"),
        ({"trans_id": ""}, "trans.asc:3: trans_id: missing or used twice on one day: ''"),
    ],
)
def test_a_bad_row_is_told_and_stops_nothing(tmp_path: Path, cells: dict[str, str], expected: str) -> None:
    found, report = imported(write(tmp_path, with_row(1, **cells), CZECH))
    assert [str(problem) for problem in report.problems] == [expected]
    postings = [record["event_id"] for record in found if record["event_id"].startswith("trans-")]
    assert postings == [f"trans-{number}" for number in (10, 20, 13, 12, 21, 22, 14, 15, 16, 17, 18)]


def test_a_short_row_is_told(tmp_path: Path) -> None:
    rows = [row[:6] if row[0] == "11" else row for row in ROWS]
    _, report = imported(write(tmp_path, rows, CZECH))
    assert [str(p) for p in report.problems] == ["trans.asc:3: balance: missing: the row has 6 fields"]


def test_a_missing_file_or_column_is_an_error_at_once(tmp_path: Path) -> None:
    with pytest.raises(berka.BerkaError, match=r"nowhere: not a folder"):
        berka.records(tmp_path / "nowhere")
    write(tmp_path, ROWS, CZECH, header=["amount_czk" if name == "amount" else name for name in TRANS])
    with pytest.raises(berka.BerkaError, match=r"trans\.asc:1: column missing: amount; take the published file$"):
        berka.records(tmp_path)
    (tmp_path / "trans.asc").unlink()
    with pytest.raises(berka.BerkaError, match=r"no trans\.asc or trans\.csv in it; give the folder "):
        berka.records(tmp_path)


def test_rows_out_of_date_order_are_sorted(tmp_path: Path) -> None:
    sorted_rows = list(berka.records(write(tmp_path / "sorted", ROWS, CZECH)))
    later_first = [*ROWS[9:], *ROWS[:9]]
    assert list(berka.records(write(tmp_path / "mixed", later_first, CZECH))) == sorted_rows


def stated(found: list[dict[str, Any]], account_id: str = "1") -> dict[str, int]:
    mine = [r for r in found if r["type"] == "balance_stated" and r["account_id"] == account_id]
    return {record["value_date"]: record["balance"] for record in mine}


def test_a_balance_off_by_rounding_is_stated_only_on_request(tmp_path: Path) -> None:
    # The interest of 14.60 was 14.56 before it was published: every balance from then on is 0.10 lower.
    rows = [list(row) for row in ROWS]
    for position, balance in ((7, "5815.00"), (8, "5800.40"), (9, "5000.40"), (10, "4900.40"), (11, "4950.40")):
        rows[position][6] = balance
    found, report = imported(write(tmp_path, rows, CZECH))
    assert list(stated(found)) == ["1993-01-01", "1993-01-02", "1993-01-04"]
    assert report.day_ends[DayEnd.ROUNDED] == 2
    assert (report.days_stated, report.days_uncertain, report.largest_rounding_minor) == (5, 2, 10)
    found, _ = imported(tmp_path, state_rounded=True)
    assert stated(found)["1993-01-05"] == 580040
    assert stated(found)["1993-01-06"] == 495040


def test_a_day_that_can_end_in_two_balances_is_not_stated(tmp_path: Path) -> None:
    # From 1,000.00: +0.10 to 1,000.20 and -0.10 to 1,000.00 fit in both orders, each step missing by 0.10.
    rows = [
        ["10", "1", "1993-01-01", "PRIJEM", "VKLAD", "1000.00", "1000.00", "", "", ""],
        ["11", "1", "1993-01-02", "PRIJEM", "VKLAD", "0.10", "1000.20", "", "", ""],
        ["12", "1", "1993-01-02", "VYDAJ", "VYBER", "0.10", "1000.00", "", "", ""],
        ["13", "1", "1993-01-03", "PRIJEM", "VKLAD", "500.00", "1500.00", "", "", ""],
    ]
    found, report = imported(write(tmp_path, rows, CZECH))
    assert report.day_ends[DayEnd.AMBIGUOUS] == 1
    assert stated(found) == {"1993-01-01": 100000, "1993-01-03": 150000}


def test_a_chain_without_a_miss_goes_before_one_with_misses(tmp_path: Path) -> None:
    # From 1,000.00: +0.10, -0.10 chains exactly to 1,000.00; the other order would end in 1,000.10, missing by 0.10.
    rows = [
        ["10", "1", "1993-01-01", "PRIJEM", "VKLAD", "1000.00", "1000.00", "", "", ""],
        ["11", "1", "1993-01-02", "VYDAJ", "VYBER", "0.10", "1000.00", "", "", ""],
        ["12", "1", "1993-01-02", "PRIJEM", "VKLAD", "0.10", "1000.10", "", "", ""],
    ]
    found, report = imported(write(tmp_path, rows, CZECH))
    assert stated(found) == {"1993-01-01": 100000, "1993-01-02": 100000}
    assert report.day_ends[DayEnd.CERTAIN] == 2


def test_a_gap_is_not_stated_and_a_later_chain_shows_what_is_missing(tmp_path: Path) -> None:
    rows = [row for row in ROWS if row[0] != "11"]
    found, report = imported(write(tmp_path, rows, CZECH))
    assert report.day_ends[DayEnd.GAP] == 1
    assert "1993-01-04" not in stated(found)
    # From the next chain on the bank's balance is known again, and differs by the missing 5,300.50.
    assert stated(found)["1993-01-05"] == 580050


def test_an_unreadable_row_leaves_its_day_unstated(tmp_path: Path) -> None:
    found, report = imported(write(tmp_path, with_row(1, amount="x"), CZECH))
    assert report.day_ends[DayEnd.UNREADABLE] == 1
    assert "1993-01-02" not in stated(found)
    found, report = imported(write(tmp_path, with_row(1, balance="x"), CZECH))
    assert [str(p) for p in report.problems] == ["trans.asc:3: balance: not an amount: 'x'; the posting was taken"]
    assert "trans-11" in [record["event_id"] for record in found]
    assert "1993-01-02" not in stated(found)
