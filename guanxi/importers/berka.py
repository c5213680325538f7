"""The public PKDD'99 ("Berka") bank data as records of CONTRACT §1.

What becomes what:

- An account's customer is its OWNER in `disp`; ids are the ids of the data. Currency CZK, all amounts whole hellers.
- Business days: every calendar day from the first opening to the last transaction, all closed by the source "core".
  Of a day come first its openings (category deposit, balance 0), then its postings in file order, then the balances
  that the bank stated, then `business_day_closed` with its totals.
- Accounts opened after the last transaction are left out, and counted: the data end before they begin.
- The data know no time of day: `occurred_at` is noon (openings: midnight) at Prague's winter offset, +01:00, all year.
- A pension (DUCHOD) is `payroll_credited`: a regular income whose absence means the same as that of a salary.
- Cash is counterparty kind `cash`, every transfer is with another bank; k_symbol becomes an English memo.
- Loans, cards and standing orders are not read: their payments are transactions already.

Both vocabularies of the data set are read (Czech, English), `.asc` or `.csv`, comma, semicolon or tab, quoted or not,
dates as YYMMDD, YYYYMMDD or YYYY-MM-DD, UTF-8 or latin-1; columns are found by their names in the header.
A row that cannot be read is left out and told in the `Report`; nothing stops but for a missing file or column.
Balances the bank stated are judged by `guanxi.importers.berka_balances`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from guanxi.importers.berka_balances import DayEnd, EndOfDay, Movement
from guanxi.importers.berka_files import (
    BerkaError,
    Problem,
    Row,
    Table,
    minor_units,
    read_date,
)

__all__ = ["POLICY_FILE", "BerkaError", "Problem", "Report", "records"]

POLICY_FILE: Final = Path(__file__).with_name("berka.toml")
"""A policy for these data: currency CZK and a ladder that fits their balances."""

SOURCE: Final = "core"
CURRENCY: Final = "CZK"
OFFSET: Final = "+01:00"
PROBLEMS_KEPT: Final = 1_000

Fields = dict[str, object]


@dataclass
class Report:
    """What was read and what was not; complete once the records are exhausted."""

    accounts: int = 0
    accounts_after_end: int = 0
    rows: int = 0
    records: dict[str, int] = field(default_factory=dict)
    problem_count: int = 0
    problems: list[Problem] = field(default_factory=list)
    day_ends: dict[DayEnd, int] = field(default_factory=lambda: dict.fromkeys(DayEnd, 0))
    largest_rounding_minor: int = 0

    def add(self, problem: Problem) -> None:
        """Count a problem; the first thousand are kept with file, line and field."""
        self.problem_count += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(problem)

    @property
    def days_stated(self) -> int:
        """Account-days whose end-of-day balance was stated."""
        return self.records.get("balance_stated", 0)

    @property
    def days_uncertain(self) -> int:
        """Account-days with transactions whose end-of-day balance was not stated; why: `day_ends`."""
        return sum(self.day_ends.values()) - self.days_stated


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of transaction is recorded."""

    type: str
    sign: int
    channel: str | None = None
    counterparty: str | None = None


CASH_IN: Final = Kind("deposit", 1, "counter", "cash")
CASH_OUT: Final = Kind("withdrawal", -1, "counter", "cash")
CARD_OUT: Final = Kind("withdrawal", -1, "card", "cash")
FROM_BANK: Final = Kind("transfer_in", 1, None, "other_bank")
TO_BANK: Final = Kind("transfer_out", -1, None, "other_bank")
INTEREST: Final = Kind("interest_credited", 1)
FEE: Final = Kind("fee_charged", -1)
PENSION: Final = Kind("payroll_credited", 1, None, "other_bank")

SIGNS: Final[Mapping[str, int]] = {
    "prijem": 1, "credit": 1,
    "vydaj": -1, "vyber": -1, "withdrawal": -1, "debit": -1, "withdrawal in cash": -1,
}  # fmt: skip
OPERATIONS: Final[Mapping[str, Kind]] = {
    "vklad": CASH_IN, "credit in cash": CASH_IN,
    "vyber": CASH_OUT, "withdrawal in cash": CASH_OUT,
    "vyber kartou": CARD_OUT, "credit card withdrawal": CARD_OUT,
    "prevod z uctu": FROM_BANK, "collection from another bank": FROM_BANK,
    "prevod na ucet": TO_BANK, "remittance to another bank": TO_BANK,
}  # fmt: skip
MEMOS: Final[Mapping[str, str]] = {
    "urok": "interest", "interest credited": "interest",
    "sluzby": "statement fee", "payment for statement": "statement fee",
    "payment on statement": "statement fee",
    "sankc. urok": "penalty interest", "sanction interest": "penalty interest",
    "sanction interest if negative balance": "penalty interest",
    "sipo": "household", "household": "household", "household payment": "household",
    "duchod": "pension", "old-age pension": "pension", "pension": "pension",
    "pojistne": "insurance", "insurance payment": "insurance", "insurrance payment": "insurance",
    "uver": "loan payment", "loan payment": "loan payment",
    "leasing": "leasing",
}  # fmt: skip
BY_MEMO: Final[Mapping[str, Kind]] = {
    "interest": INTEREST,
    "statement fee": FEE,
    "penalty interest": FEE,
    "pension": PENSION,
}


