"""The last day of a month is closed for many customers: from the close's record to the decisions in the log."""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from aggregates.shard import Shard
from benchmarks import million
from benchmarks.bank import NAME, loaded
from benchmarks.measure import Figures, Watch
from benchmarks.report import Row
from benchmarks.stage import Stage
from benchmarks.workload import day_close
from guanxi.reports import now
from infra.ids import IdIndex
from infra.sqlite_log import SqliteEventLog
from infra.vault import KEY_BYTES, Vault
from processors.intake import Intake, Origin

AIM = "10 · 2 s"
_ORIGIN = Origin(("bench", 0))


def close(folder: str, hot: bool) -> Figures:
    """Load the snapshot of a bank and close the month's last day. hot: unpack everyone first."""
    shard = loaded(folder)
    if hot:
        for customer_id in shard.customers.all:
            shard.customers.get(customer_id)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        take, intake = door(shard, Path(place))
        with Watch() as watch:
            take(million.LAST)
    return watch.figures(
        customers=len(shard.customers), decisions=intake.counts.decisions, blocks=intake.log.head().block
    )


def quiet(folder: str, days: int) -> Figures:
    """Close the month, then days on which nothing happened, one record of the calendar each."""
    shard = loaded(folder)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        take, _ = door(shard, Path(place))
        take(million.LAST)
        with Watch() as watch:
            for each in range(1, days + 1):
                take(million.LAST + dt.timedelta(each))
    return watch.figures(customers=len(shard.customers), days=days)


def door(shard: Shard, place: Path) -> tuple[Callable[[dt.date], None], Intake]:
    """The way into a new log for a state that is there already: what closes a day, and the intake."""
    log = SqliteEventLog(str(place / NAME), write=True)
    vault = Vault(str(place / "vault"), bytes(KEY_BYTES))
    intake = Intake(log, shard, IdIndex(str(place / "ids")), vault, lambda _: None, now)
    taken = 0

    def take(day: dt.date) -> None:
        nonlocal taken
        intake.take(_ORIGIN, taken, day_close(day.isoformat()))
        taken += 1

    return take, intake


def run(stage: Stage) -> Iterator[Row]:
    """Everyone cold, then everyone hot."""
    folder = million.of(stage)
    for hot in (False, True):
        figures = stage.alone("month_end:close", folder=folder, hot=hot)
        beside = f"{figures['customers']:,} customers, {figures['decisions']:,} decisions"
        yield Row(f"month end, {'hot' if hot else 'cold'}", f"{figures['wall_s']:.2f} s", figures, beside, AIM)
