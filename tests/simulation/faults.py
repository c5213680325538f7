"""What may go wrong with one call to the disk, and when."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

CHANGES = ("make", "write", "truncate", "delete", "link", "rename")
CALLS = (*CHANGES, "sync")
"""What a program asks of a disk."""

KINDS: dict[str, tuple[str, ...]] = {
    "write fails": CHANGES,
    "write fails half way": ("write",),
    "sync fails": ("sync",),
    "all writes fail": CALLS,
    "disk full": ("write",),
    "torn write": ("write",),
    "killed": CALLS,
    "power cut": CALLS,
}
"""Every fault, and the calls that it can happen to."""

DEADLY = frozenset({"torn write", "killed", "power cut"})
"""The process ends there; the others are told to it."""

LASTING = frozenset({"all writes fail", "disk full"})
"""They go on until the process has ended, and perhaps longer."""

_LONGEST_WAIT_CALLS = 500


@dataclass
class Fault:
    """One fault that waits. wait_calls: calls that it lets pass; of: the file that it waits for, "" for any."""

    kind: str
    wait_calls: int
    of: str
    before: bool
    """A deadly one: whether the call is not carried out at all; else it is, and nobody learns of it."""
    room_bytes: int
    """Disk full: how far files may still grow."""
    runs: int
    """A lasting one: how many runs of the program it spoils."""

    def hits(self, call: str, name: str) -> bool:
        """Whether it happens to this call; each one asked about counts as passed."""
        if call not in KINDS[self.kind] or (self.of and self.of != name):
            return False
        self.wait_calls -= 1
        return self.wait_calls < 0


class Faults:
    """Draws what goes wrong next, as long as there is something left. first: before anything else is drawn."""

    def __init__(self, rng: random.Random, count: int, first: Iterable[Fault] = ()) -> None:
        self._rng, self._left, self._first = rng, count, list(first)

    def draw(self, seen: dict[str, int]) -> Fault | None:
        """The next one, None for none. seen: the files seen so far and how often, one of which it often waits for."""
        if self._first:
            return self._first.pop(0)
        if not self._left:
            return None
        self._left -= 1
        rng = self._rng
        of = rng.choice(sorted(seen)) if seen and rng.random() < 0.5 else ""
        longest = min(_LONGEST_WAIT_CALLS, 4 * seen[of] + 8) if of else _LONGEST_WAIT_CALLS
        return Fault(
            kind=rng.choice([*KINDS, "killed", "power cut", "power cut"]),
            wait_calls=int(longest ** rng.random()) - 1,
            of=of,
            before=rng.random() < 0.5,
            room_bytes=rng.choice([0, rng.randint(0, 4096), rng.randint(0, 100_000)]),
            runs=rng.choice([1, 1, 2]),
        )
