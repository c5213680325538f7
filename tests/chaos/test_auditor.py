"""The auditor finds what a stream can do wrong: a right one, made by the model bank without any process, spoilt in one place."""

import json
import pickle
import tomllib
from collections.abc import Callable
from typing import Any

import pytest

from guanxi.simulator import records
from processors.partition import partition_of
from tests.chaos.auditor import COPY, POLICY_FILE, audit, identity_of
from tests.chaos.written import (
    CALENDAR,
    RECORDS,
    REJECTED,
    TIER_CHANGES,
    TOPICS,
    TRIGGERS,
    Block,
    Journal,
    Line,
    Message,
    Topics,
)
from tests.model.bank import Bank
from tests.simulation.auditor import Wrong

SHARDS, CUSTOMERS, DAYS = 2, 16, 62
MESSAGES_A_BLOCK = 30
POLICY = tomllib.loads(POLICY_FILE.read_text("utf-8"))
PLACE = (RECORDS[0], 1)


class Right:
    """Topics and a log of a stream in which nothing went wrong, and duplicates and refusals were."""

    def __init__(self) -> None:
        self.topics, self.journal = Topics(""), Journal("postgresql://h/d")
        self.topics.messages = {(topic, p): [] for topic in TOPICS for p in range(1 if topic == CALENDAR else SHARDS)}
        self.journal.shards = [[] for _ in range(SHARDS)]
        self._models = [Bank([POLICY]) for _ in range(SHARDS)]
        self._lines: list[list[Line]] = [[] for _ in range(SHARDS)]
        self._duplicates = [0] * SHARDS
        self._told: dict[str, int] = {}
        for number, line in enumerate(records(CUSTOMERS, DAYS, 3)):
            self._publish(number, json.loads(line), line)
        for shard in range(SHARDS):
            self._commit(shard)
        self.settle()

    def _publish(self, number: int, record: Line, line: bytes) -> None:
        if record["type"] == "business_day_closed":
            at = self.say((CALENDAR, 0), line, None)
            for shard in range(SHARDS):
                for topic in RECORDS:
                    self.say((topic, shard), line, None, {COPY: b"%d" % at})
                self._take(shard, record, (CALENDAR, 0, at))
            return
        customer = record["customer_id"]
        shard = partition_of(customer, SHARDS)
        topic = RECORDS[0] if record["type"] != "special_vip_granted" else RECORDS[2]
        again = [line, line] if number % 50 == 7 else [line]
        if number % 70 == 9:
            again.append(
                line.replace(b'"event_id":"', b'"event_id":"x', 1).replace(b'"account_id":"', b'"account_id":"no-')
            )
        for each in again:
            at = self.say((topic, shard), each, customer.encode())
            self._take(shard, json.loads(each), (topic, shard, at))

    def say(
        self, place: tuple[str, int], value: bytes, key: bytes | None, headers: dict[str, bytes] | None = None
    ) -> int:
        found = self.topics.messages[place]
        found.append(Message(len(found), key, value, headers or {}))
        return len(found) - 1

    def _take(self, shard: int, record: Line, place: tuple[str, int, int]) -> None:
        model, lines = self._models[shard], self._lines[shard]
        outcome = model.take(record)
        topic, partition, offset = place
        if outcome is None:
            lines.append(record)
            for customer in [record["customer_id"]] if "customer_id" in record else model.customers():
                for change in model.tier_changes(customer)[self._told.get(customer, 0) :]:
                    lines.append({"type": "tier_changed", **change, "tier": []})
                    self._told[customer] = self._told.get(customer, 0) + 1
                    # A trigger with every tier change: the model does not know them, but subscribers get them all.
                    lines.append({"type": "trigger_moved", "sequence": self._told[customer], "customer_id": customer,
                                  "code": "tier_at_risk", "key": change["decided_at"], "step": "raised"})  # fmt: skip
        elif outcome == "duplicate":
            self._duplicates[shard] += 1
        else:
            where = {"topic": topic, "partition": partition, "offset": offset}
            lines.append({"type": "record_refused", "reason": outcome, **where})
        if len(lines) >= MESSAGES_A_BLOCK:
            self._commit(shard)

    def _commit(self, shard: int) -> None:
        blocks = self.journal.shards[shard]
        before = blocks[-1].ranges if blocks else {}
        stands = {(topic, shard): len(self.topics.messages[topic, shard]) for topic in RECORDS}
        ranges = {place: (before.get(place, (0, 0))[1], at) for place, at in stands.items()}
        first = blocks[-1].first + len(blocks[-1].lines) if blocks else 0
        blocks.append(Block(len(blocks) + 1, first, self._duplicates[shard], ranges, self._lines[shard], 0))
        self._lines[shard], self._duplicates[shard] = [], 0

    def settle(self) -> None:
        """Publish what the log says, and stand at the ends of the topics."""
        for line in (line for blocks in self.journal.shards for block in blocks for line in block.lines):
            if line["type"] == "tier_changed":
                shown = {name: value for name, value in line.items() if name not in ("type", "tier")}
                place = (TIER_CHANGES, partition_of(line["customer_id"], SHARDS))
                self.say(
                    place, json.dumps(shown).encode(), line["customer_id"].encode(), {"ce_id": line["id"].encode()}
                )
            elif line["type"] == "trigger_moved":
                customer = line["customer_id"]
                named = f"{customer}:{line['code']}:{line['key']}"
                shown = {"id": named, **{name: value for name, value in line.items() if name != "type"}}
                place, headers = (TRIGGERS, partition_of(customer, SHARDS)), f"{customer}:trigger-{line['sequence']}"
                self.say(place, json.dumps(shown).encode(), customer.encode(), {"ce_id": headers.encode()})
            elif line["type"] == "record_refused":
                self.say((REJECTED, 0), json.dumps(line).encode(), None)
        self.topics.ends = {place: len(found) for place, found in self.topics.messages.items()}

    def lines(self, shard: int, wanted: Callable[[Line], bool]) -> tuple[list[Line], int]:
        """The lines of the block in which the first line of a kind stands behind the first day, and where it is there."""
        for block in self.journal.shards[shard][3:]:
            for at, line in enumerate(block.lines):
                if wanted(line):
                    return block.lines, at
        raise AssertionError

    def changes(self) -> list[Message]:
        """The partition with the most tier changes."""
        return max(self.topics.of(TIER_CHANGES).values(), key=len)

    def steps(self) -> list[Message]:
        """The partition with the most steps of triggers."""
        return max(self.topics.of(TRIGGERS).values(), key=len)


