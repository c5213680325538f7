"""Rows as a table, JSON lines or CSV, streamed; money and terms as people read them."""

import csv
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from typing import Any, Final, NamedTuple

import click
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from aggregates.money import exponent
from aggregates.policy import DEFAULT_LADDER, Level, Policy
from events.codec import to_json
from guanxi.cli.options import Asked
from guanxi.cli.tables import Head, laid_out, widened, widths_of
from guanxi.cli.words import STATES, Words

Row = Mapping[str, Any]

AT_ONCE: Final = 500
"""Rows of a table that are laid out together: columns are as wide as these, or as the widest so far."""

NOT_A_TERMINAL_COLUMNS: Final = 10_000
"""Width of a table that goes to a file or pipe: no cell is folded."""

SENTENCE_COLUMNS: Final = 98
"""Sentences are folded at so many cells, or where the terminal ends."""

_INDENT: Final = 6
"""So far in stands what is said below a row."""


DEFAULT_LEVELS: Final[Mapping[str, Level]] = {rung.code: rung for rung in DEFAULT_LADDER}


class Look(NamedTuple):
    """What cells need to know: the currency, and the levels by code."""

    currency: str = Policy().currency
    levels: Mapping[str, Level] = DEFAULT_LEVELS

    def money(self, minor: int | None) -> str:
        """Minor units with thousands separators and the currency's digits; - for none."""
        return "-" if minor is None else money(minor, self.currency)

    def level(self, code: str | None) -> str:
        """A level in both languages; its code where the policy has no name, - for none."""
        if code is None:
            return "-"
        known = self.levels.get(code)
        return str(Words(known.name_zh, known.name_en)).strip() or code if known else code


class Column(NamedTuple):
    """A column of a table: its heading, and the text of its cell from a row."""

    heading: Words
    cell: Callable[[Row, Look], str]
    right: bool = False


Below = Callable[[Row, Look], Iterable[str]]
"""Sentences that stand below a row of a table, over its whole width."""


class Listing(NamedTuple):
    """Rows of one kind: keys and order of JSON lines and CSV (CONTRACT §4), the columns of the table, and what is below a row."""

    keys: Sequence[str]
    columns: Sequence[Column]
    below: Below | None = None


def money(minor: int, currency: str) -> str:
    """Minor units as people write them: 123456789 CNY -> 1,234,567.89."""
    digits = exponent(currency)
    whole, rest = divmod(abs(minor), 10**digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole:,}" + (f".{rest:0{digits}d}" if digits else "")


def text(key: str) -> Callable[[Row, Look], str]:
    """The cell of a value shown as it is; - for none."""
    return lambda row, _: "-" if row[key] is None else str(row[key])


def count(key: str) -> Callable[[Row, Look], str]:
    """The cell of a number of months; - for none."""
    return lambda row, _: str(row[key]) if row[key] else "-"


def months(number: int) -> str:
    """A number of months in both languages."""
    return f"{number} 个月 month{'' if number == 1 else 's'}"


def amount(key: str) -> Callable[[Row, Look], str]:
    """The cell of an amount in minor units."""
    return lambda row, look: look.money(row[key])


def level(key: str) -> Callable[[Row, Look], str]:
    """The cell of a level."""
    return lambda row, look: look.level(row[key])


def term(key: str, words: Mapping[str, Words]) -> Callable[[Row, Look], str]:
    """The cell of a fixed word, in both languages."""
    return lambda row, _: str(words.get(row[key], row[key]))


def standing(row: Row, look: Look) -> str:
    """State and level of a row as short as can be: of a VIP the level alone."""
    if row["state"] == "vip":
        return look.level(row["level"])
    word = str(STATES.get(row["state"], row["state"]))
    return f"{word} · {look.level(row['level'])}" if row["level"] else word


