"""Does a record cost more as the log grows? CPU time of each slice of 500,000 records of one long input."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise

import msgspec

from benchmarks import bank
from benchmarks.measure import Figures, Watch
from benchmarks.report import Row
from benchmarks.stage import Stage
from processors.keeper import Keeper

RECORDS, QUICK_RECORDS = 10_000_000, 2_000_000
SLICE_RECORDS = 500_000
FIRST_SLICE_RECORDS = 100_000


def slices(source: str, folder: str) -> Figures:
    """Take a file into a new bank, looking at the clock of this process every so many records."""
    found: list[tuple[int, float, float]] = []
    checkpoint_s = 0.0
    checkpoint = Keeper.checkpoint

    def timed(keeper: Keeper) -> None:
        nonlocal checkpoint_s
        began = time.process_time()
        checkpoint(keeper)
        checkpoint_s += time.process_time() - began

    def progress(_done: int, _total: int | None, records: int) -> None:
        due = FIRST_SLICE_RECORDS if not found else found[-1][0] - found[-1][0] % SLICE_RECORDS + SLICE_RECORDS
        if records >= due:
            found.append((records, time.process_time(), checkpoint_s))

    Keeper.checkpoint = timed  # type: ignore[assignment, method-assign]
    with Watch() as watch, bank.opened(folder, write=True) as door:
        began_s = time.process_time()
        counts = door.ingest([source], progress)
    ends = [(0, began_s, 0.0), *found]
    told = [
        {"from": a[0], "to": b[0], "taking_s": b[1] - a[1] - (b[2] - a[2]), "checkpoint_s": b[2] - a[2]}
        for a, b in pairwise(ends)
    ]
    return watch.figures(records=counts.taken, slices=told)


def run(stage: Stage) -> Iterator[Row]:
    """A line a slice, then how the last third compares with the first."""
    records = stage.options.records or (QUICK_RECORDS if stage.options.quick else RECORDS)
    folder = stage.folder()
    shape = msgspec.structs.replace(stage.shape, records=records)
    figures = stage.alone("flat:slices", source=stage.source(shape), folder=folder)
    stage.drop(folder)
    print("       log has   µs CPU a record: taking + checkpoints")
    costs = []
    for each in figures["slices"]:
        count = each["to"] - each["from"]
        taking, checkpoint = (each[name] / count * 1e6 for name in ("taking_s", "checkpoint_s"))
        costs.append(taking)
        print(f"{each['to']:>14,}   {taking:>6.2f} + {checkpoint:.2f}")
    third = max(1, len(costs) // 3)
    early, late = (sum(part) / len(part) for part in (costs[1 : third + 1] or costs, costs[-third:]))
    beside = f"taking: {late:.2f} µs in the last third, {early:.2f} in the first"
    yield Row(f"flat to {figures['records']:,}", f"{late / early:.2f} × the early cost", figures, beside)
