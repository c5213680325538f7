"""A day on which nothing happened is closed for a bank with many customers: it should cost next to nothing."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks import million
from benchmarks.report import Row
from benchmarks.stage import Stage

DAYS = 20


def run(stage: Stage) -> Iterator[Row]:
    """The mean of some days in a row."""
    figures = stage.alone("month_end:quiet", folder=million.of(stage), days=DAYS)
    beside = f"{figures['customers']:,} customers; a block and its fsync each"
    yield Row("close of a quiet day", f"{figures['wall_s'] / DAYS * 1000:.1f} ms", figures, beside)
