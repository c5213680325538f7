"""Blocks as bytes: what was packed comes back, and what was changed is never taken for what was written."""

import struct
from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

import msgspec
import pytest
import zstandard

from infra.block import head_after, header_of, pack, unpack
from processors.ports import Draft, Head, LogDamaged, Mark
from tests.golden.frozen import BLOCK, BLOCK_HEADER, BLOCK_LINES

SHARD = bytes(range(16))
HEAD = Head(
    6, 70, {("file:a.jsonl", 0): 12, ("bank.transactions.v1", 2): 900}, {("file:a.jsonl", 0): Mark(400, "d", 12)}
)
DRAFT = Draft(
    lines=[b'{"type":"deposit","customer_id":"C1"}', '{"type":"deposit","customer_id":"客户"}'.encode()],
    facts=1,
    customers=struct.pack("<2I", crc32(b"C1"), crc32("客户".encode())),
    inputs={("file:a.jsonl", 0): (12, 15), ("bank.calendar.v1", 0): (0, 1)},
    marks={("file:a.jsonl", 0): Mark(600, "e", 15)},
    duplicates=2,
    at="2026-11-22T03:00:00.000Z",
)


def test_a_block_comes_back() -> None:
    stored, head = pack(SHARD, HEAD, DRAFT)
    block = unpack(stored, 7)
    assert block.body == b"\n".join(DRAFT.lines)
    assert (block.number, block.first, block.lines, block.facts, block.duplicates) == (7, 70, 2, 1, 2)
    assert (block.at, block.customers) == (DRAFT.at, DRAFT.customers)
    inputs = {("file:a.jsonl", 0): 15, ("bank.transactions.v1", 2): 900, ("bank.calendar.v1", 0): 1}
    assert head == Head(7, 72, inputs, DRAFT.marks)
    assert head_after(header_of(stored, 7)) == head


def test_the_header_holds_the_whole_vector_of_positions() -> None:
    stored, _ = pack(SHARD, HEAD, DRAFT)
    header = header_of(stored, 7)
    assert sorted(header.inputs) == [
        ("bank.calendar.v1", 0, 0, 1),
        ("bank.transactions.v1", 2, 900, 900),
        ("file:a.jsonl", 0, 12, 15),
    ]
    assert (header.v, header.shard, header.codec, header.enc, header.dict_id) == (1, SHARD, "zstd", "jsonl", 0)
    assert header.raw_len == len(b"\n".join(DRAFT.lines))


def test_the_layout_is_that_of_the_first_release() -> None:
    stored, _ = pack(SHARD, HEAD, DRAFT)
    assert stored[:4] == b"GXB1"
    (length,) = struct.unpack_from("<I", stored, 4)
    header = stored[8 : 8 + length]
    assert struct.unpack_from("<I", stored, 8 + length) == (crc32(header),)
    assert msgspec.msgpack.decode(header)["lines"] == 2
    body = stored[12 + length :]
    assert zstandard.get_frame_parameters(body).has_checksum
    assert zstandard.ZstdDecompressor().decompress(body) == b"\n".join(DRAFT.lines)


def test_a_block_of_a_later_release_with_more_in_its_header_is_read() -> None:
    stored, _ = pack(SHARD, HEAD, DRAFT)
    length = int.from_bytes(stored[4:8], "little")
    content = msgspec.msgpack.decode(stored[8 : 8 + length])
    content["proof"] = {"root": b"x" * 32}
    content["cols"]["amount"] = [1, 2, 3]
    header = msgspec.msgpack.encode(content)
    later = b"".join(
        (b"GXB1", struct.pack("<I", len(header)), header, struct.pack("<I", crc32(header)), stored[12 + length :])
    )
    assert unpack(later, 7) == unpack(stored, 7)


def test_an_empty_block() -> None:
    draft = msgspec.structs.replace(DRAFT, lines=[], facts=0, customers=b"")
    stored, head = pack(SHARD, HEAD, draft)
    assert unpack(stored, 7).body == b""
    assert head.lines == 70


def test_every_changed_bit_is_noticed_or_changes_nothing() -> None:
    stored, _ = pack(SHARD, HEAD, DRAFT)
    whole = unpack(stored, 7)
    unnoticed = 0
    for at in range(len(stored)):
        for bit in range(8):
            changed = bytearray(stored)
            changed[at] ^= 1 << bit
            try:
                found = unpack(bytes(changed), 7)
            except LogDamaged:
                continue
            assert found == whole, (at, bit)
            unnoticed += 1
    assert unnoticed <= 1, "zstd gives one bit of its frame header no meaning"


