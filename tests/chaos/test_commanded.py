"""The auditor finds what may go wrong with commands: right blocks, spoilt in one place."""

import copy
from collections.abc import Callable

import pytest

from tests.chaos.commanded import Commanded
from tests.chaos.written import Block, Line
from tests.simulation.auditor import Wrong

PLACE = ("commands", 2)


def claim(event_id: str) -> Line:
    return {"command": "trigger", "record": {"type": "trigger_claimed", "event_id": event_id, "customer_id": "C1"}}


def erase(event_id: str) -> Line:
    return {"command": "erase", "event_id": event_id, "customer_id": "C1"}


COMMANDS = {1: claim("m1"), 2: claim("m2"), 3: erase("m3"), 4: erase("m4")}


def right() -> list[Block]:
    ours = {"source": "guanxi", "customer_id": "C1"}
    lines: list[list[Line]] = [
        [{"type": "trigger_claimed", "event_id": "m1", **ours}],
        [{"type": "command_refused", "number": 2, "why": "it ended"}],
        [{"type": "erasure_requested", "event_id": "m3", **ours}, {"type": "customer_erased", "customer_id": "C1"}],
        [],  # who is erased stays as it is
    ]
    return [Block(n, 0, 0, {PLACE: (n - 1, n)}, found, 0) for n, found in enumerate(lines, 1)]


def test_right_blocks_pass() -> None:
    audit = Commanded(2, COMMANDS, right())
    audit.run()
    assert audit.taken == 2


def done_twice(blocks: list[Block]) -> None:
    blocks[0].lines.append(blocks[0].lines[0])


def done_not(blocks: list[Block]) -> None:
    blocks[0].lines.clear()


def refusal_lost(blocks: list[Block]) -> None:
    blocks[1].lines.clear()


def not_erased(blocks: list[Block]) -> None:
    blocks[2].lines.clear()


def by_nobody(blocks: list[Block]) -> None:
    blocks[3].lines.append(blocks[0].lines[0] | {"event_id": "m9"})


def elsewhere(blocks: list[Block]) -> None:
    blocks[3].lines.append(blocks[0].lines.pop())


def left_over(blocks: list[Block]) -> None:
    blocks.pop()


@pytest.mark.parametrize(("spoil", "said"), [
    (done_twice, r"repeated: commands \[1\]"),
    (done_not, "lost: command 1"),
    (refusal_lost, "lost: command 2"),
    (not_erased, "lost: command 3"),
    (by_nobody, "nobody asked for trigger_claimed m9"),
    (elsewhere, "command 1 is done in block 4"),
    (left_over, "commands that were taken"),
])  # fmt: skip
def test_it_is_noticed(spoil: Callable[[list[Block]], None], said: str) -> None:
    blocks = copy.deepcopy(right())
    spoil(blocks)
    with pytest.raises(Wrong, match=said):
        Commanded(2, COMMANDS, blocks).run()
