"""Where the time goes: wraps functions that are called once a batch or less often, and times each."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from benchmarks.measure import Figures


class Stages:
    """Time by stage, each its own without the stages inside it. clock: wall, or CPU of the process."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self.own_s: dict[str, float] = defaultdict(float)
        self.calls: dict[str, int] = defaultdict(int)
        self._inside: list[float] = []

    def watch(self, owner: Any, name: str, stage: str) -> None:
        """Time every call of a function, found under this name in its module or class."""
        function: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0.0)
            began = self._clock()
            try:
                return function(*args, **kwargs)
            finally:
                took = self._clock() - began
                self.own_s[stage] += took - self._inside.pop()
                self.calls[stage] += 1
                if self._inside:
                    self._inside[-1] += took

        setattr(owner, name, timed)

    def tell(self, figures: Figures) -> None:
        """Print the stages, the costliest first, and what is left."""
        records, wall_s = figures["records"], figures["wall_s"]
        left_s = wall_s - sum(self.own_s.values())
        print(f"{records:,} records in {wall_s:.2f} s ({figures['cpu_s']:.2f} s CPU)")
        print("  own s   share   µs each   calls  stage")
        rows = sorted([*self.own_s.items(), ("the rest", left_s)], key=lambda row: -row[1])
        for stage, own_s in rows:
            calls = f"{self.calls[stage]:,}" if stage in self.calls else ""
            print(f"{own_s:>7.2f}  {own_s / wall_s:>6.1%}  {own_s / records * 1e6:>8.3f} {calls:>7}  {stage}")
