"""Opening a bank with many customers after a crash: from the snapshot and a tail of records that it does not have."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import bank, million
from benchmarks.measure import Figures, Watch
from benchmarks.report import Row
from benchmarks.stage import Stage

TAIL_RECORDS, QUICK_TAIL_RECORDS = 500_000, 50_000


def to_write(folder: str) -> Figures:
    """Until the first record can be taken."""
    with Watch() as watch:
        bank.opened(folder, write=True)
    return watch.figures()


def to_read(folder: str) -> Figures:
    """Until the first question can be answered, which brings the projections to the end of the log."""
    with Watch() as watch:
        bank.opened(folder, write=False)
    return watch.figures()


def run(stage: Stage) -> Iterator[Row]:
    """For taking records and for reading, each from the same state on disk."""
    tail = QUICK_TAIL_RECORDS if stage.options.quick else TAIL_RECORDS
    crashed = stage.copy(million.of(stage))
    stage.alone("million:tail", folder=crashed, customers=stage.many_customers, records=tail)
    for name, part in (("start, to write", "start:to_write"), ("start, to read", "start:to_read")):
        folder = stage.copy(crashed)
        figures = stage.alone(part, folder=folder)
        stage.drop(folder)
        beside = f"{stage.many_customers:,} customers, {tail:,} records of tail"
        yield Row(name, f"{figures['wall_s']:.2f} s", figures, beside)
    stage.drop(crashed)
