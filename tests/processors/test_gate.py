"""The gate: whatever is read in whatever batches, each message comes out once, in order, and each close behind all before it."""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aggregates.policy import Policies, Policy
from aggregates.shard import Shard
from events import codec
from events.calendar import BusinessDayClosed
from events.decisions import PolicyActivated
from processors.closes import close_in, is_closed
from processors.gate import Close, Gate, Step, Stray, Take, calendar_offsets
from tests.dsl.records import close

TOPICS = ("t", "i", "c")
DATES = [f"2026-01-{day:02}" for day in range(1, 29)]


@cache
def copy(calendar: int) -> bytes:
    return codec.encode(close(DATES[calendar]))


class Message(NamedTuple):
    """What a topic holds: at an offset an ordinary message (calendar None) or a copy."""

    offset: int
    calendar: int | None
    value: bytes | None = b"{}"


Holdings = dict[str, list[Message]]


class Bank:
    """Takes what the gate gives, as a shard does."""

    def __init__(self, gate_of_one: bool = False) -> None:
        self.closed: set[str] = set()
        most = (1, 1) if gate_of_one else (5_000, 1 << 20)
        self.gate = Gate(TOPICS, 3, 8, lambda each: each.date in self.closed, *most)
        self.steps: list[Step] = []

    def read(self, topic: str, messages: list[Message]) -> None:
        offsets = [each.offset for each in messages]
        copied = [each.calendar for each in messages]
        calendar = copied if any(each is not None for each in copied) else None
        self.gate.add(topic, offsets, [None] * len(offsets), [each.value for each in messages], calendar)

    def go(self) -> None:
        while (step := self.gate.step()) is not None:
            self.steps.append(step)
            if isinstance(step, Close):
                found = close_in(step.line)
                assert found
                self.closed.add(found.date)

    def given(self) -> list[tuple[str, int]]:
        """(topic, offset) of everything given out, in order."""
        return [place for step in self.steps for place in places(step)]

    def story(self) -> list[dict[str, list[int]] | tuple[int, list[tuple[str, int]]]]:
        """What was taken between one close and the next, topics apart, and the closes."""
        found: list[dict[str, list[int]] | tuple[int, list[tuple[str, int]]]] = [{}]
        for step in self.steps:
            if isinstance(step, Close) and len(step.copies) > 1:
                found += [(step.calendar, sorted(places(step))), {}]
                continue
            between = found[-1]
            assert isinstance(between, dict)
            for topic, offset in places(step):
                between.setdefault(topic, []).append(offset)
        return found


def places(step: Step) -> list[tuple[str, int]]:
    if isinstance(step, Take):
        return [(step.messages.topic, offset) for offset in step.messages.places[:-1]]
    if isinstance(step, Stray):
        return [(step.copy[0], step.offset)]
    return [(topic, offset) for (topic, _), offset in step.copies.items()]


@st.composite
def holdings(draw: st.DrawFn) -> Holdings:
    """Three topics with copies of the same closes: repeated from any one on, some lost, ordinary messages and gaps between."""
    closes = draw(st.integers(0, 5))
    order: list[int] = []
    for each in range(closes):
        order.append(each)
        if draw(st.booleans()):
            order += range(draw(st.integers(0, each)), each + 1)  # it was killed and began again
    found: Holdings = {}
    for topic in TOPICS:
        found[topic], offset = [], draw(st.integers(0, 3))
        for each in [*order, closes]:  # the last of all is lost nowhere
            for _ in range(draw(st.integers(0, 3))):
                odd = draw(st.sampled_from([(None, b"{}"), (None, None), (None, copy(7)), (9, b"no close"), (9, None)]))
                found[topic].append(Message(offset, *odd))
                offset += draw(st.integers(1, 3))
            if each == closes or draw(st.integers(0, 9)):
                found[topic].append(Message(offset, each, copy(each)))
                offset += 1
    return found


def all_at_once(held: Holdings) -> Bank:
    bank = Bank()
    for topic, messages in held.items():
        bank.read(topic, messages)
    bank.go()
    return bank


