"""Columns of rows as arrays the way PostgreSQL reads them in binary (`array_recv`), all values at once.

What psycopg does with a list is looked up and put together value by value in Python. The format, big endian:

    i32 dimensions 1 · i32 whether there are nulls · u32 type of an element · i32 how many · i32 first index 1
    each element: i32 length in bytes, -1 for null, and its bytes
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Final

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.postgres import types
from psycopg.pq import Format

_HEAD = struct.Struct(">iiIii")
_LENGTH = struct.Struct(">i")
_LENGTHS: Final = tuple(map(_LENGTH.pack, range(1024)))
"""Few values are longer than these."""
_NULL: Final = _LENGTH.pack(-1)
_NUMBER = struct.Struct(">q")
_NUMBERS = np.dtype([("length", ">i4"), ("value", ">i8")])


class Texts(bytes):
    """`text[]`."""


class Blobs(bytes):
    """`bytea[]`."""


class Numbers(bytes):
    """`bigint[]`."""


def texts(values: Sequence[str | None]) -> Texts:
    """One value at least. Raises UnicodeEncodeError."""
    return Texts(_of_any_length("text", [None if value is None else value.encode() for value in values]))


def blobs(values: Sequence[bytes | None]) -> Blobs:
    """One value at least."""
    return Blobs(_of_any_length("bytea", values))


def numbers(values: Sequence[int | None]) -> Numbers:
    """One value at least. Raises OverflowError or struct.error beyond 64 bits."""
    if None in values:
        return Numbers(_of_any_length("int8", [value if value is None else _NUMBER.pack(value) for value in values]))
    elements = np.empty(len(values), _NUMBERS)
    elements["length"], elements["value"] = 8, np.array(values, np.int64)
    return Numbers(_head("int8", len(values), nulls=False) + elements.tobytes())


def _of_any_length(kind: str, values: Sequence[bytes | None]) -> bytes:
    nulls = None in values
    lengths = [_NULL if value is None else _length(len(value)) for value in values]
    present = [value or b"" for value in values] if nulls else values
    parts: Iterable[bytes] = chain.from_iterable(zip(lengths, present, strict=True))  # type: ignore[arg-type]  # no None
    return _head(kind, len(values), nulls=nulls) + b"".join(parts)


def _length(length: int) -> bytes:
    return _LENGTHS[length] if length < len(_LENGTHS) else _LENGTH.pack(length)


def _head(kind: str, count: int, *, nulls: bool) -> bytes:
    return _HEAD.pack(1, nulls, types[kind].oid, count, 1)


def _dumper(kind: str) -> type[Dumper]:
    class AsItIs(Dumper):
        format = Format.BINARY
        oid = types[kind].array_oid

        def dump(self, obj: bytes) -> bytes:
            """See psycopg."""
            return obj

    return AsItIs


for _made, _kind in ((Texts, "text"), (Blobs, "bytea"), (Numbers, "int8")):
    psycopg.adapters.register_dumper(_made, _dumper(_kind))
