"""One customer's lines: exactly those that a look at every line of the log finds, however they are read."""

import random
from collections import defaultdict
from hashlib import sha256
from zlib import crc32

import pytest

from processors import history as module
from processors.history import History
from processors.stored import Line, decode_lines
from tests.model.histories import history
from tests.proof.world import World

Found = list[tuple[int, int, Line]]


def twins() -> tuple[str, str]:
    """Two customer ids with one checksum."""
    seen: dict[int, str] = {}
    at = 0
    while True:
        name = sha256(b"%d" % at).hexdigest()[:12]
        other = seen.setdefault(crc32(name.encode()), name)
        if other != name:
            return other, name
        at += 1


TWINS = twins()


def scanned(world: World, until: int | None = None) -> dict[str, Found]:
    """Every customer's lines, by decoding the whole log."""
    found: dict[str, Found] = defaultdict(list)
    for block in world.log.blocks():
        if until is None or block.number <= until:
            for at, line in enumerate(decode_lines(block.body)):
                customer_id = getattr(line, "customer_id", None)
                if customer_id is not None:
                    found[customer_id].append((block.number, block.first + at, line))
    return found


def world_of(seed: int) -> World:
    rng = random.Random(seed)
    policies, records = history(rng, size=150)
    ids = sorted({record["customer_id"] for record in records if "customer_id" in record})
    named = dict(zip(ids, TWINS, strict=False))
    for record in records:
        if record.get("customer_id") in named:
            record["customer_id"] = named[record["customer_id"]]
    world = World(policies)
    world.feed(records, rng)
    return world


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kept_bytes", [0, 1 << 20])
def test_the_lines_of_a_customer_are_all_and_only_its_own(
    seed: int, kept_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_BYTES", kept_bytes)
    world = world_of(seed)
    asked, head = History(world.log), world.log.head().block
    for until in (None, 0, head // 2, head, head + 5):
        expected = scanned(world, until)
        for customer_id in [*scanned(world), "nobody"]:
            assert list(asked.lines_of(customer_id, until)) == expected.get(customer_id, [])


def test_two_customers_with_one_checksum_are_kept_apart() -> None:
    first, second = TWINS
    assert crc32(first.encode()) == crc32(second.encode())
    world = world_of(2)
    asked = History(world.log)
    found = {customer_id: list(asked.lines_of(customer_id)) for customer_id in TWINS}
    assert found == {customer_id: scanned(world)[customer_id] for customer_id in TWINS}
    assert all(found.values())
