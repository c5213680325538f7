"""What a worker needs of the broker: its topics, consumed by a group, with positions that are the log's and not the broker's."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

import msgspec

from processors.ports import Input, NotYet
from processors.positions import Found, Stand

Assigned = Callable[[frozenset[Input]], Awaitable[None]]


class Fetched(msgspec.Struct):
    """Consecutive messages of one partition; offsets may have gaps.

    end: the offset behind the last; headers: place in the batch -> headers, of those few that have any; size: bytes of keys
    and values.
    """

    input: Input
    offsets: Sequence[int]
    end: int
    keys: Sequence[bytes | None]
    values: Sequence[bytes | None]
    headers: Mapping[int, Sequence[tuple[str, bytes]]]
    size: int


class InputsUnusable(NotYet):
    """The broker cannot be reached or used: where, why, what to do. What was joined is to be left and joined anew."""


class Unfit(Exception):
    """The topics, the group and the log do not belong together: what is wrong, where, what to do."""


class InputLost(InputsUnusable):
    """The broker no longer has what follows a position. input: where."""

    def __init__(self, said: str, source: Input) -> None:
        super().__init__(said)
        self.input = source


class Inputs(Protocol):
    """The partitions of some topics that the broker gave to this member of a group.

    Nothing is read of a partition before it was ``seek``ed. Where a poll brought much, more is fetched while the caller does
    not poll. For one event loop. Raises InputsUnusable, from anything.
    """

    async def join(self, revoked: Assigned, assigned: Assigned) -> None:
        """Become a member of the group.

        revoked: called before partitions may be given to another; assigned: with all that are ours from now on, while none
        is read. Neither may take long: the group waits.
        """

    async def leave(self) -> None:
        """Leave the group at once, so that others need not wait; calls nothing any more. Raises nothing."""

    async def partitions(self) -> Mapping[str, int]:
        """Number of partitions of each topic, asked anew, also before joining; 0: there is no such topic."""

    async def look(self, stands: Mapping[Input, Stand]) -> Mapping[Input, Found]:
        """What the broker has of inputs in which a log stands; what it does not have is left out."""

    async def poll(self, inputs: Collection[Input], timeout_s: float, most: int) -> list[Fetched]:
        """What there is of these partitions, so many records at most; waits for some.

        Where it was little, what follows is fetched by the next poll: call that when it can be used.
        Has to be called all the time, be it for no partition: who does not is taken for dead by the group. Raises InputLost
        where one of them no longer has what was asked for: it is then to be seeked anew.
        """

    def seek(self, positions: Mapping[Input, int]) -> None:
        """Read these partitions from there."""

    async def unread(self, inputs: Collection[Input]) -> Mapping[Input, int]:
        """How much was published and not polled yet, as last heard; what was not heard of is left out."""

    def silent_s(self) -> float:
        """For how many seconds the broker has answered nothing, though asked all the time; 0 where nothing was asked yet."""

    async def say(self, positions: Mapping[Input, int]) -> None:
        """Tell the broker how far each was taken, for its tools alone; a failure is not told."""


def missing_of(partitions: Mapping[str, int]) -> str:
    """Which of some topics are not there, by how many partitions each has; empty: none."""
    missing = ", ".join(topic for topic, count in partitions.items() if not count)
    return missing and f"there is no topic {missing}; make it as infra/cluster/topics.txt says"


def against(given: frozenset[Input], topics: Sequence[str], shards: int, log: str) -> Unfit | None:
    """What stands against taking these partitions into a log of so many shards: a shard takes one of each topic."""
    numbers = sorted({number for _, number in given})
    if numbers and numbers[-1] >= shards:
        grown = ", ".join(sorted({topic for topic, number in given if number >= shards}))
        return Unfit(
            f"{grown}: more partitions than the log {log} has shards, {shards}; "
            "its customers are now published elsewhere: make topics and log anew"
        )
    there = {topic for topic, _ in given}
    for number in numbers:
        for topic in topics:
            if topic not in there:
                return Unfit(
                    f"{topic}: none of its partitions was given with those of the others: it was deleted, or is being made "
                    "again, or another program of this group has it; see that it is there, then start again"
                )
            if (topic, number) not in given:
                return Unfit(
                    f"{topic} {number}: given to another member of the group than the rest of shard {number}; "
                    "end the other programs of this group, or those of another version"
                )
    return None
