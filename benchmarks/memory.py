"""Bytes a customer takes in memory after the standard input: hot, as objects that took records, and cold, packed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from statistics import median
from typing import Any

import msgspec

from aggregates.packing import pack
from aggregates.policy import Policies
from aggregates.shard import Shard
from benchmarks.bank import loaded, log_of
from benchmarks.measure import Figures, peak_bytes, resident_bytes
from benchmarks.report import Row
from benchmarks.stage import Stage
from processors.keeper import evolve
from processors.stored import decode_lines

AIM = "– · 1 KB"
_SAMPLE = 2_000
_SMALL_INTS = range(-5, 257)


def hot(folder: str) -> Figures:
    """Fold the log of a bank; every customer stays as it is when records have just been taken."""
    log = log_of(folder)
    shard = Shard(Policies())
    before = resident_bytes()
    for block in log.blocks():
        evolve(shard, decode_lines(block.body))
    log.close()
    return _measured(shard, before)


def woken(folder: str) -> Figures:
    """Load the snapshot of a bank and unpack everyone, as the first record after a start does it."""
    before = resident_bytes()
    shard = loaded(folder)
    for customer_id in shard.customers.all:
        shard.customers.get(customer_id)
    return _measured(shard, before)


def cold(folder: str) -> Figures:
    """Load the snapshot of a bank and leave everyone packed."""
    before = resident_bytes()
    return _measured(loaded(folder), before)


def _measured(shard: Shard, before_bytes: int) -> Figures:
    everyone = shard.customers.all
    resident = resident_bytes() - before_bytes
    step = max(1, len(everyone) // _SAMPLE)
    sample = list(islice(everyone.values(), 0, None, step))
    packed = [len(each) if isinstance(each, bytes) else len(pack(each)) for each in everyone.values()]
    return {
        "customers": len(everyone),
        "resident_bytes": resident,
        "resident_each_bytes": resident / len(everyone),
        "median_bytes": median(map(deep_bytes, sample)),
        "mean_bytes": sum(map(deep_bytes, sample)) / len(sample),
        "median_packed_bytes": median(packed),
        "mean_packed_bytes": sum(packed) / len(packed),
        "with_story_share": sum(customer.story is not None for customer in shard.customers) / len(everyone),
        "peak_bytes": peak_bytes(),
    }


def deep_bytes(thing: Any, seen: set[int] | None = None) -> int:
    """Bytes of an object and all below it, each counted once; small integers and interned words cost nothing."""
    seen = set() if seen is None else seen
    if id(thing) in seen or thing is None or thing is True or thing is False:
        return 0
    if isinstance(thing, int) and thing in _SMALL_INTS:
        return 0
    if isinstance(thing, str) and sys.intern(thing) is thing:
        return 0
    seen.add(id(thing))
    below: list[Any] = []
    if isinstance(thing, dict):
        below = [*thing, *thing.values()]
    elif isinstance(thing, list | tuple):
        below = list(thing)
    elif isinstance(thing, msgspec.Struct):
        below = [getattr(thing, name) for name in thing.__struct_fields__]
    return sys.getsizeof(thing) + sum(deep_bytes(each, seen) for each in below)


def run(stage: Stage) -> Iterator[Row]:
    """The customers of the standard bank: as taken, woken from the snapshot, and packed."""
    folder = stage.standard_bank()
    for name in ("hot", "woken", "cold"):
        figures = stage.alone(f"memory:{name}", folder=folder)
        beside = f"mean {figures['mean_bytes']:,.0f} B, resident {figures['resident_each_bytes']:,.0f} B each"
        yield Row(
            f"memory {name}",
            f"{figures['median_bytes']:,.0f} B a customer",
            figures,
            beside,
            AIM if name == "hot" else "",
        )
