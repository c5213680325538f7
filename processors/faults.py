"""Where our own code failed, told apart from the machine's failures (laws of the log 7).

What a port raises is the machine's: an error that came through an adapter, one that the ports name, an error of the
operating system, no memory. It is retried and pauses. Anything else was raised by our own code over what a record says: the
state may be half changed then, so it is dropped and read again from the log, and the record is parked with its customer.
"""

import traceback
from collections.abc import Iterator
from types import FrameType

import msgspec

from aggregates.dates import Day
from processors.ports import (
    HistoryDamaged,
    Input,
    LogBusy,
    LogDamaged,
    LogUnusable,
    LostShard,
    SnapshotDamaged,
    ViewsUnusable,
)

_OF_PORTS = (LogBusy, LogUnusable, LostShard, LogDamaged, SnapshotDamaged, ViewsUnusable, HistoryDamaged)
_ADAPTERS = "infra"
_OURS = ("aggregates", "events", "processors")


class Fault(msgspec.Struct, frozen=True):
    """How our code failed: the error's class, and the place in our code. Never what a record says."""

    error: str
    place: str


class Faults:
    """What is known to fail. It outlives the state that is dropped, so that the next attempt parks.

    places: of records (input, position); at_close: customers, by id, of whom the close of a
    day failed, and the day.
    """

    def __init__(self) -> None:
        self.places: dict[tuple[Input, int], Fault] = {}
        self.at_close: dict[str, tuple[Day, Fault]] = {}

    def clear(self) -> None:
        """Forget what is in the log by now."""
        self.places.clear()
        self.at_close.clear()


class OurFault(Exception):
    """Our own code failed: make the keeper anew and take again what the log does not hold.

    found: the record or customer is known and will be parked; else the batch is to be taken in halves. at: input and position
    of the record, if it is one.
    """

    def __init__(self, fault: Fault, *, found: bool, at: tuple[Input, int] | None = None) -> None:
        super().__init__(f"{fault.error} in {fault.place}")
        self.fault, self.found, self.at = fault, found, at


class CannotPark(Exception):
    """Our own code failed where no customer can be set aside: what, where, and what to do. The shard stands still."""


class CommandUnfit(Exception):
    """A command cannot be done: what it is about, why, and what to do. Nothing was changed."""


def is_of_machine(error: Exception) -> bool:
    """Whether an error says something about the machine and not about our code."""
    return isinstance(error, (*_OF_PORTS, OSError, MemoryError)) or any(
        _package(frame) == _ADAPTERS for frame in _frames(error)
    )


def fault_of(error: Exception) -> Fault:
    """How our code failed."""
    ours = [f for f in traceback.walk_tb(error.__traceback__) if _package(f[0]) in _OURS]
    frame, line = ours[-1] if ours else (None, 0)
    place = f"{frame.f_globals['__name__']}.{frame.f_code.co_name}:{line}" if frame is not None else "processors"
    return Fault(type(error).__name__, place)


def _frames(error: Exception) -> Iterator[FrameType]:
    return (frame for frame, _ in traceback.walk_tb(error.__traceback__))


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
