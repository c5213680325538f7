"""When a worker looks for cycles among its objects, and that it finds them."""

import gc
import weakref
from collections.abc import Iterator

import pytest

from processors import cycles


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def _by_itself_alone() -> Iterator[None]:
    gc.disable()
    yield
    gc.unfreeze()
    gc.enable()


def test_what_is_new_is_looked_through_and_found() -> None:
    cycles.collect()
    assert not cycles.are_due(busy=False)
    knot = weakref.ref(Knot())
    several: list[list[int]] = [[] for _ in range(cycles.OBJECTS + 1)]
    assert cycles.are_due(busy=False)
    assert knot() is not None
    cycles.collect()
    assert knot() is None
    assert not cycles.are_due(busy=False)
    assert len(several) > cycles.OBJECTS


def test_while_much_waits_it_is_done_later() -> None:
    cycles.collect()
    several: list[list[int]] = [[] for _ in range(cycles.OBJECTS + 1)]
    assert not cycles.are_due(busy=True)
    several += [[] for _ in range(cycles.BUSY_OBJECTS)]
    assert cycles.are_due(busy=True)
    assert len(several) > cycles.BUSY_OBJECTS
