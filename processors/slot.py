"""A shard of a worker as its event loop sees it, and what is said of it to people."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from processors.gate import Waiting
from processors.ports import Input
from processors.shard_writer import ShardWriter

BUSY_BYTES: Final = 256 << 10
BUSY_RECORDS: Final = 1_000
BUSY_S: Final = 1.0
SHOW_S: Final = 1.0
SHOW_BEHIND_S: Final = 10.0
"""Behind, the views are written less often: once for all that moved meanwhile."""
SHOW_SHARE: Final = 10
SHOW_SHARE_BEHIND: Final = 20
"""Showing takes one part in so many of the time at most."""
A_CUSTOMER_S: Final = 15e-6, 20e-6
"""What it takes to make the rows of a customer, and to write them, until that was measured."""
SHOWN_MANY: Final = 1_000


class ShowCost:
    """What it takes to show a customer, seconds. made_s: its rows, while nothing else is done; written_s: beside it."""

    def __init__(self) -> None:
        self.made_s, self.written_s = A_CUSTOMER_S

    def made(self, customers: int, took_s: float) -> None:
        """The rows of so many customers were made. Few say little of what a customer takes."""
        if customers >= SHOWN_MANY:
            self.made_s = took_s / customers

    def written(self, customers: int, took_s: float) -> None:
        """The rows of so many customers were written."""
        if customers >= SHOWN_MANY:
            self.written_s = took_s / customers

    def every_s(self, customers: int, shards: int, *, behind: bool, quiet: bool, full: bool) -> float:
        """After how long it is time to show one of so many shards again, so many customers of which moved since.

        behind: more than a little waits, and whatever takes time is missed there; quiet: nothing is to be done at all; full: as
        much waits to be shown as may be held in memory.
        """
        if full:
            return 0.0
        if quiet:
            return SHOW_S
        if behind:
            return max(SHOW_BEHIND_S, (self.made_s + self.written_s) * customers * shards * SHOW_SHARE_BEHIND)
        return max(SHOW_S, self.made_s * customers * shards * SHOW_SHARE)


class Slot:
    """See the module.

    reading: its inputs may be read; what ends in `_at`: by the loop's clock, seconds; busy_at: of the last piece of work that
    was more than a little; full: inputs of which enough was read for now; showing: writes the views, while that is under way;
    cost: what that takes.
    """

    def __init__(self, writer: ShardWriter) -> None:
        self.writer = writer
        self.reading = False
        self.try_at = self.worked_at = self.busy_at = 0.0
        self.shown_block = self.said_block = 0
        self.shown_at = self.kept_at = 0.0
        self.cost = ShowCost()
        self.full: set[Input] = set()
        self.showing: asyncio.Task[None] | None = None

    def has_worked(self, now: float) -> None:
        """A piece of work was done; now: by the loop's clock."""
        self.worked_at = now
        if self.writer.worked > BUSY_RECORDS:
            self.busy_at = now

    def is_behind(self, now: float) -> bool:
        """Whether more than a little waits to be taken, or did a moment ago: what was read may be taken before more came."""
        return now - self.busy_at < BUSY_S or sum(map(self.writer.waiting_bytes, self.writer.inputs)) > BUSY_BYTES

    @property
    def is_shown(self) -> bool:
        """Whether the views stand where the log does."""
        return self.shown_block >= self.writer.figures.block

    def status(self, unread: Mapping[Input, int]) -> dict[str, Any]:
        """Where it stands. unread: what was published and not read yet, where that is known."""
        writer, figures = self.writer, self.writer.figures
        return {
            "shard": writer.number,
            "state": "taking" if self.reading else "waiting" if figures.trouble else "opening",
            "trouble": figures.trouble,
            "block": figures.block,
            "shown_block": self.shown_block,
            "committed_at": figures.committed_at,
            "closed_through": figures.closed_through,
            "taken": figures.taken,
            "duplicate": figures.duplicate,
            "refused": figures.refused,
            "inputs": [
                {
                    "topic": source[0],
                    "position": figures.positions.get(source, 0),
                    "lag": unread[source] + writer.waiting(source) if source in unread else None,
                    "held": figures.unfit.get(source) or _held(figures.held.get(source[0])),
                }
                for source in writer.inputs
            ],
        }


def _held(waiting: Waiting | None) -> str:
    if waiting is None:
        return ""
    return f"the close of {waiting.date} by {waiting.source} waits for {', '.join(waiting.others)}"
