"""The state of a shard as parts that can be stored and loaded: a speed-up, never a source (laws of the log 5)."""

from collections.abc import Container, Iterator
from itertools import islice

import msgspec

from aggregates.packing import STATE_SHAPE, STATE_VERSION, shape_of
from aggregates.policy import Policies, Policy
from aggregates.shard import Shard
from aggregates.waiting import Asked, Calendar, Noted, Parked, StatedTotals, Statement, Waiting
from events.codec import to_json

CUSTOMERS_A_CHUNK = 20_000


class Frame(msgspec.Struct):
    """Everything of a shard but its customers. version: of the state; shape: of the customers and of this."""

    version: int
    shape: tuple[int, int]
    policies: list[Policy]
    calendar: Calendar
    totals: bytes
    statements: dict[int, list[Statement]]
    stated_totals: dict[int, list[StatedTotals]]
    asked: list[Asked]
    brought: list[Waiting]
    late: list[str]
    specials: dict[int, list[str]]
    closing_cursor: int | None
    shared_ids: list[str]
    parked: dict[str, Parked]
    erased: dict[str, int]
    kept_from: int
    account_count: int
    triggers: list[str]
    active: list[str]
    days_due: dict[int, list[str]]
    everyone: bool
    noted: list[tuple[str, Noted]]


class _Chunk(msgspec.Struct, array_like=True):
    ids: list[str]
    packed: list[bytes]


_SHAPE = STATE_SHAPE, shape_of(Frame)
_decode_totals = msgspec.json.Decoder(dict[str, dict[str, list[int]]]).decode
_encode = msgspec.msgpack.Encoder().encode
_decode_frame = msgspec.msgpack.Decoder(Frame).decode
_decode_chunk = msgspec.msgpack.Decoder(_Chunk).decode


def frame_of(shard: Shard) -> bytes:
    """The frame of a shard as bytes."""
    return _encode(
        Frame(
            STATE_VERSION,
            _SHAPE,
            list(shard.policies),
            shard.calendar,
            to_json(shard.totals),
            shard.statements,
            shard.stated_totals,
            shard.asked,
            shard.brought,
            list(shard.late),
            {day: list(ids) for day, ids in shard.specials.items()},
            shard.closing_cursor,
            list(shard.shared_ids),
            shard.parked,
            shard.erased,
            shard.kept_from,
            shard.account_count,
            list(shard.triggers),
            list(shard.active),
            {day: list(ids) for day, ids in shard.days_due.items()},
            shard.everyone,
            list(shard.noted.items()),
        )
    )


def chunks_of(shard: Shard, warm: Container[str] = ()) -> Iterator[bytes]:
    """The customers in order of arrival, so many a chunk. All but the warm ones are left cold."""
    ids = iter(list(shard.customers.all))
    while part := list(islice(ids, CUSTOMERS_A_CHUNK)):
        yield _encode(_Chunk(part, [shard.frozen(each, keep=each in warm) for each in part]))


def shard_from(frame: bytes, chunks: Iterator[bytes]) -> Shard | None:
    """The shard of a snapshot, its customers cold; None if another version of the state made it."""
    try:
        found = _decode_frame(frame)
    except msgspec.MsgspecError:
        return None
    if (found.version, found.shape) != (STATE_VERSION, _SHAPE):
        return None
    shard = Shard(Policies(found.policies))
    for chunk in chunks:
        part = _decode_chunk(chunk)
        shard.customers.all.update(zip(part.ids, part.packed, strict=True))
    shard.calendar, shard.totals, shard.statements = found.calendar, _decode_totals(found.totals), found.statements
    shard.stated_totals = found.stated_totals
    shard.asked, shard.brought = found.asked, found.brought
    shard.late = dict.fromkeys(found.late)
    shard.specials = {day: dict.fromkeys(ids) for day, ids in found.specials.items()}
    shard.closing_cursor = found.closing_cursor
    shard.shared_ids = dict.fromkeys(found.shared_ids)
    shard.parked, shard.erased = found.parked, found.erased
    shard.kept_from, shard.account_count = found.kept_from, found.account_count
    shard.triggers, shard.active = dict.fromkeys(found.triggers), dict.fromkeys(found.active)
    shard.days_due = {day: dict.fromkeys(ids) for day, ids in found.days_due.items()}
    shard.everyone, shard.noted = found.everyone, dict(found.noted)
    shard.renew()
    return shard
