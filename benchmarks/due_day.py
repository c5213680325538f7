"""A day is closed on which something is due of some customers of very many: the look ahead to the month's end begins.

The tenth day is the first on which a month's projected average counts. Of the customers whose balance has been heading for a
higher or a lower level since the month before nothing comes in: they stand in the index of due days alone.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aggregates.triggers.sifting import sifted
from benchmarks import million
from benchmarks.bank import loaded
from benchmarks.measure import Figures, Watch
from benchmarks.month_end import door
from benchmarks.report import Row
from benchmarks.stage import Stage

AIM = "3 · 1 s for 1%"
FROM_DAY = 10


def close(folder: str) -> Figures:
    """Close the month and the days up to the one on which its successor is looked at, and time that one."""
    shard = loaded(folder)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        take, intake = door(shard, Path(place))
        for day in range(FROM_DAY):
            take(million.LAST + dt.timedelta(day))
        before, due = intake.counts.decisions, million.LAST + dt.timedelta(FROM_DAY)
        looked = len(sifted(shard, due.toordinal()).looked)
        shard.sifted = None  # to be found again in the time that counts
        with Watch() as watch:
            take(due)
    return watch.figures(customers=len(shard.customers), looked=looked, decisions=intake.counts.decisions - before)


def run(stage: Stage) -> Iterator[Row]:
    """The close, with everyone cold of whom nothing was due before."""
    figures = stage.alone("due_day:close", folder=million.of(stage))
    share, a_look = figures["looked"] / figures["customers"], figures["wall_s"] / max(figures["looked"], 1)
    beside = (
        f"{figures['looked']:,} of {figures['customers']:,} customers due ({share:.1%}), {figures['decisions']:,} decisions; "
        f"{a_look * 1e6:.0f} µs each"
    )
    yield Row("close of a day with something due", f"{figures['wall_s']:.2f} s", figures, beside, AIM)
