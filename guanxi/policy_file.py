"""The policy file: TOML of CONTRACT §3 -> a policy. What is wrong is told with file, line and field, all at once.

Left out means the defaults of DOMAIN §4; `version` must be there. What a trigger may be told follows from its rule
(``guanxi.policy_triggers``). The default ladder is that of DOMAIN §4 in whole units of the policy's currency.
"""

import re
import tomllib
from bisect import bisect_left
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, create_model

from aggregates.money import exponent, scaled
from aggregates.policy import DEFAULT_LADDER, Level, Policy
from aggregates.triggers.catalog import RULES
from events.codec import CURRENCIES, SOURCES
from guanxi.policy_triggers import stated, tables, too_fine
from guanxi.policy_words import Decimal, Strict

_LINE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)\Z")
_DEFAULT_EXPONENT: Final = 2
"""Digits of the currency in which ``DEFAULT_LADDER`` is written."""


class Problem(NamedTuple):
    """One thing wrong with a policy file. line: from 1; field: dotted, "" for the file as a whole."""

    file: str
    line: int
    field: str
    problem: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.problem}"


class PolicyError(Exception):
    """A policy file that is refused (CONTRACT §3), with everything that is wrong, in order of lines."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(map(str, problems)))
        self.problems = problems


def load(path: str | Path) -> tuple[Policy, dict[str, Any]]:
    """The policy in a file, and the file's whole content (dates as ISO texts). Raises PolicyError, OSError."""
    name, data = str(path), Path(path).read_bytes()
    try:
        return parse(data.decode(), name)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise PolicyError([Problem(name, line, "", "not UTF-8; save it as UTF-8")]) from None


