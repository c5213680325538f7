"""What a newer release wrote is read by none that is older: it says so and stops, before anything is misread or written."""

from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from aggregates.packing import shape_of
from events.codec import to_json
from events.decisions import TriggersActivated
from guanxi.bank import Bank
from guanxi.settings import Settings
from infra import block
from infra.sqlite_log import SqliteEventLog
from processors.ports import Draft, LogNewer
from processors.snapshot import chunks_of, frame_of, shard_from
from processors.stored import decode_line, decode_lines
from tests.dsl.door import Door
from tests.dsl.records import opened


def _draft(*codes: str) -> Draft:
    line = to_json(TriggersActivated(codes=codes))
    return Draft(
        lines=[line], facts=0, customers=bytes(4), inputs={}, marks={}, duplicates=0, at="2026-01-01T00:00:00Z"
    )


def test_a_block_by_later_rules_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as newer:
        newer.setattr(block, "RULES", block.RULES + 1)
        with closing(SqliteEventLog(str(tmp_path / "bank.db"), write=True)) as log:
            log.append(_draft("dormant"))
            assert [each.number for each in log.blocks()] == [1]
    said = f"block 1: a newer release wrote it, by rules {block.RULES + 1}, and this one knows {block.RULES}; install"
    for write in (False, True):
        with pytest.raises(LogNewer, match=f"bank.db: {said}"):
            SqliteEventLog(str(tmp_path / "bank.db"), write=write)


def test_a_log_with_rules_of_triggers_that_are_not_known_is_not_written(tmp_path: Path) -> None:
    settings = Settings(log=f"sqlite:///{tmp_path / 'bank.db'}")
    with Bank(settings, write=True):
        pass
    with closing(SqliteEventLog(str(tmp_path / "bank.db"), write=True)) as log:
        log.append(_draft("bankruptcy"))
    with pytest.raises(LogNewer, match=r"triggers bankruptcy are active in it, .* install that"):
        Bank(settings, write=True)


@pytest.mark.parametrize("line", [
    b'{"type":"customer_moved","customer_id":"C1"}',
    b'{"type":"record_refused","reason":7,"detail":"","original":""}',
])  # fmt: skip
def test_a_line_of_a_kind_that_is_not_known_is_told(line: bytes) -> None:
    for decode in (decode_line, decode_lines):
        with pytest.raises(LogNewer, match=r"none that this release knows .*; install that"):
            decode(line)


def test_a_snapshot_of_another_shape_is_thrown_away() -> None:
    shard = Door().send(opened("C1", "A1", on="2026-01-01")).intake.shard
    frame = msgspec.msgpack.decode(frame_of(shard))
    assert shard_from(msgspec.msgpack.encode(frame), chunks_of(shard)) is not None
    for shape in ([frame["shape"][0] + 1, frame["shape"][1]], [frame["shape"][0], frame["shape"][1] + 1]):
        assert shard_from(msgspec.msgpack.encode(frame | {"shape": shape}), chunks_of(shard)) is None


class Inner(msgspec.Struct):
    a: int


class Plain(msgspec.Struct):
    one: int
    two: list[Inner]


def test_a_shape_is_another_with_any_field() -> None:
    def like(fields: list[tuple[str, object]]) -> int:
        return shape_of(msgspec.defstruct("Plain", fields))

    same = shape_of(Plain)
    assert like([("one", int), ("two", list[Inner])]) == same
    longer = msgspec.defstruct("Inner", [("a", int), ("b", int, 0)])
    others: list[list[tuple[str, object]]] = [
        [("two", list[Inner]), ("one", int)],
        [("one", int), ("three", list[Inner])],
        [("one", str), ("two", list[Inner])],
        [("one", int)],
        [("one", int), ("two", list[longer])],  # type: ignore[valid-type]
        [("one", int), ("two", list[Inner]), ("more", int)],
    ]
    assert len({same, *map(like, others)}) == 1 + len(others)
