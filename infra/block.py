"""The block: one batch of the log as bytes, frozen from the first release.

    "GXB1" · u32 length of header · header (msgpack map) · u32 crc32 of header · body

    header  v 1 · shard 16 bytes · block number · first: position of the first line · lines, facts · dups: records left out as
            taken before · inputs [[topic, partition, from, next], …]: the whole position vector · marks [[topic,
            partition, size, digest, lines], …] · at: commit clock, never used in a decision · rules: version of the deciding code
            · codec "zstd" · dict_id 0 · raw_len · enc "jsonl" · cols: optional accelerators by name, unknown ones ignored;
            cust: u32 crc32 of the customer id of each line, little endian
    body    zstd with checksum over JSON lines: a fact as received, its personal fields sealed; each decision on its own
            line behind its cause. Integers are little endian.

Old blocks are read for ever and never rewritten; a changed layout gets another magic.
"""

import struct
from typing import Annotated, Any
from zlib import crc32

import msgspec
import zstandard
from msgspec import Meta

from processors.ports import Block, Draft, Head, Input, LogDamaged, LogNewer, Mark
from projections.frames import FRAMES

MAGIC = b"GXB1"
RULES = 1
"""Version of the deciding code, written on every block. A program reads no block of a higher one: it would misread it."""

_LENGTH = struct.Struct("<I")
_DENSEST = 32_768
"""Bytes that a byte of zstd holds at most: four make a block of 128 KB of one repeated byte."""
_encode = msgspec.msgpack.Encoder().encode


_Count = Annotated[int, Meta(ge=0)]


class Header(msgspec.Struct):
    """The msgpack map of a block; see the module. Unknown keys are ignored."""

    v: int
    shard: bytes
    block: _Count
    first: _Count
    lines: _Count
    facts: _Count
    dups: _Count
    inputs: list[tuple[str, _Count, _Count, _Count]]
    marks: list[tuple[str, _Count, _Count, str, _Count]]
    at: str
    rules: int
    codec: str
    dict_id: int
    raw_len: _Count
    enc: str
    cols: dict[str, Any]


_decode_header = msgspec.msgpack.Decoder(Header).decode


def pack(shard: bytes, head: Head, draft: Draft) -> tuple[bytes, Head]:
    """A draft as the bytes of the block that follows `head`, and the head after it."""
    raw = b"\n".join(draft.lines)
    inputs = dict.fromkeys(head.inputs) | dict.fromkeys(draft.inputs)
    vector = []
    for topic, partition in inputs:
        stands = head.inputs.get((topic, partition), 0)
        start, following = draft.inputs.get((topic, partition), (stands, stands))
        vector.append((topic, partition, start, following))
    marks = {**head.marks, **draft.marks}
    header = Header(
        v=1,
        shard=shard,
        block=head.block + 1,
        first=head.lines,
        lines=len(draft.lines),
        facts=draft.facts,
        dups=draft.duplicates,
        inputs=[row for row in vector if row[2] or row[3]],
        marks=[(t, p, mark.size, mark.digest, mark.lines) for (t, p), mark in marks.items() if mark.size],
        at=draft.at,
        rules=RULES,
        codec="zstd",
        dict_id=0,
        raw_len=len(raw),
        enc="jsonl",
        cols={"cust": draft.customers},
    )
    head_bytes = _encode(header)
    stored = b"".join(
        (MAGIC, _LENGTH.pack(len(head_bytes)), head_bytes, _LENGTH.pack(crc32(head_bytes)), FRAMES.compress(raw))
    )
    return stored, head_after(header)


def head_after(header: Header) -> Head:
    """Where a log ends that ends with this block."""
    return Head(
        header.block,
        header.first + header.lines,
        {(topic, partition): following for topic, partition, _, following in header.inputs if following},
        {(topic, partition): Mark(size, digest, lines) for topic, partition, size, digest, lines in header.marks},
    )


def header_of(stored: bytes, number: int) -> Header:
    """The header of a stored block. Raises LogDamaged, LogNewer."""
    length = _LENGTH.unpack_from(stored, 4)[0] if len(stored) >= 8 else 0
    end = 8 + length
    if stored[:4] != MAGIC or len(stored) < end + 4:
        raise LogDamaged(f"block {number}: not a block of this log; restore the log file from a copy")
    if crc32(stored[8:end]) != _LENGTH.unpack_from(stored, end)[0]:
        raise LogDamaged(f"block {number}: its header was changed; restore the log file from a copy")
    try:
        header = _decode_header(stored[8:end])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        # A checksum of nothing is 0, so zeros behind the magic pass it.
        raise LogDamaged(f"block {number}: its header cannot be read; restore the log file from a copy") from error
    if header.rules > RULES:
        raise LogNewer(
            f"block {number}: a newer release wrote it, by rules {header.rules}, and this one knows {RULES}; install the newer one"
        )
    return header


def unpack(stored: bytes, number: int) -> Block:
    """A stored block read back. Raises LogDamaged where bytes are not what was written, LogNewer."""
    header = header_of(stored, number)
    if header.block != number:
        raise LogDamaged(f"block {number}: says it is block {header.block}; restore the log file from a copy")
    start = 12 + _LENGTH.unpack_from(stored, 4)[0]
    body = _body(stored[start:], header.raw_len, number)
    customers = header.cols.get("cust", b"")
    if not isinstance(customers, bytes):
        raise LogDamaged(f"block {number}: its column of customers is no bytes; restore the log file from a copy")
    return Block(
        number=number,
        first=header.first,
        lines=header.lines,
        facts=header.facts,
        duplicates=header.dups,
        at=header.at,
        rules=header.rules,
        customers=customers,
        body=body,
    )


def _body(compressed: bytes, raw_len: int, number: int) -> bytes:
    try:
        # Before decompressing, which takes as much memory as the frame says.
        if zstandard.frame_content_size(compressed) != raw_len:
            raise LogDamaged(
                f"block {number}: its body has another size than when written; restore the log file from a copy"
            )
        if raw_len > _DENSEST * len(compressed):
            raise LogDamaged(f"block {number}: its body cannot hold what it says; restore the log file from a copy")
        return FRAMES.decompress(compressed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise LogDamaged(f"block {number}: {error}; restore the log file from a copy") from error


__all__ = ["MAGIC", "RULES", "Header", "Input", "head_after", "header_of", "pack", "unpack"]
