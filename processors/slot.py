"""A shard of a worker as its event loop sees it, and what is said of it to people."""

import asyncio
from collections.abc import Mapping
from typing import Any

from processors.gate import Waiting
from processors.ports import Input
from processors.shard_writer import ShardWriter


class Slot:
    """See the module.

    reading: its inputs may be read; what ends in `_at`: by the loop's clock, seconds; full: inputs of
    which enough was read for now; showing: writes the views, while that is under way.
    """

    def __init__(self, writer: ShardWriter) -> None:
        self.writer = writer
        self.reading = False
        self.try_at = self.worked_at = 0.0
        self.shown_block = self.said_block = 0
        self.shown_at = self.kept_at = 0.0
        self.show_cost_s = 0.0
        self.full: set[Input] = set()
        self.showing: asyncio.Task[None] | None = None

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
