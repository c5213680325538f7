"""Reading the tables of the Berka data: encoding, separator, header, dates and exact amounts."""

import codecs
import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

SUFFIXES: Final = (".asc", ".csv")
EMPTY: Final = frozenset({"null", "nan", "na", "none", "\\n"})
AMOUNT: Final = re.compile(r"(-?)(\d{1,13})(?:\.(\d{1,2})0*)?")
SHORT_DATE: Final = re.compile(r"(\d\d)(\d\d)(\d\d)")
LONG_DATE: Final = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[ T]00:00(?::00)?)?")


class BerkaError(Exception):
    """The folder cannot be read at all: a file or a column is missing. Says which and where."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was left out, or a field of it: where and why."""

    file: str
    line: int
    field: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field}: {self.detail}"


class Row:
    """One row by column name; missing values are empty strings."""

    __slots__ = ("_columns", "_file", "_values", "line")

    def __init__(self, file: str, line: int, columns: dict[str, int], values: Sequence[str]) -> None:
        self.line = line
        self._file = file
        self._columns = columns
        self._values = values

    def __getitem__(self, name: str) -> str:
        value = self._values[self._columns[name]].strip()
        return "" if value.lower() in EMPTY else value

    def problem(self, field: str, detail: str) -> Problem:
        """A problem of this row."""
        return Problem(self._file, self.line, field, detail)


def minor_units(text: str) -> int | None:
    """An amount with at most two decimals as whole minor units, or None where it is none."""
    match = AMOUNT.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction = match.groups(default="")
    value = int(whole) * 100 + int(fraction.ljust(2, "0") or "0")
    return -value if sign else value


def read_date(text: str) -> date | None:
    """A date as YYMMDD (19YY), YYYYMMDD or YYYY-MM-DD, or None where it is none."""
    century = 0
    match = LONG_DATE.fullmatch(text)
    if match is None:
        match, century = SHORT_DATE.fullmatch(text), 1900
    if match is None:
        return None
    year, month, day = map(int, match.groups())
    try:
        return date(century + year, month, day)
    except ValueError:
        return None


class Table:
    """One file of the folder, read row by row."""

    def __init__(self, folder: Path, names: Sequence[str], columns: Sequence[str]) -> None:
        """Find the file by name and its columns by header; raises BerkaError where one is missing."""
        self._path = _find(folder, names)
        self._encoding = _encoding(self._path)
        with self._path.open(encoding=self._encoding, newline="") as file:
            header = file.readline()
        self._separator = max(";,\t", key=header.count)
        cells = next(csv.reader([header], delimiter=self._separator), [])
        found = {cell.strip().lower(): position for position, cell in enumerate(cells)}
        missing = [name for name in columns if name not in found]
        if missing:
            raise BerkaError(f"{self._path}:1: column missing: {', '.join(missing)}; take the published file")
        self._columns = {name: found[name] for name in columns}
        self._width = max(self._columns.values()) + 1

    def rows(self, tell: Callable[[Problem], None]) -> Iterator[Row]:
        """The rows in file order; one that is too short goes to `tell`."""
        with self._path.open(encoding=self._encoding, newline="") as file:
            reader = csv.reader(file, delimiter=self._separator)
            next(reader, None)
            for values in reader:
                if not values:
                    continue
                row = Row(self._path.name, reader.line_num, self._columns, values)
                if len(values) < self._width:
                    missing = next(name for name, at in self._columns.items() if at >= len(values))
                    tell(row.problem(missing, f"missing: the row has {len(values)} fields"))
                else:
                    yield row

    def rows_by_date(self, tell: Callable[[Problem], None]) -> Iterator[tuple[date, Row]]:
        """The rows with their date, ascending, file order within a date; one without a date goes to `tell`."""
        dated = self._dated(tell)
        # The published files are sorted; sorting in memory is for those that are not.
        yield from dated if self._sorted() else sorted(dated, key=lambda pair: pair[0])

    def _dated(self, tell: Callable[[Problem], None]) -> Iterator[tuple[date, Row]]:
        known: dict[str, date] = {}
        for row in self.rows(tell):
            text = row["date"]
            on = known.get(text) or read_date(text)
            if on is None:
                tell(row.problem("date", f"not a date: {text!r}"))
            else:
                known[text] = on
                yield on, row

    def _sorted(self) -> bool:
        before = date.min
        for on, _ in self._dated(lambda _: None):
            if on < before:
                return False
            before = on
        return True


def _find(folder: Path, names: Sequence[str]) -> Path:
    if not folder.is_dir():
        raise BerkaError(f"{folder}: not a folder; expected one with account, disp and trans (.asc or .csv)")
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES and path.stem.lower() in names:
            return path
    raise BerkaError(
        f"{folder}: no {names[0]}.asc or {names[0]}.csv in it; give the folder with account, disp and trans (.asc or .csv)"
    )


def _encoding(path: Path) -> str:
    """UTF-8 (with or without mark) if every byte agrees, else latin-1."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8-sig"
