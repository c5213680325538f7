"""The made-up bank's records into a file: how fast, and that ten million take no more memory than ten thousand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import Figures, Watch
from benchmarks.report import Row, rate
from benchmarks.stage import Stage
from guanxi.simulator import blocks

CUSTOMERS = 3_000
SHORT_DAYS = 5
"""As many as make ten thousand records of these customers."""
RECORDS = 10_000_000
RECORDS_A_DAY = 1_250
"""Of these customers, about."""
AIM = "200 k/s · –"


def written(folder: str, customers: int, days: int) -> Figures:
    """Write so many days into a file."""
    records = size = 0
    with Watch() as watch, open(Path(folder) / "bank.jsonl", "wb") as file:
        for block in blocks(customers, days, seed=1):
            file.write(block)
            records += block.count(b"\n")
            size += len(block)
    return watch.figures(records=records, bytes=size)


def run(stage: Stage) -> Iterator[Row]:
    """The same customers for a few days, and for as many as it takes."""
    wanted = stage.options.records or RECORDS // (10 if stage.options.quick else 1)
    for days in (SHORT_DAYS, wanted // RECORDS_A_DAY):
        folder = stage.folder()
        figures = stage.alone("simulate:written", folder=folder, customers=CUSTOMERS, days=days)
        stage.drop(folder)
        beside = f"{figures['records']:,} records of {days:,} days, by CPU time"
        yield Row(f"simulate {days:,} days", rate(figures["records"], figures["cpu_s"]), figures, beside, AIM)
