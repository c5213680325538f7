"""Blocks of the log file (infra/block.py): any bytes are a block or `LogDamaged`.

Reading them takes no more memory than bytes of that number can honestly hold.
"""

import struct
import tracemalloc
from random import Random
from typing import Any
from zlib import crc32

import msgspec
import zstandard

from infra.block import MAGIC, pack, unpack
from processors.ports import Draft, Head, LogDamaged, Mark
from tests.fuzz.targets import in_general
from tests.golden.frozen import BLOCK

NUMBER = 7
"""Number of the block that is asked for."""
_DENSEST = 32_768
"""Bytes that zstd may make of one: a block of 128 KB of the same byte takes four."""
_ROOM = 1 << 20


def check(data: bytes) -> set[str]:
    """Read the bytes as a block."""
    said, block = "", None
    tracemalloc.start()
    try:
        block = unpack(data, NUMBER)
    except LogDamaged as error:
        said = str(error)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= _ROOM + _DENSEST * len(data), f"{peak:,} bytes of memory for {len(data):,} read"
    if block is None:
        assert said.startswith(f"block {NUMBER}: "), "which block"
        assert said.endswith("; restore the log file from a copy"), "what to do"
    else:
        assert block.number == NUMBER
        assert isinstance(block.body, bytes)
        assert isinstance(block.customers, bytes)
        assert min(block.first, block.lines, block.facts, block.duplicates) >= 0
    return {in_general(said.removeprefix(f"block {NUMBER}: "))}


def _parts(data: bytes) -> tuple[dict[str, Any], bytes] | None:
    """Header and body of what is nearly a block."""
    try:
        (length,) = struct.unpack_from("<I", data, 4)
        header = msgspec.msgpack.decode(data[8 : 8 + length])
    except (struct.error, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return (header, data[12 + length :]) if isinstance(header, dict) else None


def _put_together(header: object, body: bytes) -> bytes:
    """A block whose header says of itself that it is whole."""
    try:
        encoded = msgspec.msgpack.encode(header)
    except (OverflowError, TypeError):
        encoded = b"\x80"
    return b"".join((MAGIC, struct.pack("<I", len(encoded)), encoded, struct.pack("<I", crc32(encoded)), body))


_VALUES = (
    0,
    1,
    -1,
    7,
    1 << 31,
    1 << 40,
    (1 << 63) - 1,
    "",
    "zstd",
    "none",
    b"",
    b"x" * 16,
    None,
    True,
    1.5,
    [],
    {},
    [[]],
)


def mutated(data: bytes, random: Random) -> bytes:
    """Headers with other fields and a right checksum, bodies compressed anew or torn, other lengths."""
    parts = _parts(data)
    if parts is None or random.random() < 0.2:
        at = random.randrange(len(data) + 1)
        return data[:at] + random.randbytes(random.randrange(4)) + data[at + random.randrange(5) :]
    header, body = parts
    match random.randrange(7):
        case 0:
            header.pop(random.choice(list(header) or [""]), None)
        case 1:
            header[random.choice([*header, "proof"])] = random.choice(_VALUES)
        case 2:
            header["cols"] = {"cust": random.choice(_VALUES), "other": random.choice(_VALUES)}
        case 3:
            raw = random.choice([b"", b"{}", b"x" * random.randrange(300_000), b"{}\n{}"])
            body = zstandard.ZstdCompressor(
                write_checksum=random.random() < 0.5, write_content_size=random.random() < 0.8
            ).compress(raw)
            header["raw_len"] = len(raw) if random.random() < 0.9 else random.choice(_VALUES)
        case 4:
            at = random.randrange(len(body) + 1)
            body = body[:at] + random.randbytes(random.randrange(4)) + body[at + random.randrange(5) :]
        case 5:  # a frame that claims a size; the header agrees
            size = random.choice([1 << 20, 1 << 31, 1 << 40, (1 << 63) - 1, (1 << 64) - 2])
            body = b"\x28\xb5\x2f\xfd\xe4" + struct.pack("<Q", size) + body[random.randrange(len(body) + 1) :]
            header["raw_len"] = size
        case _:
            rows = random.choice(
                [[["a", 0, 1, 2]], [["a", 0, 1]], [[]], [["a", -1, 1 << 40, 0]], "a", [["b", 0, 1, "d", 5]]]
            )
            header[random.choice(["inputs", "marks"])] = rows
    return _put_together(header, body)


def seeds() -> list[bytes]:
    """The block of the first release, one of now, an empty one, and what is none."""
    draft = Draft(
        [b'{"a":1}', b"{}"], 1, b"\0" * 8, {("file:a", 0): (0, 2)}, {("file:a", 0): Mark(9, "d", 2)}, 0, "2026"
    )
    head = Head(NUMBER - 1, 0, {}, {})
    empty = msgspec.structs.replace(draft, lines=[], facts=0, customers=b"")
    return [BLOCK, pack(bytes(16), head, draft)[0], pack(bytes(16), head, empty)[0], b"", MAGIC, MAGIC + bytes(8)]