def moves_money(line: Line) -> bool:
    return bool(line["type"] == "withdrawal")


def is_close(line: Line) -> bool:
    return bool(line["type"] == "business_day_closed")


def is_refused(line: Line) -> bool:
    return bool(line["type"] == "record_refused")


def is_change(line: Line) -> bool:
    return bool(line["type"] == "tier_changed")


def replace_lines(right: Right, lines: list[Line], new: list[Line]) -> None:
    """Other lines in a block, with the numbers of the blocks behind it moved along: nothing but the lines is wrong."""
    for blocks in right.journal.shards:
        first = 0
        for at, block in enumerate(blocks):
            blocks[at] = block._replace(lines=new if block.lines is lines else block.lines, first=first)
            first += len(blocks[at].lines)


def changed(wanted: Callable[[Line], bool], edit: Callable[[list[Line], int], list[Line]]) -> Callable[[Right], None]:
    def spoil(right: Right) -> None:
        lines, at = right.lines(1, wanted)
        replace_lines(right, lines, edit(lines, at))

    return spoil


def drop(lines: list[Line], at: int) -> list[Line]:
    return lines[:at] + lines[at + 1 :]


def twice(lines: list[Line], at: int) -> list[Line]:
    return [*lines[: at + 1], *lines[at:]]


def earlier(lines: list[Line], at: int) -> list[Line]:
    """A record before the one that was published before it, in the same topic."""
    before = next(n for n in range(at - 1, -1, -1) if "account_id" in lines[n])
    return [*lines[:before], lines[at], *lines[before:at], *lines[at + 1 :]]


def behind_the_close(lines: list[Line], at: int) -> list[Line]:
    """The record before a close behind it."""
    before = next(n for n in range(at - 1, -1, -1) if "account_id" in lines[n])
    return [*lines[:before], *lines[before + 1 : at + 1], lines[before], *lines[at + 1 :]]


def other(**fields: Any) -> Callable[[list[Line], int], list[Line]]:
    return lambda lines, at: [*lines[:at], lines[at] | fields, *lines[at + 1 :]]


def lose_a_batch(right: Right) -> None:
    """The position moves on, the records are nowhere."""
    lines = right.journal.shards[1][4].lines
    replace_lines(right, lines, [line for line in lines if not moves_money(line)])


def take_a_batch_twice(right: Right) -> None:
    blocks = right.journal.shards[1]
    lines = blocks[4].lines
    replace_lines(right, lines, [*lines, *(line for line in blocks[3].lines if "account_id" in line)])


def position_goes_back(right: Right) -> None:
    blocks = right.journal.shards[1]
    start, end = blocks[4].ranges[PLACE]
    blocks[4] = blocks[4]._replace(ranges=blocks[4].ranges | {PLACE: (start - 3, end)})


