"""What stands in a log, read without the system's own code: the file, the blocks, the lines."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import zstandard

Line = dict[str, Any]


_TO_BE_KEPT = ("-vault", "-master.key")
_ENDS = ("-wal", "-shm", "-journal", "-lock")


def derived_of(log: Path) -> list[str]:
    """The files beside a log that are made of it and may be deleted, by name, links followed."""
    beside = [each for each in log.parent.iterdir() if each.name.startswith(f"{log.name}-") and each.is_file()]
    return sorted(
        {
            each.resolve().name
            for each in beside
            if not each.name.endswith(_ENDS) and not each.name.startswith(tuple(log.name + end for end in _TO_BE_KEPT))
        }
    )


class Block(NamedTuple):
    """One block. inputs: input -> how far it was taken behind this block."""

    number: int
    first: int
    duplicates: int
    inputs: dict[str, int]
    lines: list[Line]
    digest: int


def digest_of(body: bytes) -> int:
    """By which a block is known again: of its lines, joined by newlines."""
    return crc32(body)


def blocks_of(log: Path) -> list[Block]:
    """The blocks of a log in a file, in order."""
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection:
        rows = connection.execute(
            "SELECT originator_version, state FROM journal ORDER BY originator_version"
        ).fetchall()
    return [_block(number, state) for number, state in rows]


def shard_of(log: Path) -> bytes:
    """The bytes that name the shard, as the log keeps them beside its blocks."""
    with closing(sqlite3.connect(f"file:{log}?mode=ro", uri=True)) as connection:
        (shard,) = connection.execute("SELECT shard FROM log").fetchone()
    return bytes(shard)


def _block(number: int, state: bytes) -> Block:
    end = 8 + int.from_bytes(state[4:8], "little")
    header = msgspec.msgpack.decode(state[8:end])
    assert state[:4] == b"GXB1"
    assert header["block"] == number
    body = zstandard.ZstdDecompressor().decompress(state[end + 4 :])
    lines = [json.loads(line) for line in body.split(b"\n")] if body else []
    assert len(lines) == header["lines"]
    inputs = {topic: following for topic, _, _, following in header["inputs"] if following}
    return Block(number, header["first"], header["dups"], inputs, lines, digest_of(body))
