"""What a partition holds, on its way in: keys, partitions, topics, gaps, closes read from several topics (CONTRACT §1)."""

import pytest

from events import codec
from events.calendar import BusinessDayClosed
from events.catalog import CALENDAR, CUSTOMERS, INTERACTIONS, TRANSACTIONS
from events.decisions import RecordRefused
from events.fields import CustomerRecord, Record
from processors import intake, owner
from processors.closes import close_in
from processors.intake import Origin
from processors.messages import Messages
from processors.partition import are_in, murmur2, partition_of
from processors.ports import Draft, Input, Mark
from tests.dsl.door import Door
from tests.dsl.parking import Failing, Owned
from tests.dsl.records import close, deposit, granted, opened, reversal

PARTITIONS = 4
HERE, THERE = "C1", "C3"
PARTITION = partition_of(HERE, PARTITIONS)
INPUT = (TRANSACTIONS, PARTITION)
A1 = opened(HERE, "A1", on="2026-01-01", id="a1")
D1 = deposit(HERE, "A1", "1.00", on="2026-01-02", id="d1")
D2 = deposit(HERE, "A1", "2.00", on="2026-01-02", id="d2")


@pytest.fixture(autouse=True, params=[1, 2, 1_000])
def _at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many messages are decoded before the next: what comes of them is the same."""
    monkeypatch.setattr(intake, "_RECORDS_AT_ONCE", request.param)


Sent = Record | tuple[bytes | None, bytes | None]
"""A record under its customer, or a key and a value."""


def messages(*sent: Sent, topic: str = TRANSACTIONS, first: int = 0, step: int = 1) -> Messages:
    pairs = []
    for each in sent:
        if isinstance(each, tuple):
            pairs.append(each)
        else:
            key = each.customer_id.encode() if isinstance(each, CustomerRecord) else None
            pairs.append((key, codec.encode(each)))
    offsets = list(range(first, first + step * len(pairs), step))
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    return Messages(topic, PARTITION, PARTITIONS, offsets, first + step * len(pairs), keys, values)


def take(door: Door, given: Messages) -> list[tuple[str, str | None, int | None]]:
    """Take messages -> (reason, field, offset) of what was refused of them."""
    before = len(door.refused)
    door.intake.take_messages(Origin((given.topic, given.partition)), given)
    return [(each.reason, each.field, each.offset) for each in door.refused[before:]]


def test_murmur2_is_that_of_kafkas_java_clients() -> None:
    # org.apache.kafka.common.utils.UtilsTest
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107,
             b"a-little-bit-longer-string": -1486304829,
             b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971}  # fmt: skip
    assert {key: murmur2(key) for key in known} == {key: hashed % 2**32 for key, hashed in known.items()}
    assert partition_of(THERE, PARTITIONS) != PARTITION


def test_many_customers_are_in_the_partition_that_each_is_in() -> None:
    names = [f"{name:x}" * times + "é" * (name % 3) for name in range(40) for times in range(1, 9)]
    of_each: dict[int, list[str]] = {}
    for name in names:
        of_each.setdefault(partition_of(name, 3), []).append(name)
    assert len(of_each) == 3
    for partition, inside in of_each.items():
        assert are_in(inside, partition, 3)
        strangers = next(others for other, others in of_each.items() if other != partition)
        assert not any(are_in([*inside, stranger], partition, 3) for stranger in strangers[:30])
        assert not are_in(strangers[:1], partition, 3)
    assert are_in([], 0, 3)


def test_messages_are_taken_as_lines_of_a_file_are() -> None:
    door, file = Door(), Door()
    assert take(door, messages(A1, D1, D2)) == []
    file.send(A1, D1, D2)
    assert door.stored() == file.stored()
    assert door.intake.log.head().inputs == {INPUT: 3}


def test_offsets_may_have_gaps_and_begin_anywhere() -> None:
    door = Door()
    assert take(door, messages(A1, (HERE.encode(), b"{"), D1, first=100, step=3)) == [("not_json", None, 103)]
    assert door.intake.log.head().inputs == {INPUT: 109}
    assert take(door, messages(D1, D2, first=120)) == []
    assert door.counts == (3, 1, 1)
    assert door.intake.log.head().inputs == {INPUT: 122}


@pytest.mark.parametrize("key", [None, b"", b"C", THERE.encode()])
def test_a_key_that_is_not_the_customer_is_refused(key: bytes | None) -> None:
    door = Door()
    assert take(door, messages(A1, (key, codec.encode(D1)), D2)) == [("key_mismatch", "customer_id", 1)]
    assert door.counts == (2, 0, 1)


def test_a_customer_of_another_partition_is_refused() -> None:
    door = Door()
    stranger = opened(THERE, "A2", on="2026-01-01", id="a2")
    assert take(door, messages(A1, stranger, D1)) == [("key_mismatch", "customer_id", 1)]
    assert take(door, messages(stranger, first=3)) == [("key_mismatch", "customer_id", 3)]
    assert "murmur2" in door.refused[-1].detail
    assert door.counts == (2, 0, 2)


def test_a_type_of_another_topic_is_refused() -> None:
    door = Door()
    grant = granted(HERE, "gold", on="2026-01-02", id="g")
    assert take(door, messages(A1, grant, D1)) == [("unknown_type", "type", 1)]
    assert take(door, messages(D2, topic=CUSTOMERS)) == [("unknown_type", "type", 0)]
    assert TRANSACTIONS in door.refused[-1].detail


def test_a_close_that_no_calendar_brought_is_refused() -> None:
    door = Door()
    assert take(door, messages(A1, close("2026-01-31"), D1)) == [("unknown_type", "type", 1)]
    assert CALENDAR in door.refused[-1].detail
    assert not door.intake.shard.closed_through


@pytest.mark.parametrize(
    "value", [None, b"", b" ", codec.encode(D1) + b"\n", codec.encode(D1).replace(b",", b",\n", 1)]
)
def test_a_value_that_is_not_one_line_is_refused_and_kept(value: bytes | None) -> None:
    door = Door()
    assert take(door, messages(A1, (HERE.encode(), value), D2)) == [("not_json", None, 1)]
    assert door.original(door.refused[0]) == (value or b"")
    assert door.counts == (2, 0, 1)


def test_every_block_has_the_mark_of_where_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known by now and what is reversed make blocks end early: within a batch, and between its parts."""
    door = Door()
    ends: list[tuple[tuple[int, int], Mark]] = []
    append = door.intake.log.append

    def appended(draft: Draft) -> int:
        ends.append((draft.inputs[INPUT], draft.marks[INPUT]))
        return append(draft)

    monkeypatch.setattr(door.intake.log, "append", appended)
    back = reversal(HERE, "d1", at="2026-01-03T10:00:00+08:00", id="r1")
    sent = messages(A1, D1, D1, D2, back, D2, first=10, step=2)
    door.intake.take_messages(Origin(INPUT), sent, lambda taken: Mark(sent.places[taken], "digest", 0))
    assert door.counts == (4, 2, 0)
    assert [start for (start, _), _ in ends] == [0, *(end for (_, end), _ in ends[:-1])]
    assert [mark.size for _, mark in ends] == [end for (_, end), _ in ends]
    assert ends[-1][1].size == 22