def parse(text: str, name: str) -> tuple[Policy, dict[str, Any]]:
    """As ``load``, from a text; name: what problems call the file. Raises PolicyError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = _LINE.search(str(error))
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        raise PolicyError(
            [Problem(name, line, "", f"not TOML: {_LINE.sub('', str(error))}; write key = value, tables as [table]")]
        ) from None
    except (ValueError, RecursionError) as error:  # of the reader itself, not of the form: they carry no place
        what = "nested too deep" if isinstance(error, RecursionError) else "a number with too many digits"
        raise PolicyError([Problem(name, _line_of(type(error), text), "", what)]) from None
    lines = _Lines(text).found

    def problem(place: tuple[str | int, ...], what: str) -> Problem:
        known = next((place[:n] for n in range(len(place), 0, -1) if place[:n] in lines), ())
        return Problem(name, lines.get(known, 1), _dotted(place), what)

    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        found = [problem(e["loc"], _said(e["type"], e["msg"])) for e in error.errors(include_url=False)]
    else:
        found = [problem(place, what) for place, what in _across(file)]
    if found:
        raise PolicyError(sorted(found, key=lambda p: p.line))
    return _policy(file), _plain(content)


def _line_of(kind: type[Exception], text: str) -> int:
    """The line at which reading raises this: the text up to it does, and up to the line before does not."""

    def raises(line: int) -> bool:
        try:
            tomllib.loads("".join(lines[:line]))
        except Exception as error:
            return type(error) is kind
        return False

    lines = [f"{line}\n" for line in text.split("\n")]
    return bisect_left(range(len(lines)), True, key=raises)


def _dotted(place: tuple[str | int, ...]) -> str:
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).removeprefix(".")


def _said(kind: str, message: str) -> str:
    said = {
        "extra_forbidden": "unknown key",
        "missing": "missing",
        "string_type": "should be text in quotes",
        "int_type": "should be a whole number, without quotes",
        "bool_type": "should be true or false, without quotes",
    }.get(kind, message)
    return said.removeprefix("Value error, ").replace("Input should be", "should be")


def _plain(content: Any) -> Any:
    """A TOML value with dates and times as ISO texts."""
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_plain(value) for value in content]
    return content.isoformat() if isinstance(content, date) else content


# ---------------------------------------------------------------------------------------------------- the form


def _first_of_month(value: object) -> object:
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError("should be a date such as 2026-01-01, without quotes")
    if value.day != 1:
        raise ValueError("should be a first of month")
    return value


def _known(texts: Mapping[str, None]) -> Callable[[str], str]:
    def test(text: str) -> str:
        texts[text]
        return text

    return test


def _all_different(texts: list[str]) -> list[str]:
    if len(set(texts)) < len(texts):
        raise ValueError("should name each only once")
    return texts


_Text = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^\S(.*\S)?$")]
_AtLeastOne = Annotated[int, Field(ge=1, le=10_000)]
_Source = Annotated[str, AfterValidator(_known(SOURCES))]


class _Name(Strict):
    zh: str = ""
    en: str = ""


class _Level(Strict):
    code: _Text
    threshold: Decimal
    name: _Name = _Name()


class _Calendar(Strict):
    sources: Annotated[list[_Source], Field(min_length=1), AfterValidator(_all_different)] | None = None


class _Windows(Strict):
    watch_months: _AtLeastOne = 3
    exit_months: _AtLeastOne = 6
    grace_months: _AtLeastOne = 2
    special_years: Annotated[int, Field(ge=1, le=100)] = 1
    restatement_months: _AtLeastOne = 12


_RULES: Final = {rule.code: rule.parameters for rule in RULES}
_Triggers = tables(_RULES)


class _Known(Strict):
    version: _Text
    valid_from: Annotated[date, BeforeValidator(_first_of_month)] | None = None
    currency: Annotated[str, AfterValidator(_known(CURRENCIES))] = "CNY"
    calendar: _Calendar = _Calendar()
    levels: Annotated[list[_Level], Field(min_length=1)] | None = None
    windows: _Windows = _Windows()
    triggers: Any = None


_File: Any = create_model("File", __base__=_Known, triggers=(_Triggers, _Triggers()))


def _across(file: _Known) -> list[tuple[tuple[str | int, ...], str]]:
    """What is wrong between fields: (place, problem)."""
    found: list[tuple[tuple[str | int, ...], str]] = []
    digits = exponent(file.currency)
    finer = f"has more digits after the point than {file.currency} has: {digits}"

    def minor(place: tuple[str | int, ...], text: str) -> int | None:
        try:
            return scaled(text, digits)
        except ValueError:
            found.append((place, finer))
            return None

    before, codes = 0, set()
    for at, level in enumerate(file.levels or ()):
        if level.code in codes:
            found.append((("levels", at, "code"), f"{level.code} stands twice"))
        codes.add(level.code)
        threshold = minor(("levels", at, "threshold"), level.threshold)
        if threshold is not None:
            if threshold <= before:
                found.append(
                    (("levels", at, "threshold"), "should be above the one before" if at else "should be above 0")
                )
            before = threshold
    for code, parameter in too_fine(file.triggers, _RULES, digits):
        found.append((("triggers", code, parameter), finer))
    return found


def _policy(file: _Known) -> Policy:
    digits = exponent(file.currency)
    if file.levels is None:
        # Whole units in every currency: 200,000 yuan, 200,000 yen.
        ladder = tuple(
            Level(lv.code, lv.threshold_minor // 10**_DEFAULT_EXPONENT * 10**digits, lv.name_zh, lv.name_en)
            for lv in DEFAULT_LADDER
        )
    else:
        ladder = tuple(Level(lv.code, scaled(lv.threshold, digits), lv.name.zh, lv.name.en) for lv in file.levels)
    sources = file.calendar.sources
    return Policy(
        version=file.version,
        valid_from=file.valid_from.toordinal() if file.valid_from else None,
        currency=file.currency,
        sources=None if sources is None else tuple(sources),
        ladder=ladder,
        **file.windows.model_dump(),
        triggers=stated(file.triggers, _RULES, digits),
    )


# ---------------------------------------------------------------------------------------------------- lines


class _Lines:
    """The line of every key and element of a TOML text that is known to be well formed (tomllib keeps no lines).

    found: path -> line from 1; an element of an array, or of an array of tables, has its index in the path.
    """

    def __init__(self, text: str) -> None:
        self._text, self._at = text.replace("\r\n", "\n"), 0
        self.found: dict[tuple[str | int, ...], int] = {}
        self._tables: dict[tuple[str | int, ...], int] = {}
        table: tuple[str | int, ...] = ()
        while self._skip(" \t\n"):
            if self._text.startswith("[[", self._at):
                self._at += 2
                path = self._path(self._keys("]"))
                self._at += 2
                self._tables[path] = self._tables.get(path, -1) + 1
                table = self._note((*path, self._tables[path]))
            elif self._text[self._at] == "[":
                self._at += 1
                keys = self._keys("]")
                self._at += 1
                table = self._note((*self._path(keys[:-1], inside=True), keys[-1]))
            else:
                self._pair(table)

    def _path(self, keys: list[str], *, inside: bool = False) -> tuple[str | int, ...]:
        """Where a header leads: through the last element of each array of tables on the way (inside: its end too)."""
        path: tuple[str | int, ...] = ()
        for at, key in enumerate(keys):
            path = (*path, key)
            if path in self._tables and (inside or at < len(keys) - 1):
                path = (*path, self._tables[path])
        return path

    def _note(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        line = self._text.count("\n", 0, self._at) + 1
        for n in range(1, len(path) + 1):
            self.found.setdefault(path[:n], line)
        return path

    def _skip(self, white: str) -> bool:
        """Pass white space and comments; whether anything is left."""
        while self._at < len(self._text):
            if self._text[self._at] == "#":
                self._pass_to("\n")
            elif self._text[self._at] not in white:
                return True
            else:
                self._at += 1
        return False

    def _pass_to(self, stops: str) -> str:
        start = self._at
        while self._at < len(self._text) and self._text[self._at] not in stops:
            self._at += 1
        return self._text[start : self._at]

    def _keys(self, end: str) -> list[str]:
        """A dotted key up to `end`, which is not passed."""
        start = self._at
        while self._text[self._at] != end:
            if self._text[self._at] in "\"'":
                self._string()
            else:
                self._at += 1
        keys: list[str] = []
        content: Any = tomllib.loads(self._text[start : self._at] + "=0")
        while isinstance(content, dict):
            [(key, content)] = content.items()
            keys.append(key)
        return keys

    def _pair(self, table: tuple[str | int, ...]) -> None:
        start = self._at
        keys = self._keys("=")
        end, self._at = self._at, start
        path = self._note((*table, *keys))
        self._at = end + 1
        self._skip(" \t")
        self._value(path)

    def _value(self, path: tuple[str | int, ...]) -> None:
        first = self._text[self._at]
        if first in "\"'":
            self._string()
        elif first == "[":
            self._at += 1
            index = 0
            while self._skip(" \t\n,") and self._text[self._at] != "]":
                self._value(self._note((*path, index)))
                index += 1
            self._at += 1
        elif first == "{":
            self._at += 1
            while self._skip(" \t\n,") and self._text[self._at] != "}":
                self._pair(path)
            self._at += 1
        else:
            self._pass_to(",]}#\n")

    def _string(self) -> None:
        quote = self._text[self._at]
        end = quote * 3 if self._text.startswith(quote * 3, self._at) else quote
        self._at += len(end)
        while not self._text.startswith(end, self._at):
            self._at += 2 if quote == '"' and self._text[self._at] == "\\" else 1
        self._at += len(end)
        if len(end) == 3:  # up to two quotes may stand before the closing three
            while self._at < len(self._text) and self._text[self._at] == quote:
                self._at += 1