def freshness_line(block: int, closed_through: str | None, shards: int = 1) -> str:
    """How fresh what was shown is; block: the last one, or how many blocks there are in so many shards."""
    closed = f"business days closed through {closed_through}" if closed_through else "no business day closed yet"
    blocks = f"block {block:,}" if shards < 2 else f"{block:,} blocks in {shards} shards"
    return f"as of {blocks}, {closed}"


class _Terminal(Console):
    """A console that leaves it to the program what happens when the reader goes away."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def console() -> Console:
    """Where tables go: as wide as the terminal, or as they need."""
    wide = None if sys.stdout.isatty() else NOT_A_TERMINAL_COLUMNS
    return _Terminal(file=sys.stdout, width=wide, highlight=False, emoji=False, markup=False)


def look_of(policies: Iterable[Policy]) -> Look:
    """The look of a log: the currency of its latest policy, and the levels of every version, the latest last."""
    versions = sorted(policies, key=lambda policy: policy.valid_from or 0)
    if not versions:
        return Look()
    return Look(versions[-1].currency, {rung.code: rung for policy in versions for rung in policy.ladder})


def show(rows: Iterable[Row], listing: Listing, asked: Asked, look: Look, footer: str) -> None:
    """Put rows out as asked for. What goes wrong with the first row goes wrong before anything is written.

    rows: closed when this returns, so that a reader that went away leaves nothing open.
    """
    with ExitStack() as stack:
        if isinstance(rows, Generator):
            stack.callback(rows.close)
        stream = iter(rows)
        begun = chain(list(islice(stream, 1)), stream)
        match asked.rows(is_terminal=sys.stdout.isatty()):
            case "jsonl":
                put_json_lines(begun)
            case "csv":
                put_csv(begun, listing.keys)
            case "table":
                put_table(begun, listing.columns, look, below=listing.below)
                if footer:
                    click.echo(footer)


def put_json_lines(rows: Iterable[Row]) -> None:
    """One JSON object a row, nulls kept."""
    out = sys.stdout.buffer
    for row in rows:
        out.write(to_json(row) + b"\n")


def put_csv(rows: Iterable[Row], keys: Sequence[str]) -> None:
    """CSV with a header; null and what a row leaves out are empty, what is no plain value is JSON."""
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(keys)
    for row in rows:
        out.writerow([_csv_cell(row.get(key)) for key in keys])


def _csv_cell(value: Any) -> Any:
    return to_json(value).decode() if isinstance(value, dict | list | tuple) else value


def put_table(
    rows: Iterable[Row], columns: Sequence[Column], look: Look, to: Console | None = None, *, below: Below | None = None
) -> None:
    """A table, laid out so many rows at a time; says so when there are none."""
    to = to or console()
    stream = iter(rows)
    heads = [Head(column.heading, column.right) for column in columns]
    widths = widths_of(heads)
    first = True
    while part := list(islice(stream, AT_ONCE)):
        cells = [[column.cell(row, look) for column in columns] for row in part]
        widths = widened(widths, cells)
        if below is None:
            to.print(laid_out(heads, cells, widths, to.width, headed=first))
        else:
            for at, row in enumerate(part):
                to.print(laid_out(heads, cells[at : at + 1], widths, to.width, headed=first and not at))
                put_sentences(below(row, look), to, _INDENT)
        first = False
    if first:
        to.print(Text("无记录 none", style="dim"))


def put_sentences(sentences: Iterable[str], to: Console | None = None, indent: int = 0) -> None:
    """Sentences, folded as a page is wide. indent: so far in they stand."""
    to = to or console()
    width = max(min(to.width, SENTENCE_COLUMNS) - indent, 1)
    for sentence in sentences:
        for line in Text(sentence).wrap(to, width):
            to.print(Text(" " * indent + line.plain.rstrip()))


def pairs(rows: Iterable[tuple[Words, str]]) -> Iterator[tuple[str, str]]:
    """Terms and values as the two columns of a page, the terms padded to one width."""
    found = [(str(words), value) for words, value in rows]
    width = max((cell_len(words) for words, _ in found), default=0)
    for words, value in found:
        yield words + " " * (width - cell_len(words)), value
