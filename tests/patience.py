"""How long a test waits for what has to come: much longer than it takes here, for a machine may be slow and busy.

Such a limit costs nothing while all is well; it only ends what would never come.
"""

import time
from collections.abc import Callable
from typing import Final, TypeVar

PATIENCE_S: Final = 300
LOOK_S: Final = 0.02

Found = TypeVar("Found")


def until(true: Callable[[], bool], told: Callable[[], str] = str) -> None:
    """Wait until something is so. told: what is said where it never is."""
    ends = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < ends, f"waited in vain for {PATIENCE_S} s\n{told()}"
        time.sleep(LOOK_S)


def patiently(call: Callable[[], Found], *away: type[Exception]) -> Found:
    """What a call returns, made again while it raises that somebody is away."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        try:
            return call()
        except away:
            if time.monotonic() > ends:
                raise
            time.sleep(LOOK_S)