@dataclass(frozen=True, slots=True)
class Account:
    """An account with its customer."""

    account_id: str
    customer_id: str
    opened_on: date


@dataclass(slots=True)
class Day:
    """The transactions of one date."""

    on: date
    rows: list[Row]


def records(folder: Path, report: Report | None = None, *, state_rounded: bool = False) -> Iterator[bytes]:
    """The bank's records in log order, each a JSON line without newline.

    folder: holds account, disp and trans (`.asc` or `.csv`). report: filled on the way.
    state_rounded: state certain balances also where rounding in the data keeps them from the sum of the amounts.
    Raises BerkaError for a missing file or column, before the first record.
    """
    report = Report() if report is None else report
    accounts = _accounts(folder, report)
    trans = Table(folder, ("trans", "transaction", "transactions"), _TRANS_COLUMNS)
    return _records(accounts, trans, report, state_rounded)


_TRANS_COLUMNS: Final = (
    "trans_id",
    "account_id",
    "date",
    "type",
    "operation",
    "amount",
    "balance",
    "k_symbol",
    "bank",
    "account",
)


def _accounts(folder: Path, report: Report) -> dict[str, Account]:
    """Every account that has an owner and a date, by id, in order of opening."""
    dispositions = Table(folder, ("disp", "disposition", "dispositions"), ("client_id", "account_id", "type"))
    owners: dict[str, str] = {}
    for row in dispositions.rows(report.add):
        if row["type"].upper() == "OWNER":
            owners[row["account_id"]] = row["client_id"]
    accounts = []
    for row in Table(folder, ("account", "accounts"), ("account_id", "date")).rows(report.add):
        opened_on = read_date(row["date"])
        owner = owners.get(row["account_id"])
        if opened_on is None:
            report.add(row.problem("date", f"not a date: {row['date']!r}"))
        elif not owner:
            report.add(row.problem("account_id", f"account {row['account_id']!r} has no OWNER in disp"))
        else:
            accounts.append(Account(row["account_id"], owner, opened_on))
    accounts.sort(key=lambda account: account.opened_on)
    return {account.account_id: account for account in accounts}


def _records(accounts: dict[str, Account], trans: Table, report: Report, state_rounded: bool) -> Iterator[bytes]:
    ends = EndOfDay(report.day_ends)
    waiting = iter(accounts.values())
    opening = next(waiting, None)
    today: date | None = None
    for day in _days(trans, report):
        if today is None:
            today = min(day.on, opening.opened_on) if opening else day.on
        while today <= day.on:
            count, signed_sum_minor = 0, 0
            while opening is not None and opening.opened_on <= today:
                report.accounts += 1
                ends.open(opening.account_id)
                yield _line(report, _opening(opening))
                opening = next(waiting, None)
            if today == day.on:
                for record, sign in _postings(day, accounts, ends, report):
                    count += 1
                    signed_sum_minor += sign * record["amount"]  # type: ignore[operator]
                    yield _line(report, record)
                for account_id, balance_minor, rounding_minor in ends.close():
                    report.largest_rounding_minor = max(report.largest_rounding_minor, abs(rounding_minor))
                    if rounding_minor == 0 or state_rounded:
                        yield _line(report, _stated(accounts[account_id], today, balance_minor))
            yield _line(report, _close(today, count, signed_sum_minor))
            today += timedelta(days=1)
    while opening is not None:
        report.accounts_after_end += 1
        opening = next(waiting, None)


def _days(trans: Table, report: Report) -> Iterator[Day]:
    """The transactions day by day; the file is read as it stands when sorted by date, else sorted in memory."""
    day: Day | None = None
    for on, row in trans.rows_by_date(report.add):
        if day is None or on != day.on:
            if day is not None:
                yield day
            day = Day(on, [])
        day.rows.append(row)
    if day is not None:
        yield day