def position_behind(right: Right) -> None:
    blocks = right.journal.shards[1]
    start, end = blocks[-1].ranges[PLACE]
    blocks[-1] = blocks[-1]._replace(ranges=blocks[-1].ranges | {PLACE: (start, end - 1)})


def uncounted(right: Right) -> None:
    blocks = right.journal.shards[1]
    at = next(at for at, block in enumerate(blocks) if block.duplicates)
    blocks[at] = blocks[at]._replace(duplicates=blocks[at].duplicates - 1)


def close_missing_in_one_shard(right: Right) -> None:
    """And its copies too: the shard alone agrees with itself."""
    lines, at = right.lines(1, is_close)
    key = identity_of(lines[at])
    replace_lines(right, lines, drop(lines, at))
    for topic in RECORDS:
        found = right.topics.messages[topic, 1]
        found[:] = [m for m in found if COPY not in m.headers or identity_of(json.loads(m.value or b"")) != key]


def published_twice(right: Right) -> None:
    found = right.changes()
    found.append(found[-1]._replace(offset=len(found)))


def published_not(right: Right) -> None:
    right.changes().pop()


def published_in_another_order(right: Right) -> None:
    """Two changes of one customer."""
    found = right.changes()
    later = next(m for m in found if m.headers["ce_id"].endswith(b":2"))
    first = next(m for m in found if m.key == later.key)
    one, two = found.index(first), found.index(later)
    found[one], found[two] = found[two], found[one]


def published_elsewhere(right: Right) -> None:
    found = right.changes()
    later = next(m for m in found if m.headers["ce_id"].endswith(b":2"))
    found.remove(later)
    next(other for other in right.topics.of(TIER_CHANGES).values() if other is not found).append(later)


def published_otherwise(right: Right) -> None:
    found = right.changes()
    found[-1] = found[-1]._replace(value=(found[-1].value or b"").replace(b'"watch": 0', b'"watch": 2'))


def step_published_twice(right: Right) -> None:
    found = right.steps()
    found.append(found[-1]._replace(offset=len(found)))


def step_not_published(right: Right) -> None:
    """The first of two, so that a number is missing."""
    found = right.steps()
    later = next(m for m in found if m.headers["ce_id"].endswith(b":trigger-2"))
    found.remove(next(m for m in found if m.key == later.key))


def step_under_the_id_of_its_trigger(right: Right) -> None:
    found = right.steps()
    found[0] = found[0]._replace(headers={"ce_id": json.loads(found[0].value or b"")["id"].encode()})


def refusal_published_twice(right: Right) -> None:
    found = right.topics.messages[REJECTED, 0]
    found.append(found[0])


def refusal_not_published(right: Right) -> None:
    right.topics.messages[REJECTED, 0].pop()


SPOILT: dict[str, tuple[Callable[[Right], None], str]] = {
    "a record is lost": (changed(moves_money, drop), "lost: 1 records"),
    "a batch is lost": (lose_a_batch, "lost: [0-9]+ records"),
    "a record is there twice": (changed(moves_money, twice), "repeated: 1 records"),
    "a batch is there twice": (take_a_batch_twice, "repeated: [0-9]+ records"),
    "two records change places": (changed(moves_money, earlier), "what was taken, in order"),
    "a record comes behind the close of its day": (changed(is_close, behind_the_close), "what was taken, in order"),
    "a record is another one": (changed(moves_money, other(amount=1)), "what was taken, in order"),
    "a record that nobody published": (changed(moves_money, lambda lines, at: [*lines, lines[at] | {"event_id": "?"}]),
                                       "records nobody published"),
    "a refusal is lost": (changed(is_refused, drop), "lost: 1 records"),
    "a refusal is there twice": (changed(is_refused, twice), "repeated: .* was refused twice"),
    "a refusal of something else": (changed(is_refused, other(offset=1_000_000)), "no such message"),
    "another reason": (changed(is_refused, other(reason="account_closed")), "the model of"),
    "a close is lost": (changed(is_close, drop), "lost: 1 records"),
    "a close is missing in one shard": (close_missing_in_one_shard, "closes"),
    "a decision is lost": (changed(is_change, drop), "tier changes"),
    "a decision is there twice": (changed(is_change, twice), "tier changes"),
    "a decision is another one": (changed(is_change, other(watch=3)), "tier changes"),
    "a position goes back": (position_goes_back, "begins at"),
    "a position is behind": (position_behind, "positions"),
    "a duplicate is not counted": (uncounted, "counted as known already"),
    "a change is published twice": (published_twice, "published sequence"),
    "a change is not published": (published_not, "published"),
    "changes are published in another order": (published_in_another_order, "published sequence"),
    "changes of a customer are in two partitions": (published_elsewhere, "partitions of"),
    "a change is published otherwise": (published_otherwise, "published tier changes"),
    "a step of a trigger is published twice": (step_published_twice, "triggers: published sequence"),
    "a step of a trigger is not published": (step_not_published, "triggers: published sequence"),
    "a step of a trigger is published otherwise": (step_under_the_id_of_its_trigger, "ids of triggers"),
    "a refusal is published twice": (refusal_published_twice, "published refusals"),
    "a refusal is not published": (refusal_not_published, "published refusals"),
}  # fmt: skip


