"""When a worker looks for cycles among its objects: millions of customers hold none, and are not gone through for them."""

import gc
from typing import Final

OBJECTS: Final = 20_000
"""So many new ones are looked through in a millisecond or two, where all of ten seconds took 100."""
BUSY_OBJECTS: Final = 1_000_000
"""While more than a little waits to be taken: going through what waits as often would take longer than that."""


def are_due(*, busy: bool) -> bool:
    """Whether there is so much new that it is worth a look."""
    return gc.get_count()[0] >= (BUSY_OBJECTS if busy else OBJECTS)


def collect() -> None:
    """Look through what is new since the last time."""
    gc.collect()
    gc.freeze()
