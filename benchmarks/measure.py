"""Measuring: one part of a benchmark runs in a process of its own, on one core, and says what it took.

The parent names a function of a benchmark module (``alone``); the child (``python -m benchmarks.measure``) pins itself
to a core, calls it and hands its figures back as JSON. A part times what counts with ``Watch``; preparing is left out.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any

Figures = dict[str, Any]
"""What a part measured: wall_s, cpu_s, peak_bytes and whatever the benchmark adds."""

_ROOT = Path(__file__).resolve().parent.parent
_TOLD = "figures: "


class Watch:
    """Times what happens inside: wall and CPU seconds, user and system, of this process. A context manager."""

    wall_s = cpu_s = 0.0

    def __enter__(self) -> Watch:
        """Begin to time."""
        gc.collect()
        self._cpu, self._wall = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Stop timing."""
        self.wall_s, self.cpu_s = time.perf_counter() - self._wall, time.process_time() - self._cpu

    def figures(self, **more: Any) -> Figures:
        """The times, the peak of memory so far, and what else is to be told."""
        return {"wall_s": self.wall_s, "cpu_s": self.cpu_s, "peak_bytes": peak_bytes(), **more}


def peak_bytes() -> int:
    """The most memory this process ever had resident; not what a parent had before it became this process."""
    return _status_bytes("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def resident_bytes() -> int:
    """Memory resident now, garbage collected first; 0 where the system does not say."""
    gc.collect()
    return _status_bytes("VmRSS")


def _status_bytes(name: str) -> int:
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(f"{name}:")), 0)


def file_bytes(path: Path) -> int:
    """Bytes of a SQLite file and its write-ahead log, a link followed; 0 if there is none."""
    found = [path.resolve(), path.with_name(path.name + "-wal").resolve()]
    return sum(file.stat().st_size for file in found if file.exists())


def alone(part: str, **parameters: Any) -> Figures:
    """Call a function, named `module:function` below this package, in a process of its own on one core.

    Its parameters and its figures pass as JSON. What it prints goes to the terminal. Raises RuntimeError when it fails.
    """
    child = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", part, json.dumps(parameters, default=str)],
        cwd=_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    *printed, told = child.stdout.splitlines() or [""]
    for line in printed:
        print(line)
    if child.returncode or not told.startswith(_TOLD):
        raise RuntimeError(f"{part}: ended with code {child.returncode} and without figures")
    figures: Figures = json.loads(told.removeprefix(_TOLD))
    return figures


def middle(runs: list[Figures]) -> Figures:
    """The median of every figure over several runs; what is no number as the first run has it."""
    numbers = (int, float)
    return {
        name: median(run[name] for run in runs) if isinstance(value, numbers) else value
        for name, value in runs[0].items()
    }


def pin() -> None:
    """Keep this process on one core, the last it may use, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def _main(part: str, parameters: str) -> None:
    pin()
    module, _, function = part.partition(":")
    figures = getattr(importlib.import_module(f"benchmarks.{module}"), function)(**json.loads(parameters))
    print(_TOLD + json.dumps(figures), flush=True)


if __name__ == "__main__":
    _main(*sys.argv[1:])