def _postings(day: Day, accounts: dict[str, Account], ends: EndOfDay, report: Report) -> Iterator[tuple[Fields, int]]:
    seen: set[str] = set()
    for row in day.rows:
        report.rows += 1
        account = accounts.get(row["account_id"])
        if account is None:
            report.add(row.problem("account_id", f"unknown account {row['account_id']!r}"))
            continue
        posting = _posting(row, account, day.on, seen)
        if isinstance(posting, Problem):
            report.add(posting)
            ends.unreadable(account.account_id)
            continue
        record, sign, amount_minor = posting
        balance_minor = minor_units(row["balance"])
        if balance_minor is None:
            report.add(row.problem("balance", f"not an amount: {row['balance']!r}; the posting was taken"))
            ends.unreadable(account.account_id)
        else:
            ends.move(account.account_id, Movement(sign * amount_minor, balance_minor))
        yield record, sign


def _posting(row: Row, account: Account, on: date, seen: set[str]) -> tuple[Fields, int, int] | Problem:
    sign = SIGNS.get(row["type"].lower())
    if sign is None:
        return row.problem("type", f"unknown type {row['type']!r}")
    kind_or_problem = _kind(row, sign)
    if isinstance(kind_or_problem, Problem):
        return kind_or_problem
    kind, memo = kind_or_problem
    amount_minor = minor_units(row["amount"])
    if amount_minor is None:
        return row.problem("amount", f"not an amount: {row['amount']!r}")
    if amount_minor <= 0:
        return row.problem("amount", f"must be above zero: {row['amount']!r}")
    if on < account.opened_on:
        return row.problem("date", f"{on} is before the account's opening on {account.opened_on}")
    trans_id = row["trans_id"]
    if not trans_id or trans_id in seen:
        return row.problem("trans_id", f"missing or used twice on one day: {trans_id!r}")
    seen.add(trans_id)
    record = _envelope(f"trans-{trans_id}", kind.type, on, account.customer_id) | {
        "account_id": account.account_id,
        "amount": amount_minor,
        "currency": CURRENCY,
        "value_date": on.isoformat(),
    }
    if kind.channel is not None:
        record["channel"] = kind.channel
    if kind.counterparty is not None:
        record["counterparty"] = _counterparty(kind.counterparty, row)
    if memo:
        record["memo"] = memo
    return record, sign, amount_minor


def _kind(row: Row, sign: int) -> tuple[Kind, str] | Problem:
    """The kind of record and the memo; the k_symbol goes first, because it says what the money is for."""
    symbol = row["k_symbol"]
    memo = MEMOS.get(symbol.lower(), symbol)
    kind = BY_MEMO.get(memo) or OPERATIONS.get(row["operation"].lower())
    if kind is None:
        return row.problem("operation", f"unknown operation {row['operation']!r} with k_symbol {symbol!r}")
    if kind.sign != sign:
        return row.problem("type", f"type {row['type']!r} contradicts {row['operation'] or symbol!r}")
    return kind, memo


def _counterparty(kind: str, row: Row) -> Fields:
    counterparty: Fields = {"kind": kind}
    if kind == "other_bank":
        for name in ("bank", "account"):
            if row[name]:
                counterparty[name] = row[name]
    return counterparty


def _envelope(event_id: str, record_type: str, on: date, customer_id: str | None, time: str = "12:00:00") -> Fields:
    envelope: Fields = {
        "event_id": event_id,
        "source": SOURCE,
        "type": record_type,
        "schema_version": 1,
        "occurred_at": f"{on.isoformat()}T{time}{OFFSET}",
    }
    if customer_id is not None:
        envelope["customer_id"] = customer_id
    return envelope


def _opening(account: Account) -> Fields:
    on = account.opened_on
    return _envelope(f"account-{account.account_id}", "account_opened", on, account.customer_id, "00:00:00") | {
        "account_id": account.account_id,
        "category": "deposit",
        "currency": CURRENCY,
        "value_date": on.isoformat(),
        "opening_balance": 0,
    }


def _stated(account: Account, on: date, balance_minor: int) -> Fields:
    event_id = f"balance-{account.account_id}-{on.isoformat()}"
    return _envelope(event_id, "balance_stated", on, account.customer_id, "23:59:00") | {
        "account_id": account.account_id,
        "balance": balance_minor,
        "currency": CURRENCY,
        "value_date": on.isoformat(),
    }


def _close(on: date, count: int, signed_sum_minor: int) -> Fields:
    """Openings are not in the totals: with a balance of 0 they move nothing (DOMAIN §2, control totals)."""
    return _envelope(f"close-{on.isoformat()}", "business_day_closed", on, None, "23:59:59") | {
        "date": on.isoformat(),
        "totals": {"count": count, "signed_sum": signed_sum_minor},
    }


def _line(report: Report, record: Fields) -> bytes:
    record_type = str(record["type"])
    report.records[record_type] = report.records.get(record_type, 0) + 1
    return msgspec.json.encode(record)
