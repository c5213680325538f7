"""The month averages of a customer against the ladder, as a chart of plain text.

Every level has a band of its own, as high as what happens in it needs, so that all rungs are seen however far apart they
are; within its band the scale is even. The lowest row of a band is its level's threshold: a point stands on it or above
it exactly if the month reached the level (DOMAIN §4: average ≥ threshold). Signs under the months say what followed from
their close.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from rich.cells import cell_len

from aggregates.policy import Policies
from guanxi.cli.render import Look
from guanxi.cli.words import Words

BAND_ROWS: Final = 3
"""Height of a band in which a month lies; the others are one row."""
MONTH_COLUMNS: Final = range(3, 7)
"""Columns from one month to the next: as many as fit."""
MOST_COLUMNS: Final = 80
POINT, THRESHOLD = "●", "┄"
UP, DOWN, WATCH, CLEARED, RESTATED = "▲▼!✓*"
SIGNS: Final[Mapping[str, str]] = {
    "entered": UP, "reentered": UP, "upgraded": UP, "downgraded": DOWN, "lapsed": DOWN, "exited": DOWN,
    "watch_started": WATCH, "watch_cleared": CLEARED, "restated": RESTATED,
}  # fmt: skip
"""What a month's close led to, by kind of tier change; of several the last one counts."""
LEGEND: Final = f"{POINT} 月日均 month average  {THRESHOLD} 门槛 threshold  各级刻度不同 each level to scale"
SIGN_WORDS: Final[Mapping[str, Words]] = {
    UP: Words("升", "up"),
    DOWN: Words("降", "down"),
    WATCH: Words("关注", "watch"),
    CLEARED: Words("解除", "cleared"),
    RESTATED: Words("更正", "restated"),
}


class Rung(NamedTuple):
    """A level of the ladder: its name, its threshold in words, and in minor units."""

    name: str
    amount: str
    threshold_minor: int


class Month(NamedTuple):
    """A month, YYYY-MM, and its average in minor units."""

    month: str
    average_minor: int


def curve_of(page: Mapping[str, Any], policies: Policies, look: Look, width: int) -> str:
    """The chart of a customer's page (``customer_page.page_of``) and its legend; the ladder is the latest policy's.

    Takes MOST_COLUMNS of a wider terminal. The page has months, and so there is a policy.
    """
    months = [Month(row["month"], row["average"]) for row in page["months"]]
    ladder = [
        Rung(look.level(level.code), _short(look.money(level.threshold_minor)), level.threshold_minor)
        for level in policies.latest.ladder
    ]
    signs = {c["closed_month"]: SIGNS[c["kind"]] for c in page["tier_changes"] if c["kind"] in SIGNS}
    drawn = curve(months, ladder, min(width, MOST_COLUMNS), signs)
    seen = {signs[month.month] for month in months if month.month in signs}
    words = "  ".join(f"{sign} {words}" for sign, words in SIGN_WORDS.items() if sign in seen)
    return "\n".join([*drawn, LEGEND, *([words] if words else [])])


def curve(
    months: Sequence[Month], ladder: Sequence[Rung], width: int, signs: Mapping[str | None, str] | None = None
) -> list[str]:
    """The lines of the chart, at most `width` columns if the labels leave room for it; none without months.

    months, ladder: ascending. A month left out leaves a gap. signs: one under each of these months.
    """
    if not months:
        return []
    first = _index(months[0].month)
    last = _index(months[-1].month)
    names = _flush([rung.name for rung in ladder])
    amounts = _flush(["0", *(rung.amount for rung in ladder)], right=True)
    labels = [f"{name}  {amount}" for name, amount in zip(names, amounts[1:], strict=True)]
    zero = " " * (cell_len(labels[0]) - cell_len(amounts[0])) + amounts[0] if labels else "0"
    room = (width - cell_len(zero) - 4) // (last - first + 1)
    step = max(MONTH_COLUMNS[0], min(MONTH_COLUMNS[-1], room))
    bands = _Bands([rung.threshold_minor for rung in ladder], [month.average_minor for month in months])
    paper = _Paper(bands.rows, (last - first) * step + 3)
    for row in bands.thresholds:
        paper.line(row)
    points = {(_index(month.month) - first): bands.row(month.average_minor) for month in months}
    for at, row in points.items():
        if at + 1 in points:
            paper.join(1 + at * step, row, 1 + (at + 1) * step, points[at + 1])
    for at, row in points.items():
        paper.put(1 + at * step, row, POINT)
    at_row = dict(zip(bands.thresholds, labels, strict=True)) | {0: zero}
    blank = " " * cell_len(zero)
    drawn = [
        f"{at_row.get(row, blank)} {'┤' if row in at_row else '│'}{paper.row(row)}".rstrip()
        for row in reversed(range(bands.rows))
    ]
    below = [_signs_below(first, last, step, signs or {}), *_months_below(first, last, step)]
    return [*drawn, *(f"{blank}  {line}".rstrip() for line in below if line.strip())]


