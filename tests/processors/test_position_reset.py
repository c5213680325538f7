"""Reading on from another offset, on a log in files: what comes again is taken once, and the log says who asked."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from events import codec
from events.catalog import CALENDAR, CUSTOMERS, TRANSACTIONS
from events.decisions import CommandRefused, InputReset
from events.fields import CustomerRecord, Record
from processors.commands import body_of, execute
from processors.intake import Origin
from processors.marks import behind
from processors.messages import Messages
from processors.ports import Input, Mark
from processors.position_reset import PositionResetAsked
from processors.positions import Found, Gone, Recreated, findings, set_to, stands_of
from processors.stored import decode_lines
from tests.dsl.parking import Owned
from tests.dsl.records import deposit, opened
from tests.processors.test_intake import House

INPUT = (TRANSACTIONS, 0)
COMMAND: tuple[Input, int] = (("commands", 0), 1)
RECORDS: list[Record] = [
    opened("C1", "A1", on="2026-01-01", id="a1"),
    *(deposit("C1", "A1", "1.00", on="2026-01-02", id=f"d{n}") for n in range(1, 4)),
]
LATER = deposit("C1", "A1", "10.00", on="2026-01-03", id="later")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    take(found, RECORDS, 10)
    yield found
    found.close()


def take(house: House, records: list[Record], first: int, topic_id: str = "id-1") -> None:
    offsets = range(first, first + len(records))
    keys = [each.customer_id.encode() for each in records if isinstance(each, CustomerRecord)]
    found = Messages(TRANSACTIONS, 0, 1, offsets, offsets[-1] + 1, keys, [codec.encode(each) for each in records])
    mark = house.log.head().marks.get(INPUT)
    house.intake.take_messages(Origin(INPUT), found, behind(found, topic_id, mark))


def resets(house: House) -> list[InputReset]:
    return [line for block in house.log.blocks() for line in decode_lines(block.body) if isinstance(line, InputReset)]


def test_what_is_read_again_is_taken_once(house: House) -> None:
    house.intake.reset_input(INPUT, 11, "id-1", "the broker lost its end", "li.wei", COMMAND)
    assert house.log.head().inputs == {INPUT: 11, COMMAND[0]: 1}
    assert house.log.head().marks[INPUT] == set_to("id-1", 11)
    take(house, [*RECORDS[1:], LATER], 11)
    assert house.counts == (5, 3, 0)
    assert house.balance() == 1300
    house.restart()
    assert house.balance() == 1300
    assert house.log.head().inputs == {INPUT: 15, COMMAND[0]: 1}


def test_the_log_says_who_asked_and_why(house: House) -> None:
    house.intake.reset_input(INPUT, 40, "id-2", "restored broker", "li.wei")
    house.crash()
    assert resets(house) == [
        InputReset(
            topic=TRANSACTIONS, partition=0, stood=14, to=40, topic_id="id-2", reason="restored broker", by="li.wei"
        )
    ]
    assert house.log.head().inputs == {INPUT: 40}


def test_a_reset_is_one_block_with_its_command(house: House) -> None:
    before = house.log.head().block
    house.intake.reset_input(INPUT, 0, "id-2", "made again", "li.wei", COMMAND)
    assert house.log.head().block == before + 1
    assert house.log.head().inputs == {COMMAND[0]: 1}
    take(house, [*RECORDS, LATER], 0, "id-2")
    assert house.balance() == 1300
    assert house.log.head().inputs == {INPUT: 5, COMMAND[0]: 1}


@pytest.mark.parametrize("to", [14, 20])
def test_a_topic_made_again_fits_behind_a_reset(house: House, to: int) -> None:
    made_again = {INPUT: Found("id-2", 0, 30)}
    assert findings(stands_of(house.log.head(), [INPUT]), made_again) == [Recreated(INPUT, 14, "id-1", "id-2")]
    house.intake.reset_input(INPUT, to, "id-2", "made again", "li.wei", COMMAND)
    house.crash()
    assert findings(stands_of(house.log.head(), [INPUT]), made_again) == []
    assert findings(stands_of(house.log.head(), [INPUT]), {INPUT: Found("id-2", 25, 30)}) == [Gone(INPUT, to, 25)]


def test_other_inputs_stay_where_they_are(house: House) -> None:
    other = (CUSTOMERS, 0)
    house.intake.reset_input(other, 7, "id-3", "new", "li.wei", COMMAND)
    assert house.log.head().inputs == {INPUT: 14, other: 7, COMMAND[0]: 1}
    assert house.log.head().marks[INPUT].size == 14
    assert house.log.head().marks[other] == Mark(7, "id-3/", 0)
    take(house, [LATER], 14)
    assert house.log.head().inputs == {INPUT: 15, other: 7, COMMAND[0]: 1}


COMMANDS: Input = ("commands", 0)
ASKED = PositionResetAsked(TRANSACTIONS, 0, 40, "id-1", "restored broker", "li.wei")


def test_an_owner_does_the_command_once() -> None:
    owned = Owned()
    for _ in range(2):
        execute(owned.owner, COMMANDS, 1, body_of(ASKED))
        owned.crash()
    (reset,) = owned.decided(InputReset)
    assert (reset.stood, reset.to, reset.by) == (0, 40, "li.wei")
    assert owned.log.head().inputs == {INPUT: 40, COMMANDS: 1}
    assert owned.log.head().marks[INPUT] == set_to("id-1", 40)


@pytest.mark.parametrize("wrong", [{"partition": 1}, {"topic": CALENDAR}, {"to": -1}])
def test_another_shards_input_is_not_moved(wrong: dict[str, Any]) -> None:
    owned = Owned()
    execute(owned.owner, COMMANDS, 1, body_of(msgspec.structs.replace(ASKED, **wrong)))
    (refused,) = owned.decided(CommandRefused)
    assert "shard 0 reads nothing there" in refused.why
    assert owned.log.head().inputs == {COMMANDS: 1}