def test_the_mark_is_that_of_what_was_reached() -> None:
    door = Door()
    door.intake.take_messages(Origin(INPUT), messages(A1, D1), lambda reached: Mark(reached, "digest", 0))
    assert door.intake.log.head().marks == {INPUT: Mark(2, "digest", 0)}


COPIES = {(TRANSACTIONS, PARTITION): 7, (CUSTOMERS, PARTITION): 3, (INTERACTIONS, PARTITION): 0}


def closes(door: Door, given: BusinessDayClosed | Record, copies: dict[tuple[str, int], int]) -> None:
    marks = {source: Mark(offset + 1, "digest", 0) for source, offset in copies.items()}
    door.intake.take_close(copies, codec.encode(given), marks)


def test_a_close_counts_once_and_moves_every_input_that_it_was_read_from() -> None:
    door = Door()
    take(door, messages(A1, D1))
    closes(door, close("2026-01-31"), COPIES)
    assert door.intake.shard.last_closed
    assert door.intake.log.head().inputs == {source: offset + 1 for source, offset in COPIES.items()}
    assert door.intake.log.head().marks[(CUSTOMERS, PARTITION)] == Mark(4, "digest", 0)
    assert door.counts == (3, 0, 0)


def test_a_close_that_is_known_is_a_duplicate_and_another_one_of_that_day_is_refused() -> None:
    door = Door()
    closes(door, close("2026-01-31"), COPIES)
    closes(door, close("2026-01-31"), {(CUSTOMERS, PARTITION): 4})
    assert door.counts == (1, 1, 0)
    closes(door, close("2026-01-31", working_day=False), {(CUSTOMERS, PARTITION): 5})
    assert [each.reason for each in door.refused] == ["day_already_closed"]
    assert door.intake.log.head().inputs[(CUSTOMERS, PARTITION)] == 6
    assert door.intake.log.head().inputs[(TRANSACTIONS, PARTITION)] == 8