@st.composite
def pieces(draw: st.DrawFn) -> tuple[Holdings, list[tuple[str, list[Message]]]]:
    """What the topics hold, and the same in batches as a reader may get them."""
    held = draw(holdings())
    left = {topic: list(messages) for topic, messages in held.items()}
    batches = []
    while any(left.values()):
        topic = draw(st.sampled_from([topic for topic in TOPICS if left[topic]]))
        size = draw(st.integers(1, len(left[topic])))
        batches.append((topic, left[topic][:size]))
        left[topic] = left[topic][size:]
    return held, batches


@settings(deadline=None)
@given(holdings())
def test_everything_comes_out_once_and_in_the_order_of_its_topic(held: Holdings) -> None:
    bank = all_at_once(held)
    for topic, messages in held.items():
        assert [offset for name, offset in bank.given() if name == topic] == [each.offset for each in messages]
    assert bank.gate.bytes_held == 0
    assert not bank.gate.held()


@settings(deadline=None)
@given(pieces(), st.booleans())
def test_however_it_was_read_the_steps_are_the_same(
    found: tuple[Holdings, list[tuple[str, list[Message]]]], small: bool
) -> None:
    held, batches = found
    bank = Bank(gate_of_one=small)
    for topic, messages in batches:
        bank.read(topic, messages)
        bank.go()
    assert bank.story() == all_at_once(held).story()


@settings(deadline=None)
@given(holdings())
def test_a_close_is_taken_behind_all_before_it_and_ahead_of_all_behind_it(held: Holdings) -> None:
    given_out = all_at_once(held)
    taken: set[tuple[str, int]] = set()
    closed: set[int] = set()
    for step in given_out.steps:
        if isinstance(step, Close) and step.calendar not in closed:
            closed.add(step.calendar)
            for topic, messages in held.items():
                copies = [
                    each.offset for each in messages if each.calendar == step.calendar and each.value == step.line
                ]
                ahead = [each for each in messages if copies and each.offset < copies[0] and each.value != b"no close"]
                if any((each.calendar or 0) > step.calendar for each in ahead if each.value):
                    copies = []  # what it was sent first was lost: it has only what was sent again
                if copies:
                    before = {(topic, each.offset) for each in messages if each.offset < copies[0]}
                    behind = {(topic, each.offset) for each in messages if each.offset > copies[0]}
                    assert before <= taken
                    assert not behind & taken
        taken.update(places(step))
    every = {each.calendar for messages in held.values() for each in messages if each.value and close_in(each.value)}
    assert closed == every - {None}


@settings(deadline=None)
@given(pieces())
def test_a_topic_held_is_never_one_that_is_waited_for(found: tuple[Holdings, list[tuple[str, list[Message]]]]) -> None:
    bank = Bank()
    for topic, messages in found[1]:
        bank.read(topic, messages)
        bank.go()
        held = bank.gate.held()
        assert len(held) < len(TOPICS)
        assert bank.gate.bytes_to_take == 0
        for waiting in held.values():
            assert set(waiting.others) == set(TOPICS) - held.keys()
            assert waiting.date == DATES[waiting.calendar]


# ------------------------------------------------------------------------------------------ one by one


def run(**held: list[Message]) -> Bank:
    return all_at_once({topic: held.get(topic, []) for topic in TOPICS})


def test_a_close_waits_for_the_last_topic() -> None:
    bank = run(t=[Message(4, None), Message(5, 0, copy(0)), Message(6, None)], i=[Message(0, 0, copy(0))])
    assert bank.given() == [("t", 4)]
    assert bank.gate.held()["t"] == ("core", "2026-01-01", 0, ("c",))
    assert bank.gate.held().keys() == {"t", "i"}
    assert bank.gate.bytes_held == 2 * len(copy(0)) + 2
    bank.read("c", [Message(9, 0, copy(0))])
    bank.go()
    assert bank.steps[1:2] == [Close({("t", 3): 5, ("i", 3): 0, ("c", 3): 9}, copy(0), 0)]
    assert bank.given()[-1] == ("t", 6)


