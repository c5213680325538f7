"""How soon little may be read behind little: rounds of few records are kept apart, so that they do not wait for each other.

A round of few records costs the worker, the broker and the database almost what one of many does. Where rounds follow each
other at once they take all the time there is, and each waits for a broker that has none left; so some is left between them.
"""

from typing import Final

SHARE: Final = 1.5
AT_MOST_S: Final = 0.02
"""From one reading to the next passes so many times as long as the last round took, but no more than this."""


class Pace:
    """See the module. Times are seconds of one clock. little: bytes; behind more than this nothing is waited for."""

    def __init__(self, little: int) -> None:
        self._little = little
        self._began_s = self._took_s = self._next_s = 0.0

    def begins(self, now_s: float) -> None:
        """A round begins."""
        self._began_s = now_s

    def ends(self, now_s: float) -> None:
        """It has ended, and what it took is in the log."""
        self._took_s = now_s - self._began_s

    def has_read(self, size: int, now_s: float) -> None:
        """So many bytes were read."""
        if 0 < size < self._little:
            self._next_s = now_s + min(self._took_s * SHARE, AT_MOST_S)

    def left_s(self, now_s: float) -> float:
        """How long to wait before more is read."""
        return max(self._next_s - now_s, 0.0)