@pytest.mark.parametrize("mask", [0xFF, 0x55, 0x80])
def test_every_changed_byte_is_noticed(mask: int) -> None:
    stored, _ = pack(SHARD, HEAD, DRAFT)
    for at in range(len(stored)):
        changed = bytearray(stored)
        changed[at] ^= mask
        with pytest.raises(LogDamaged, match=r"block 7: .*; restore the log file from a copy"):
            unpack(bytes(changed), 7)


def test_a_block_cut_anywhere_is_noticed() -> None:
    stored, _ = pack(SHARD, HEAD, DRAFT)
    for end in range(len(stored)):
        with pytest.raises(LogDamaged, match="block 7"):
            unpack(stored[:end], 7)


def test_a_block_with_something_behind_it_is_noticed() -> None:
    stored, _ = pack(SHARD, HEAD, DRAFT)
    with pytest.raises(LogDamaged, match="block 7"):
        unpack(stored + b"\0", 7)


def with_header(body: bytes | None = None, **fields: object) -> bytes:
    """The block with other things in its header, its checksum right."""
    stored, _ = pack(SHARD, HEAD, DRAFT)
    length = int.from_bytes(stored[4:8], "little")
    header = msgspec.msgpack.encode({**msgspec.msgpack.decode(stored[8 : 8 + length]), **fields})
    rest = stored[12 + length :] if body is None else body
    return b"".join((b"GXB1", struct.pack("<I", len(header)), header, struct.pack("<I", crc32(header)), rest))


@pytest.mark.parametrize(
    "stored",
    [
        b"GXB1" + bytes(8),
        b"GXB1" + bytes(4096),
        with_header(lines="2"),
        with_header(lines=-1),
        with_header(first=None),
        with_header(inputs=[["a", 0]]),
        with_header(cols={"cust": "C1"}),
        with_header(cols={"cust": 7}),
    ],
)
def test_a_header_that_is_none_is_damage_although_its_checksum_is_right(stored: bytes) -> None:
    with pytest.raises(LogDamaged, match=r"block 7: .*; restore the log file from a copy"):
        unpack(stored, 7)


def test_a_body_is_not_believed_to_hold_more_than_it_can() -> None:
    for size in (1 << 31, 1 << 40, (1 << 63) - 1):
        frame = b"\x28\xb5\x2f\xfd\xe4" + struct.pack("<Q", size) + bytes(40)
        with pytest.raises(LogDamaged, match="block 7: its body cannot hold what it says"):
            unpack(with_header(frame, raw_len=size), 7)


def test_a_body_as_dense_as_can_be_is_read() -> None:
    lines = [b"x" * 50_000_000]
    assert unpack(pack(SHARD, HEAD, msgspec.structs.replace(DRAFT, lines=lines))[0], 7).body == lines[0]


def test_a_block_in_another_place_is_noticed() -> None:
    stored, _ = pack(SHARD, HEAD, DRAFT)
    with pytest.raises(LogDamaged, match="block 8: says it is block 7"):
        unpack(stored, 8)


def test_the_frozen_block_is_read_for_ever() -> None:
    block = unpack(BLOCK, BLOCK_HEADER["block"])
    assert block.body == b"\n".join(BLOCK_LINES)
    header = header_of(BLOCK, BLOCK_HEADER["block"])
    said = {name: getattr(header, name) for name in BLOCK_HEADER}
    assert said == BLOCK_HEADER


def test_threads_work_on_blocks_at_the_same_time() -> None:
    """A worker folds in one thread and publishes in another; what the library works in must not be shared."""

    def there_and_back(n: int) -> bool:
        lines = [b'{"of":%d,"rows":"%s"}' % (n, b",".join(b"%d" % (n * each) for each in range(100_000)))]
        stored = [pack(SHARD, HEAD, msgspec.structs.replace(DRAFT, lines=lines))[0] for _ in range(20)]
        return all(unpack(each, 7).body == lines[0] for each in stored)

    with ThreadPoolExecutor(4) as threads:
        assert all(threads.map(there_and_back, range(4)))
