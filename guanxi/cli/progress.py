"""Progress on the terminal while records are taken, and the line at the end."""

import sys
import time
from types import TracebackType
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

QUIET_SECONDS: Final = 1.0
"""A job that takes no longer shows no bar."""


class Running:
    """A job's progress: call it with bytes done, bytes in all (None: unknown) and records done. A context manager.

    The bar is on stderr, only on a terminal, only from the second second on; it goes away when the job is done.
    """

    def __init__(self, what: str) -> None:
        """What: the job in a word, before the bar."""
        self._what = what
        self._began = self._ended = time.perf_counter()
        self._bar: Progress | None = None
        self._task = TaskID(0)

    def __enter__(self) -> "Running":
        """Begin to measure."""
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End, whatever happened."""
        self._ended = time.perf_counter()
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, bytes_done: int, bytes_total: int | None, records: int) -> None:
        """So many bytes and records are done."""
        seconds = time.perf_counter() - self._began
        self._show(bytes_done, bytes_total, f"{records:,} records, {rate(records, seconds)}")

    def blocks(self, done: int, total: int) -> None:
        """So many blocks are done."""
        self._show(done, total, f"block {done:,} of {total:,}")

    def days(self, done: int, total: int | None) -> None:
        """So many days of a bank are done."""
        self._show(done, total, f"day {done:,}" + (f" of {total:,}" if total is not None else ""))

    def _show(self, done: int, total: int | None, said: str) -> None:
        if self._bar is None:
            if time.perf_counter() - self._began < QUIET_SECONDS or not sys.stderr.isatty():
                return
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.fields[said]}"),
                TimeRemainingColumn(),
                console=Console(file=sys.stderr),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=total, said=said)
        self._bar.update(self._task, completed=done, total=total, said=said)

    @property
    def seconds(self) -> float:
        """How long the job took."""
        return self._ended - self._began


def rate(records: int, seconds: float) -> str:
    """Records a second, for people."""
    return f"{records / seconds:,.0f} records/s" if seconds > 0 else "- records/s"


def summary(taken: int, duplicate: int, refused: int, seconds: float, parked: int = 0) -> str:
    """The line at the end of a job that takes records."""
    total = taken + duplicate + refused + parked
    aside = f" · parked {parked:,}" if parked else ""
    return f"taken {taken:,} · duplicate {duplicate:,} · refused {refused:,}{aside} · {seconds:,.1f} s, {rate(total, seconds)}"