@pytest.fixture(scope="module")
def kept() -> bytes:
    return pickle.dumps(Right())


@pytest.fixture
def right(kept: bytes) -> Right:
    """A new one, made once."""
    found = pickle.loads(kept)
    assert isinstance(found, Right)
    return found


def test_a_right_stream_passes(right: Right) -> None:
    tally = audit(right.topics, right.journal, [POLICY], judges=False)
    assert tally.taken > 300
    assert min(tally.refused, tally.duplicates, tally.changes) > 3
    assert tally.closes == 2 * DAYS


def publish_again(right: Right) -> dict[tuple[str, int], int]:
    """As after a restore: all of it once more. The last of each was not known to subscribers before."""
    anew = {}
    for topic in (TIER_CHANGES, TRIGGERS, REJECTED):
        for partition, found in right.topics.of(topic).items():
            told = [*found]
            if topic == REJECTED:
                del found[-1:]
            else:
                found[:] = [m for m in found if not is_last(m, told)]
            anew[topic, partition] = len(told)
            found += [m._replace(offset=len(told) + at) for at, m in enumerate(told)]
    right.topics.ends |= {place: at * 2 for place, at in anew.items()}
    return anew


def is_last(message: Message, told: list[Message]) -> bool:
    """Whether it is its customer's last."""
    return [m for m in told if m.key == message.key][-1] is message


def test_what_is_published_again_after_a_restore_passes(right: Right) -> None:
    audit(right.topics, right.journal, [POLICY], judges=False, anew=publish_again(right))


def again_not(right: Right) -> None:
    right.changes().pop()


def again_twice(right: Right) -> None:
    found = right.steps()
    found.append(found[-1]._replace(offset=len(found) + 1_000))


def again_otherwise(right: Right) -> None:
    found = right.changes()
    found[0] = found[0]._replace(value=(found[0].value or b"").replace(b'"watch": 0', b'"watch": 2'))


def again_in_another_partition(right: Right) -> None:
    found = right.changes()
    other = next(f for f in right.topics.of(TIER_CHANGES).values() if f is not found)
    key = next(m.key for m in found if m.headers["ce_id"].endswith(b":2"))
    assert not any(m.headers["ce_id"].endswith(b":3") for m in found if m.key == key)
    moved = [m for m in found if m.key == key][-2:]
    other += [m._replace(offset=m.offset + 10_000) for m in moved]
    found[:] = [m for m in found if m not in moved]


def refusal_again_not(right: Right) -> None:
    right.topics.messages[REJECTED, 0].pop()


def refusal_again_under_another_id(right: Right) -> None:
    found = right.topics.messages[REJECTED, 0]
    found[-2] = found[-2]._replace(headers={"ce_id": b"a:1:other"})


SPOILT_AGAIN: dict[str, tuple[Callable[[Right], None], str]] = {
    "a change is not published again": (again_not, "tier changes published once more"),
    "a step is published again twice": (again_twice, "triggers: published sequence"),
    "a change was published otherwise": (again_otherwise, "tier changes of .* published before"),
    "it comes again in another partition": (again_in_another_partition, "in another partition"),
    "a refusal is not published again": (refusal_again_not, "refusals published once more"),
    "a refusal comes again under another id": (refusal_again_under_another_id, "id of the refusal"),
}


@pytest.mark.parametrize("what", SPOILT_AGAIN)
def test_it_is_noticed_after_a_restore_when(what: str, right: Right) -> None:
    spoil, said = SPOILT_AGAIN[what]
    anew = publish_again(right)
    spoil(right)
    with pytest.raises(Wrong, match=said):
        audit(right.topics, right.journal, [POLICY], judges=False, anew=anew)


@pytest.mark.parametrize("what", SPOILT)
def test_it_is_noticed_when(what: str, right: Right) -> None:
    spoil, said = SPOILT[what]
    spoil(right)
    right.topics.ends = {
        place: max((m.offset + 1 for m in found), default=0) for place, found in right.topics.messages.items()
    }
    with pytest.raises(Wrong, match=said):
        audit(right.topics, right.journal, [POLICY], judges=False)
