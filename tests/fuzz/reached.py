"""What an input reaches: arcs of the watched modules, and outcomes. And the smallest inputs that reach as much."""

import importlib
from collections.abc import Callable, Iterable, Sequence

from coverage import Coverage

Reached = frozenset[tuple[str, int, int]]
"""Steps from one line to the next: (file, line before, line after); and what became of an input: (outcome, 0, 0)."""

_TRIES = 400
"""How often one input is tried in a smaller form."""


class Watch:
    """Measures what a call reaches inside some modules."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._files = [str(importlib.import_module(name).__file__) for name in modules]
        self._coverage = Coverage(data_file=None, branch=True, config_file=False, include=self._files)

    def reached(self, check: Callable[[bytes], Iterable[str]], data: bytes) -> Reached:
        """What one call reaches. Raises whatever the call raises."""
        self._coverage.erase()
        self._coverage.start()
        try:
            outcomes = check(data)
        finally:
            self._coverage.stop()
        found = self._coverage.get_data()
        arcs = ((file, *arc) for file in self._files for arc in found.arcs(file) or ())
        return frozenset([*arcs, *((outcome, 0, 0) for outcome in outcomes)])


def fewest(reached: dict[bytes, Reached]) -> list[bytes]:
    """Of inputs and what they reach, some that reach all of it together; short ones first."""
    kept: list[bytes] = []
    seen: set[tuple[str, int, int]] = set()
    for data in sorted(reached, key=lambda each: (len(each), each)):
        if not reached[data] <= seen:
            kept.append(data)
            seen |= reached[data]
    for data in sorted(kept, key=len, reverse=True):
        others: Iterable[Reached] = (reached[each] for each in kept if each != data)
        if reached[data] <= frozenset().union(*others):
            kept.remove(data)
    return kept


def shortened(data: bytes, still: Callable[[bytes], bool]) -> bytes:
    """An input with pieces left out for as long as `still` holds."""
    tries, size = 0, len(data) // 2
    while size and tries < _TRIES:
        at = 0
        while at < len(data) and tries < _TRIES:
            shorter = data[:at] + data[at + size :]
            tries += 1
            if still(shorter):
                data = shorter
            else:
                at += size
        size //= 2
    return data