def test_a_topic_without_its_copy_stands_at_the_next_one_meanwhile() -> None:
    bank = run(
        t=[Message(0, 0, copy(0)), Message(1, 1, copy(1))], i=[Message(0, 1, copy(1))], c=[Message(3, 0, copy(0))]
    )
    assert bank.steps == [Close({("t", 3): 0, ("c", 3): 3}, copy(0), 0)]
    assert bank.gate.held().keys() == {"t", "i"}


def test_a_day_closed_with_other_content_is_given_out_alone() -> None:
    other = codec.encode(close(DATES[0], totals=(1, "1.00")))
    bank = run(**{topic: [Message(0, 0, copy(0))] for topic in TOPICS})
    bank.read("t", [Message(1, 1, other), Message(2, None)])
    bank.go()
    assert bank.steps[1] == Close({("t", 3): 1}, other, 1)
    assert bank.given()[-1] == ("t", 2)


def test_two_records_under_one_offset_of_the_calendar_are_two_closes() -> None:
    bank = run(
        t=[Message(0, 0, copy(0))], i=[Message(0, 0, copy(1))], c=[Message(0, 0, copy(1)), Message(1, 0, copy(2))]
    )
    bank.read("t", [Message(1, 0, copy(1))])
    bank.go()
    assert [(step.line, len(step.copies)) for step in bank.steps if isinstance(step, Close)] == [
        (copy(0), 1),
        (copy(1), 3),
    ]


def test_what_is_no_close_is_refused_at_once() -> None:
    bank = run(t=[Message(0, 8, b"{"), Message(1, 9, None), Message(2, 9, b"\n" + copy(0))])
    assert bank.steps == [
        Stray(("t", 3), 0, b"{", 8),
        Stray(("t", 3), 1, None, 9),
        Stray(("t", 3), 2, b"\n" + copy(0), 9),
    ]


def test_a_step_is_bounded_in_messages_and_in_bytes() -> None:
    gate = Gate(TOPICS, 0, 1, lambda _: False, most_messages=3, most_bytes=10)
    values = [b"12345", b"12345", b"1", b"1", b"1", b"1", b"123456789012", None, b"1"]
    gate.add("t", range(4), [None] * 4, values[:4])
    gate.add("t", range(4, 9), [None] * 5, values[4:])
    assert [messages.values for messages in taken(gate)] == [
        values[:2],
        values[2:5],
        values[5:6],
        values[6:7],
        values[7:],
    ]


def taken(gate: Gate) -> Iterator[object]:
    while (step := gate.step()) is not None:
        assert isinstance(step, Take)
        yield step.messages


def test_the_topics_take_turns() -> None:
    gate = Gate(TOPICS, 0, 1, lambda _: False, most_messages=1)
    for topic in TOPICS:
        gate.add(topic, [0, 1], [None] * 2, [b"1"] * 2)
    assert [messages.topic for messages in taken(gate)] == [*TOPICS, *TOPICS]


def test_going_back_is_an_error() -> None:
    gate = Gate(TOPICS, 2, 4, lambda _: False)
    gate.add("t", [4, 7], [None] * 2, [b"1"] * 2)
    with pytest.raises(ValueError, match="t 2: offset 7 was read before 7"):
        gate.add("t", [7], [None], [b"1"])


def test_headers_are_looked_into_only_where_there_are_any() -> None:
    assert calendar_offsets([(), (), ()]) is None
    others = (("trace", b"7"), ("guanxi-calendar", b"12"))
    assert calendar_offsets([(), others, (("trace", b"7"),)]) == [None, 12, None]
    for no_number in (b"", b"-1", "١".encode(), b"1" * 20):
        assert calendar_offsets([(("guanxi-calendar", no_number),)]) == [None]


def test_a_shard_says_which_days_it_has_closed() -> None:
    shard = Shard(Policies())
    shard.evolve(PolicyActivated(version="default-1", policy=msgspec.to_builtins(Policy())))
    first, other = close("2026-01-01"), close("2026-01-01", totals=(1, "1.00"))
    assert isinstance(first, BusinessDayClosed)
    assert isinstance(other, BusinessDayClosed)
    assert not is_closed(shard, first)
    shard.evolve(first)
    assert is_closed(shard, first)
    assert is_closed(shard, other)