def test_a_refusal_names_the_place_in_the_calendar() -> None:
    door = Door()
    door.intake.take_close(COPIES, codec.encode(close("2026-01-31")), {}, calendar=40)
    other = codec.encode(close("2026-01-31", working_day=False))
    door.intake.take_close({(CUSTOMERS, PARTITION): 5}, other, {}, calendar=41)
    assert [(each.reason, each.topic, each.partition, each.offset) for each in door.refused] == [
        ("day_already_closed", CALENDAR, 0, 41)
    ]
    assert door.intake.log.head().inputs == {
        **{source: offset + 1 for source, offset in COPIES.items()},
        (CUSTOMERS, PARTITION): 6,
    }


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (b"{", "not_json", None),
        (None, "not_json", None),
        (codec.encode(close("2026-01-31")) + b"\n", "not_json", None),
        (codec.encode(D1), "unknown_type", "type"),
        (codec.encode(close("2026-01-31")).replace(b'"2026-01-31"', b'"2026-01-32"'), "bad_value", "date"),
        (codec.encode(close("2026-01-31", sealed="AAAA")), "unknown_field", "sealed"),
    ],
)
def test_what_the_calendar_holds_besides_closes_is_refused_there(value: bytes | None, reason: str, field: str) -> None:
    door = Door()
    assert close_in(value) is None
    take(door, messages(A1))
    door.intake.refuse_stray(INPUT, 7, value, 3, Mark(8, "digest", 0))
    (found,) = door.refused
    assert (found.reason, found.field, found.topic, found.partition, found.offset) == (reason, field, CALENDAR, 0, 3)
    assert door.original(found) == (value or b"")
    assert door.intake.log.head().inputs == {INPUT: 8}
    assert door.intake.log.head().marks == {INPUT: Mark(8, "digest", 0)}
    assert take(door, messages(D1, first=8)) == []