def _short(amount: str) -> str:
    """An amount without minor units where there are none."""
    whole, _, minor = amount.partition(".")
    return amount if minor.strip("0") else whole


def _index(month: str) -> int:
    return 12 * int(month[:4]) + int(month[5:7]) - 1


def _flush(words: Sequence[str], *, right: bool = False) -> list[str]:
    """Words padded to the width of the widest, Chinese characters counting two."""
    width = max((cell_len(word) for word in words), default=0)
    pads = [" " * (width - cell_len(word)) for word in words]
    return [pad + word if right else word + pad for word, pad in zip(words, pads, strict=True)]


def _signs_below(first: int, last: int, step: int, signs: Mapping[str | None, str]) -> str:
    named = (f"{at // 12:04}-{at % 12 + 1:02}" for at in range(first, last + 1))
    return "".join(f" {signs.get(month, ' ')}".ljust(step) for month in named)


def _months_below(first: int, last: int, step: int) -> list[str]:
    """The numbers of the months under their points, and each year under its first month."""
    numbers = years = ""
    for at, month in enumerate(range(first, last + 1)):
        numbers = f"{numbers:<{at * step}}{month % 12 + 1:>2}"
        if at == 0 or month % 12 == 0:
            years = f"{years:<{at * step}} {month // 12}" if at * step > len(years) or not at else years
    return [numbers, years]


class _Bands:
    """Which row an amount lies in, counted from below; `thresholds`: the row of each rung."""

    def __init__(self, thresholds: Sequence[int], averages: Sequence[int]) -> None:
        top = max([*averages, *(2 * threshold for threshold in thresholds[-1:]), 1])
        self._edges = [0, *thresholds, top + 1]
        self._starts, self.rows = [0], 0
        for at in range(len(self._edges) - 1):
            used = any(self._band(average) == at for average in averages)
            self.rows += BAND_ROWS if used or at == 0 else 1
            self._starts.append(self.rows)
        self.thresholds = self._starts[1:-1]

    def _band(self, average: int) -> int:
        return sum(average >= edge for edge in self._edges[1:-1])

    def row(self, average: int) -> int:
        band = self._band(average)
        low, high = self._edges[band], self._edges[band + 1]
        height = self._starts[band + 1] - self._starts[band]
        return self._starts[band] + max(0, average - low) * height // (high - low)


class _Paper:
    """Rows of characters, the lowest first."""

    def __init__(self, rows: int, columns: int) -> None:
        self._rows = [[" "] * columns for _ in range(rows)]

    def put(self, column: int, row: int, mark: str) -> None:
        self._rows[row][column] = mark

    def line(self, row: int) -> None:
        self._rows[row] = [THRESHOLD] * len(self._rows[row])

    def join(self, left: int, left_row: int, right: int, right_row: int) -> None:
        """A line from one point to the next, up or down halfway between them."""
        turn = (left + right) // 2
        for column in range(left + 1, right):
            self.put(column, left_row if column < turn else right_row, "─")
        if left_row == right_row:
            return
        for row in range(min(left_row, right_row) + 1, max(left_row, right_row)):
            self.put(turn, row, "│")
        up = right_row > left_row
        self.put(turn, left_row, "╯" if up else "╮")
        self.put(turn, right_row, "╭" if up else "╰")

    def row(self, row: int) -> str:
        return "".join(self._rows[row])
