"""The law of ``processors.ports.EventLog``, for every adapter: inherit, give the fixtures, add nothing."""

from collections.abc import Callable
from zlib import crc32

import numpy as np
import pytest

from processors.ports import Block, Draft, EventLog, LostShard, Mark

FILE = ("file:a.jsonl", 0)
OTHER = ("bank.transactions.v1", 3)
Open = Callable[[], EventLog]


def draft(*lines: tuple[str, bytes], **fields: object) -> Draft:
    """A block of lines, each with its customer."""
    content = {
        "lines": [line for _, line in lines],
        "facts": len(lines),
        "customers": np.array([crc32(customer.encode()) for customer, _ in lines], dtype="<u4").tobytes(),
        "inputs": {}, "marks": {}, "duplicates": 0, "at": "2026-01-01T00:00:00.000Z",
    }  # fmt: skip
    return Draft(**{**content, **fields})  # type: ignore[arg-type]


class EventLogConformance:
    """Fixtures: `log`, a new log opened for writing; `reader`, opens the same log to look at."""

    @pytest.fixture
    def log(self) -> EventLog:
        raise NotImplementedError

    @pytest.fixture
    def reader(self) -> Open:
        raise NotImplementedError

    def test_a_new_log_is_empty(self, log: EventLog) -> None:
        head = log.head()
        assert (head.block, head.lines, dict(head.inputs), dict(head.marks)) == (0, 0, {}, {})
        assert list(log.blocks()) == []
        assert len(log.shard) == 16
        assert log.name

    def test_what_was_appended_is_read_by_others_at_once(self, log: EventLog, reader: Open) -> None:
        number = log.append(draft(("C1", b'{"a":1}'), ("C2", b'{"b":2}'), facts=1, duplicates=3))
        for seen in (log, reader()):
            block = seen.block(number)
            assert block == Block(
                number=1, first=0, lines=2, facts=1, duplicates=3, at="2026-01-01T00:00:00.000Z", rules=block.rules,
                customers=np.array([crc32(b"C1"), crc32(b"C2")], dtype="<u4").tobytes(), body=b'{"a":1}\n{"b":2}',
            )  # fmt: skip
            assert list(seen.blocks()) == [block]

    def test_blocks_are_numbered_and_ordered(self, log: EventLog, reader: Open) -> None:
        sizes = [1, 3, 0, 2, *[1] * 40]
        numbers = [log.append(draft(*[("C1", b"%d" % at)] * size)) for at, size in enumerate(sizes)]
        assert numbers == list(range(1, len(sizes) + 1))
        found = list(reader().blocks())
        assert [block.number for block in found] == numbers
        assert [block.lines for block in found] == sizes
        assert [block.first for block in found] == [sum(sizes[:at]) for at in range(len(sizes))]
        assert log.head().block == len(sizes)
        assert log.head().lines == sum(sizes)

    def test_blocks_behind_a_number(self, log: EventLog) -> None:
        for at in range(37):
            log.append(draft(("C1", b"%d" % at)))
        for after in (0, 1, 15, 16, 17, 36, 37, 99):
            assert [block.number for block in log.blocks(after)] == list(range(after + 1, 38))

    def test_no_such_block(self, log: EventLog) -> None:
        log.append(draft(("C1", b"1")))
        for number in (0, 2, -1):
            with pytest.raises(KeyError):
                log.block(number)

    def test_positions_and_marks_are_kept_through_blocks_that_do_not_move_them(
        self, log: EventLog, reader: Open
    ) -> None:
        mark = Mark(120, "digest", 5)
        log.append(draft(("C1", b"1"), inputs={FILE: (0, 5)}, marks={FILE: mark}))
        log.append(draft(("C1", b"1"), inputs={OTHER: (0, 70)}))
        log.append(draft(("C1", b"1")))
        for seen in (log, reader()):
            assert dict(seen.head().inputs) == {FILE: 5, OTHER: 70}
            assert dict(seen.head().marks) == {FILE: mark}
        log.append(draft(inputs={FILE: (5, 9)}, marks={FILE: Mark(200, "later", 9)}))
        assert dict(reader().head().inputs) == {FILE: 9, OTHER: 70}
        assert reader().head().marks[FILE].lines == 9

    def test_an_empty_block_moves_positions(self, log: EventLog, reader: Open) -> None:
        number = log.append(draft(inputs={FILE: (0, 4)}, duplicates=4))
        assert reader().head().inputs[FILE] == 4
        block = reader().block(number)
        assert (block.lines, block.body, block.duplicates) == (0, b"", 4)

    def test_a_finished_input_is_forgotten(self, log: EventLog, reader: Open) -> None:
        log.append(draft(inputs={FILE: (0, 4)}, marks={FILE: Mark(9, "digest", 4)}))
        log.append(draft(inputs={FILE: (4, 0)}, marks={FILE: Mark(0, "", 0)}))
        assert dict(reader().head().inputs) == {}
        assert dict(reader().head().marks) == {}
        log.append(draft(inputs={FILE: (0, 1)}))
        assert reader().head().inputs[FILE] == 1

    @pytest.mark.parametrize("start", [0, 4, 6, 9])
    def test_a_position_that_does_not_follow_is_refused_and_nothing_is_written(
        self, log: EventLog, reader: Open, start: int
    ) -> None:
        log.append(draft(("C1", b"1"), inputs={FILE: (0, 5)}))
        before = log.head()
        with pytest.raises(LostShard, match="run the same command again"):
            log.append(draft(("C1", b"2"), inputs={OTHER: (0, 1), FILE: (start, 10)}))
        assert log.head() == before
        assert reader().head() == before
        assert [block.body for block in reader().blocks()] == [b"1"]
        assert log.append(draft(("C1", b"3"), inputs={FILE: (5, 10)})) == 2

    def test_the_customers_of_a_block_are_read_without_its_lines(self, log: EventLog, reader: Open) -> None:
        blocks: list[list[str]] = [["C1", "C2", "C1"], [], ["C3"]]
        for several in blocks:
            log.append(draft(*[(customer, b"1") for customer in several]))
        for seen in (log, reader()):
            for number, several in enumerate(blocks, 1):
                found = np.frombuffer(seen.customers(number), dtype="<u4").tolist()
                assert found == [crc32(customer.encode()) for customer in several]
            with pytest.raises(KeyError):
                seen.customers(len(blocks) + 1)

    def test_a_large_block_comes_back(self, log: EventLog, reader: Open) -> None:
        lines = [(f"C{at}", b"%d" % (at * at)) for at in range(100_000)]
        number = log.append(draft(*lines))
        assert reader().block(number).body == b"\n".join(line for _, line in lines)
        assert log.customers(number) == reader().block(number).customers

    def test_a_reader_that_looks_again_sees_what_was_written_since(self, log: EventLog, reader: Open) -> None:
        early = reader()
        log.append(draft(("C1", b"1"), inputs={FILE: (0, 5)}))
        log.append(draft(("C1", b"2"), inputs={FILE: (5, 6)}))
        early.refresh()
        assert early.head() == log.head()
        assert early.head().inputs[FILE] == 6
        log.refresh()
        assert log.append(draft(("C1", b"3"))) == 3