def test_a_close_of_many_customers_moves_its_inputs_with_the_first_block(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door()
    monkeypatch.setattr("processors.closing_days.CUT_AFTER_LINES", 1)
    monkeypatch.setattr("aggregates.closing.CUSTOMERS_A_STEP", 1)
    other = next(name for name in map("C{}".format, range(2, 99)) if partition_of(name, PARTITIONS) == PARTITION)
    take(door, messages(A1, opened(other, "A2", on="2026-01-01", id="a2")))
    before = door.intake.log.head().block
    closes(door, close("2026-01-31"), COPIES)
    assert door.intake.log.head().block > before + 1
    assert door.intake.log.head().inputs == {source: offset + 1 for source, offset in COPIES.items()}
    take(door, messages(D1, first=8))
    assert door.intake.log.head().inputs[INPUT] == 9


def test_an_owner_takes_what_the_calendar_brought() -> None:
    owned = Owned()
    marks = {source: Mark(offset + 1, "digest", 0) for source, offset in COPIES.items()}
    day = owner.Close(COPIES, codec.encode(close("2026-01-31")), marks, 40)
    other = owner.Close(COPIES, codec.encode(close("2026-01-31", working_day=False)), marks, 41)
    stray = owner.Stray(INPUT, 8, b"{", 42, Mark(9, "digest", 0))
    for each in (day, other, stray):
        if each is not other:
            assert each.left(owned.log.head()) is each
        assert each.halves() is None
        owned.owner.take(each)
        assert each.left(owned.log.head()) is None
    assert [(each.reason, each.topic, each.offset) for each in owned.decided(RecordRefused)] == [
        ("day_already_closed", CALENDAR, 41),
        ("not_json", CALENDAR, 42),
    ]


# ------------------------------------------------------------------------------------------ several topics, one block


ANOTHER = ("another input with the same records", 0)


def received(*sent: Sent, topic: str = TRANSACTIONS, first: int = 0, source: Input | None = None) -> owner.Received:
    found = messages(*sent, topic=topic, first=first)
    return owner.Received(
        Origin(source or (topic, PARTITION)), found, lambda taken: Mark(found.places[taken], topic, 0)
    )


GRANTED = granted(HERE, "gold", on="2026-01-02", id="g1")
OF_CUSTOMERS = (CUSTOMERS, PARTITION)


def test_what_several_topics_hold_is_one_block() -> None:
    owned, apart = Owned(), Owned()
    blocks = owned.log.head().block
    work = owner.Several((received(A1, D1), received(GRANTED, (HERE.encode(), b"{"), topic=CUSTOMERS, first=7)))
    owned.owner.take(work)
    for part in work.parts:
        apart.owner.take(part)
    head = owned.log.head()
    assert head.block == blocks + 1
    assert head.inputs == {INPUT: 2, OF_CUSTOMERS: 9} == apart.log.head().inputs
    assert (
        head.marks == {INPUT: Mark(2, TRANSACTIONS, 0), OF_CUSTOMERS: Mark(9, CUSTOMERS, 0)} == apart.log.head().marks
    )
    assert owned.about(HERE) == apart.about(HERE)
    assert owned.counts == apart.counts == (3, 0, 1, 0)
    assert owned.log.block(head.block).facts == 3
    assert work.left(head) is None


def test_what_an_earlier_topic_of_the_block_brought_is_known_to_a_later_one() -> None:
    owned = Owned()
    again = owner.Several((received(A1, D1), received(D1, source=ANOTHER)))
    owned.owner.take(again)
    assert owned.counts == (2, 1, 0, 0)
    other = deposit(HERE, "A1", "3.00", on="2026-01-02", id="d2")
    owned.owner.take(owner.Several((received(D2, first=2), received(other, first=1, source=ANOTHER))))
    assert owned.counts == (3, 1, 1, 0)
    assert [each.reason for each in owned.decided(RecordRefused)] == ["id_reused_with_other_content"]


def test_a_reversal_finds_what_an_earlier_topic_of_the_block_brought() -> None:
    owned, file = Owned(), Owned()
    back = reversal(HERE, "d1", at="2026-01-03T10:00:00+08:00", id="r1")
    owned.owner.take(owner.Several((received(A1, D1, D2), received(back, source=ANOTHER))))
    file.send(A1, D1, D2, back)
    assert owned.counts == file.counts == (4, 0, 0, 0)
    assert owned.about(HERE) == file.about(HERE)


def test_where_our_code_fails_in_one_topic_nothing_of_the_others_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    owned = Owned()
    Failing(monkeypatch).rule(lambda found: getattr(found, "event_id", "") == "g1")
    owned.owner.take(owner.Several((received(A1, D1), received(GRANTED, topic=CUSTOMERS))))
    assert owned.restarts == 1
    assert owned.counts == (2, 0, 0, 1)
    assert owned.log.head().inputs == {INPUT: 2, OF_CUSTOMERS: 1}
    assert list(owned.shard.parked) == [HERE]


def test_several_topics_part_by_topic_and_then_by_record() -> None:
    owned = Owned()
    both = owner.Several((received(A1, D1), received(GRANTED, topic=CUSTOMERS)))
    first, second = both.halves() or pytest.fail("they part")
    assert [each.parts[0].origin.input for each in (first, second)] == [INPUT, OF_CUSTOMERS]
    assert [len(each.parts[0].messages.values) for each in first.halves() or ()] == [1, 1]
    assert second.halves() is None
    owned.owner.take(first)
    left = both.left(owned.log.head())
    assert left is not None
    assert [part.origin.input for part in left.parts] == [OF_CUSTOMERS]
