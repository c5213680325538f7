"""What projections are told of a block: its decisions, how many facts of each type, which balances moved, where the shard stands.

The intake tells it as it writes; a rebuild tells the same from the log read back.
"""

from array import array
from collections import Counter
from collections.abc import Sequence

import msgspec

from aggregates.dates import Day, Month
from aggregates.policy import Policy
from aggregates.shard import Shard
from events.catalog import type_name
from events.decisions import Decision, PolicyActivated
from events.fields import Record
from events.transactions import CustomerBroughtForward
from processors.ports import Block

_LARGEST = 2**63 - 1


class Stands(msgspec.Struct, frozen=True):
    """Where a shard stands behind a block. lines: of the log; policies: all known, None if the block brought none."""

    lines: int
    customers: int
    accounts: int
    first_month: Month
    last_closed: Month
    closed_through: Day
    policies: tuple[Policy, ...] | None


class Told(msgspec.Struct):
    """One block as projections see it.

    at: commit clock of the block, ISO; decisions: (line of the log, decision); brought: customers brought forward, in the
    same way; moves: what moved, flat: account number, day, amount in minor units (``Shard.take_moves``); stands: the shard
    behind the block.
    """

    block: int
    at: str
    facts: dict[str, int]
    duplicates: int
    decisions: list[tuple[int, Decision]]
    brought: list[tuple[int, CustomerBroughtForward]]
    moves: "array[int]"
    stands: Stands


def told(block: Block, lines: list[Record | Decision], shard: Shard) -> Told:
    """A block read back, as it was told when it was written. shard: behind the block; its moves are taken."""
    types = Counter(map(type, lines))
    facts = {type_name(cls): n for cls, n in types.items() if issubclass(cls, Record)}
    first = block.first
    decisions: list[tuple[int, Decision]] = []
    if sum(facts.values()) < len(lines):
        decisions = [(first + at, line) for at, line in enumerate(lines) if isinstance(line, Decision)]
    brought: list[tuple[int, CustomerBroughtForward]] = []
    if CustomerBroughtForward in types:
        brought = [(first + at, line) for at, line in enumerate(lines) if isinstance(line, CustomerBroughtForward)]
    return told_of(shard, block.number, block.at, first + len(lines), facts, block.duplicates, decisions, brought)


def told_of(
    shard: Shard,
    block: int,
    at: str,
    lines: int,
    facts: dict[str, int],
    duplicates: int,
    decisions: list[tuple[int, Decision]],
    brought: list[tuple[int, CustomerBroughtForward]],
) -> Told:
    """What is told of a block, put together. shard: behind it; its moves are taken. lines: of the log with the block."""
    stands = _stands_of(shard, lines, decisions)
    return Told(block, at, facts, duplicates, decisions, brought, moves_of(shard.take_moves()), stands)


def _stands_of(shard: Shard, lines: int, decisions: Sequence[tuple[int, Decision]]) -> Stands:
    """Where a shard stands behind a block with these decisions. lines: of the log with the block."""
    brings = any(isinstance(decision, PolicyActivated) for _, decision in decisions)
    return Stands(
        lines,
        len(shard.customers),
        shard.account_count,
        shard.first_month,
        shard.last_closed,
        shard.closed_through,
        tuple(shard.policies) if brings else None,
    )


def moves_of(flat: list[int]) -> "array[int]":
    """Moves in 64 bits each; a larger amount, which no single record can move, is written as several."""
    try:
        return array("q", flat)
    except OverflowError:
        pass
    found = array("q")
    for at in range(0, len(flat), 3):
        number, day, left = flat[at : at + 3]
        while abs(left) > _LARGEST:
            part = _LARGEST if left > 0 else -_LARGEST
            found.extend((number, day, part))
            left -= part
        found.extend((number, day, left))
    return found
