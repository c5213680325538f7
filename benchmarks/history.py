"""One customer's lines out of a large log: packing the history pages, then asking with them and without."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bank import log_file, log_of
from benchmarks.measure import Figures, Watch, file_bytes, middle
from benchmarks.report import Row
from benchmarks.stage import Stage
from benchmarks.workload import Shape
from infra.history_pages import SqliteHistoryPages
from processors.history import PACKED_LINES, History
from processors.ports import EventLog

QUESTIONS = {"paged": 500, "alone": 20}
AIM = {"packed": "25 · 20 B", "paged": "10 · 2 ms"}


def packed(folder: str) -> Figures:
    """Pack a bank's log run by run, as the first questions do; the pages stay beside the log."""
    log, pages = log_of(folder), _pages(folder)
    history = History(log, pages)
    runs = 0
    with Watch() as watch:
        while log.head().lines - pages.standing()[1] >= PACKED_LINES:
            history.pack()
            runs += 1
    lines = pages.standing()[1]
    pages.close()
    log.close()
    return watch.figures(records=lines, runs=runs, bytes=file_bytes(Path(pages.path)))


def paged(folder: str) -> Figures:
    """Ask for customers drawn by chance, with the pages there are."""
    log, pages = log_of(folder), _pages(folder)
    figures = _asked(log, History(log, pages), QUESTIONS["paged"])
    pages.close()
    log.close()
    return figures


def alone(folder: str) -> Figures:
    """The same without pages: every block that names the customer is decompressed."""
    log = log_of(folder)
    figures = _asked(log, History(log), QUESTIONS["alone"])
    log.close()
    return figures


def _pages(folder: str) -> SqliteHistoryPages:
    return SqliteHistoryPages(f"{log_file(folder)}-history")


def _asked(log: EventLog, history: History, questions: int) -> Figures:
    rng = random.Random(1)
    known = min(Shape().customers, max(1, log.head().lines // 25))
    customers = [f"C{rng.randrange(known):07d}" for _ in range(questions)]
    lines = 0
    with Watch() as watch:
        for customer_id in customers:
            lines += len(list(history.lines_of(customer_id)))
    return watch.figures(records=questions, lines=lines)


def run(stage: Stage) -> Iterator[Row]:
    """Pack a copy of the standard bank, then ask."""
    folder = stage.copy(stage.standard_bank())
    figures = stage.alone("history:packed", folder=folder)
    beside = f"{figures['cpu_s'] / figures['records'] * 1e6:.2f} µs CPU a line, in {figures['runs']} questions"
    yield Row(
        "history, packed", f"{figures['bytes'] / figures['records']:.1f} B a line", figures, beside, AIM["packed"]
    )
    for name, part in (("history, a customer", "paged"), ("… without pages", "alone")):
        figures = middle([stage.alone(f"history:{part}", folder=folder) for _ in range(stage.options.runs)])
        each = f"{figures['wall_s'] / figures['records'] * 1e3:.2f} ms"
        beside = f"{figures['lines'] / figures['records']:.0f} lines each, {figures['records']:.0f} customers"
        yield Row(name, each, figures, beside, AIM.get(part, ""))
    stage.drop(folder)
