"""A small Berka folder written in either vocabulary, with any separator, quotes, extension and date form."""

from dataclasses import dataclass
from pathlib import Path

TRANS = ["trans_id", "account_id", "date", "type", "operation", "amount", "balance", "k_symbol", "bank", "account"]

ENGLISH = {
    "PRIJEM": "credit",
    "VYDAJ": "withdrawal",
    "VKLAD": "credit in cash",
    "VYBER": "withdrawal in cash",
    "VYBER KARTOU": "credit card withdrawal",
    "PREVOD Z UCTU": "collection from another bank",
    "PREVOD NA UCET": "remittance to another bank",
    "UROK": "interest credited",
    "SLUZBY": "payment for statement",
    "SANKC. UROK": "sanction interest if negative balance",
    "SIPO": "household",
    "DUCHOD": "old-age pension",
    "POJISTNE": "insurrance payment",
    "UVER": "loan payment",
}

ACCOUNTS = [["1", "18", "POPLATEK MESICNE", "1993-01-01"], ["2", "1", "POPLATEK TYDNE", "1993-01-03"],
            ["3", "1", "POPLATEK MESICNE", "1995-06-01"]]  # fmt: skip
DISP = [["1", "101", "1", "OWNER"], ["2", "102", "2", "OWNER"], ["3", "103", "2", "DISPONENT"],
        ["4", "104", "3", "OWNER"]]  # fmt: skip

# Account 1 has two transactions on 1993-01-04 in the wrong order; account 2 begins on 1993-01-03.
ROWS = [
    ["10", "1", "1993-01-01", "PRIJEM", "VKLAD", "1000.00", "1000.00", "", "", ""],
    ["11", "1", "1993-01-02", "PRIJEM", "PREVOD Z UCTU", "5300.50", "6300.50", "DUCHOD", "ST", "6210123"],
    ["20", "2", "1993-01-03", "PRIJEM", "VKLAD", "200.00", "200.00", "", "", ""],
    ["13", "1", "1993-01-04", "VYDAJ", "PREVOD NA UCET", "300.00", "5800.50", "SIPO", "YZ", "87144583"],
    ["12", "1", "1993-01-04", "VYDAJ", "VYBER", "200.00", "6100.50", "", "", ""],
    ["21", "2", "1993-01-04", "VYDAJ", "VYBER KARTOU", "250.00", "-50.00", "", "", ""],
    ["22", "2", "1993-01-04", "VYDAJ", "VYBER", "0.10", "-50.10", "SANKC. UROK", "", ""],
    ["14", "1", "1993-01-05", "PRIJEM", "", "14.6", "5815.10", "UROK", "", ""],
    ["15", "1", "1993-01-05", "VYDAJ", "VYBER", "14.60", "5800.50", "SLUZBY", "", ""],
    ["16", "1", "1993-01-06", "VYDAJ", "PREVOD NA UCET", "800", "5000.50", "UVER", "AB", "1"],
    ["17", "1", "1993-01-06", "VYDAJ", "PREVOD NA UCET", "100", "4900.50", "POJISTNE", "QR", "2"],
    ["18", "1", "1993-01-06", "PRIJEM", "PREVOD Z UCTU", "50.00", "4950.50", "", "EF", "3"],
]


@dataclass(frozen=True)
class Look:
    """How a folder is written."""

    english: bool = False
    separator: str = ";"
    quotes: bool = True
    extension: str = ".asc"
    short_dates: bool = True
    encoding: str = "latin-1"


def write(folder: Path, rows: list[list[str]], look: Look, header: list[str] | None = None) -> Path:
    """Write account, disp and trans into the folder and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    _table(folder / f"account{look.extension}", ["account_id", "district_id", "frequency", "date"], ACCOUNTS, look)
    _table(folder / f"disp{look.extension}", ["disp_id", "client_id", "account_id", "type"], DISP, look)
    _table(folder / f"trans{look.extension}", header or TRANS, rows, look)
    return folder


def _table(path: Path, header: list[str], rows: list[list[str]], look: Look) -> None:
    quote = '"' if look.quotes else ""
    lines = [header, *([_cell(cell, look) for cell in row] for row in rows)]
    text = "\r\n".join(look.separator.join(f"{quote}{cell}{quote}" for cell in line) for line in lines) + "\r\n"
    path.write_bytes(text.encode(look.encoding))


def _cell(cell: str, look: Look) -> str:
    if look.short_dates and len(cell) == 10 and cell[4] == cell[7] == "-":
        return cell[2:].replace("-", "")
    return ENGLISH.get(cell, cell) if look.english else cell
