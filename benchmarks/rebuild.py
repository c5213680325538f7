"""Every projection from the log alone, into fresh views that take the place of live ones, as in `guanxi rebuild`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from aggregates.policy import Policies
from aggregates.shard import Shard
from benchmarks.bank import log_of
from benchmarks.measure import Figures, Watch, middle
from benchmarks.report import Row, rate
from benchmarks.stage import Stage
from infra.sqlite_views import SqliteViews
from processors.keeper import evolve, rebuild
from processors.stored import decode_lines

AIM = "150 · 1,000 k/s"


def views(folder: str) -> Figures:
    """Rebuild the projections of a bank into a new file."""
    log = log_of(folder)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        with Watch() as watch:
            fresh = SqliteViews.beside(Path(place) / "views")
            rebuild(log, fresh)
            fresh.swap()
        lines = log.head().lines
        log.close()
    return watch.figures(records=lines)


def state(folder: str) -> Figures:
    """Fold the log into the state of the shard, and no more: what every start without a snapshot has to do."""
    log = log_of(folder)
    shard = Shard(Policies())
    with Watch() as watch:
        for block in log.blocks():
            evolve(shard, decode_lines(block.body))
    return watch.figures(records=log.head().lines)


def run(stage: Stage) -> Iterator[Row]:
    """Rebuild the views of the standard bank; then its state alone."""
    folder = stage.standard_bank()
    for name, part, aim in (("rebuild", "rebuild:views", AIM), ("rebuild, state alone", "rebuild:state", "")):
        figures = middle([stage.alone(part, folder=folder) for _ in range(stage.options.runs)])
        cost = f"{figures['cpu_s'] / figures['records'] * 1e6:.2f} µs CPU an event"
        yield Row(name, rate(figures["records"], figures["wall_s"]), figures, cost, aim)
