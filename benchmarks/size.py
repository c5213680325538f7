"""Bytes stored an event, counting every file of a bank: journal, ids, snapshot, views and vault."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bank import log_file, log_of
from benchmarks.measure import Figures, file_bytes
from benchmarks.report import Row
from benchmarks.stage import Stage

AIM = "100 · 70 B"
FILES = {"journal": "", "ids": "-ids", "snapshot": "-snapshot", "views": "-views", "vault": "-vault"}


def stored(folder: str) -> Figures:
    """Bytes of each file of a bank that nobody has open, and how many lines its log has."""
    log = log_file(folder)
    found = {name: file_bytes(log.with_name(log.name + suffix)) for name, suffix in FILES.items()}
    opened = log_of(folder)
    lines, blocks = opened.head().lines, opened.stored_bytes()
    opened.close()
    return {"records": lines, "block_bytes": blocks, **{f"{name}_bytes": size for name, size in found.items()}}


def run(stage: Stage) -> Iterator[Row]:
    """The files of the standard bank."""
    figures = stage.alone("size:stored", folder=stage.standard_bank())
    each = {name: figures[f"{name}_bytes"] / figures["records"] for name in FILES}
    beside = " · ".join(f"{name} {size:.1f}" for name, size in each.items())
    yield Row("size", f"{sum(each.values()):.1f} B an event", figures, beside, AIM)
