"""What personal data costs on the way in: the standard input with a memo, which is sealed, on some of the records."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from benchmarks.report import Row, rate
from benchmarks.stage import Stage

SHARES = (0.0, 0.001, 0.25)


def run(stage: Stage) -> Iterator[Row]:
    """One run for each share of records with a memo, over a quarter of the standard input."""
    for share in SHARES:
        shape = msgspec.structs.replace(stage.shape, records=stage.shape.records // 4, memo_share=share)
        folder = stage.folder()
        figures = stage.alone("intake:ours", source=stage.source(shape), folder=folder)
        stage.drop(folder)
        beside = f"{figures['cpu_s'] / figures['records'] * 1e6:.2f} µs CPU a record"
        yield Row(f"memos on {share:.1%}", rate(figures["records"], figures["wall_s"]), figures, beside)
