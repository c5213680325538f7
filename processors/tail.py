"""What projections are told of a block: the decisions in it, how many facts of each type, which customers it touched.

The intake tells it as it writes; a rebuild tells the same from the log read back.
"""

from collections import Counter

import msgspec

from events.catalog import type_name
from events.decisions import Decision
from events.fields import Record
from processors.ports import Block
from processors.stored import decode_lines


class Told(msgspec.Struct):
    """One block as projections see it. at: commit clock of the block, ISO; decisions: (line of the log, decision)."""

    block: int
    at: str
    facts: dict[str, int]
    duplicates: int
    decisions: list[tuple[int, Decision]]


def told(block: Block, lines: list[Record | Decision]) -> Told:
    """A block read back, as it was told when it was written."""
    types = Counter(map(type, lines))
    facts = {type_name(cls): n for cls, n in types.items() if issubclass(cls, Record)}
    first = block.first
    decisions: list[tuple[int, Decision]] = []
    if sum(facts.values()) < len(lines):
        decisions = [(first + at, line) for at, line in enumerate(lines) if isinstance(line, Decision)]
    return Told(block.number, block.at, facts, block.duplicates, decisions)


__all__ = ["Told", "decode_lines", "told"]
