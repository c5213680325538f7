"""Commands to the owners of shards: each was done once, or refused once, in the order in which they were laid down."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from tests.chaos.written import Block, Line
from tests.simulation.auditor import Wrong, expect

OURS: Final = "guanxi"
"""Source of the records that come of commands."""


class Commanded:
    """Holds one shard's blocks against the commands to it. taken: those that put a record into the log."""

    def __init__(self, number: int, commands: Mapping[int, Line], blocks: list[Block]) -> None:
        self._place, self._commands, self._blocks = ("commands", number), commands, blocks
        self._of_event = {_record(body)["event_id"]: at for at, body in commands.items()}
        self.taken = 0

    def record_of(self, refused: Line) -> Line:
        """The record that a command was about and that was refused."""
        return _record(self._commands[self._of_event[refused["event_id"]]])

    def run(self) -> None:
        """Raises Wrong."""
        where = f"shard {self._place[1]}"
        wanted = len(self._commands)
        expect(f"{where}: numbers of commands", sorted(self._commands), list(range(1, wanted + 1)))
        at = self._blocks[-1].ranges.get(self._place, (0, 0))[1] if self._blocks else 0
        expect(f"{where}: commands that were taken", at, wanted)
        ends: Counter[int] = Counter()
        erased: set[str] = set()
        for block in self._blocks:
            start, following = block.ranges.get(self._place, (0, 0))
            for line in block.lines:
                number = self._number(where, line)
                if line["type"] == "customer_erased":
                    erased.add(line["customer_id"])
                if number is None:
                    continue
                if not start < number <= following:
                    raise Wrong(f"{where}: command {number} is done in block {block.number}, which takes others")
                ends[number] += 1
                self.taken += line["type"] not in ("command_refused", "record_refused")
        if repeated := [number for number, times in ends.items() if times > 1]:
            raise Wrong(f"{where}: repeated: commands {repeated}")
        for number in self._commands.keys() - ends.keys():
            body = self._commands[number]
            if body["command"] != "erase" or body["customer_id"] not in erased:  # who is erased stays as it is
                raise Wrong(f"{where}: lost: command {number}, {body}")

    def _number(self, where: str, line: Line) -> int | None:
        """Which command a line is the end of; None: of none."""
        if line["type"] == "command_refused":
            return int(line["number"])
        if line.get("source") != OURS or (line["type"] == "record_refused" and line.get("file") != OURS):
            return None
        found = self._of_event.get(line["event_id"])
        if found is None:
            raise Wrong(f"{where}: nobody asked for {line['type']} {line['event_id']}")
        return found


def _record(body: Line) -> Line:
    """The record that a command is about."""
    found: Line = body["record"] if body["command"] == "trigger" else body
    return found
