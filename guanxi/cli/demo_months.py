"""How many tier changes of each kind every month brought: kinds down the side, months across. Plain text."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.cells import cell_len

from guanxi.cli.words import KINDS, Words

UP: Final = ("entered", "reentered", "upgraded")
DOWN: Final = ("downgraded", "lapsed", "exited")
GROUPS: Final[Sequence[tuple[Words | None, Sequence[str]]]] = (
    (Words("升", "Up"), UP),
    (Words("降", "Down"), DOWN),
    (None, [kind for kind in KINDS if kind not in {*UP, *DOWN}]),
)
"""Kinds that are added up under a heading, and the others."""
MOST_MONTHS: Final = 14
TOTAL: Final = Words("合计", "Total")


def months_of(changes: Iterable[Mapping[str, Any]]) -> dict[str, Counter[str]]:
    """Tier changes by the month in which they were decided and by kind; months ascending, none left out between."""
    found: dict[str, Counter[str]] = {}
    for change in changes:
        found.setdefault(change["decided_at"][:7], Counter())[change["kind"]] += 1
    months = _through(min(found), max(found)) if found else []
    return {month: found.get(month, Counter()) for month in months}


def months_table(months: Mapping[str, Counter[str]]) -> list[str]:
    """The lines of the table, of the last MOST_MONTHS months; kinds that never came are left out."""
    shown = list(months)[-MOST_MONTHS:]
    rows: list[tuple[str, list[int]]] = []
    for words, kinds in GROUPS:
        of_kind = [(kind, [months[month][kind] for month in shown]) for kind in kinds]
        if words is not None:
            rows.append((str(words), [sum(numbers) for numbers in zip(*(n for _, n in of_kind), strict=True)]))
        indent = "  " if words is not None else ""
        rows += [(f"{indent}{KINDS[kind]}", numbers) for kind, numbers in of_kind if any(numbers)]
    label = max(cell_len(name) for name, _ in rows)
    cell = 1 + max(2, *(len(str(number)) for _, numbers in rows for number in numbers))
    numbers_of_months = "".join(f"{int(month[5:]):>{cell}}" for month in shown)
    return [
        " " * label + _years(shown, cell),
        f"{' ' * label}{numbers_of_months}  {TOTAL}",
        *(_line(name, numbers, label, cell) for name, numbers in rows),
    ]


def _through(first: str, last: str) -> list[str]:
    index = [12 * int(month[:4]) + int(month[5:]) - 1 for month in (first, last)]
    return [f"{at // 12:04}-{at % 12 + 1:02}" for at in range(index[0], index[1] + 1)]


def _years(shown: Sequence[str], cell: int) -> str:
    """Each year over its first month, if the one before leaves room."""
    line = ""
    for at, month in enumerate(shown):
        place = (at + 1) * cell - 2
        if (at == 0 or month.endswith("-01")) and place >= len(line):
            line = f"{line:<{place}}{month[:4]} "
    return line.rstrip()


def _line(name: str, numbers: Sequence[int], label: int, cell: int) -> str:
    cells = "".join(f"{number or '·':>{cell}}" for number in numbers)
    return f"{name}{' ' * (label - cell_len(name))}{cells}  {sum(numbers):>{cell_len(str(TOTAL))},}"
