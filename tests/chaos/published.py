"""What was published for subscribers is what the log says: once and in order; and once more after a log was put back.

After a restore the relay publishes shards again from their first block, under the ids of before. A subscriber leaves out
what it has by its id, so the same id has to mean the same; and what it did not have has to be among what comes again.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tests.chaos.written import REJECTED, TIER_CHANGES, TRIGGERS, Line, Message, Place, Topics
from tests.simulation.auditor import Wrong, expect

_OF_BEFORE = re.compile(r"\d+:\d+")
"""The id of a refusal by the release before: shard and line of the log."""


def check_published(
    topics: Topics,
    changes: dict[str, list[Line]],
    steps: dict[str, list[Line]],
    refused: Iterable[Line],
    anew: Mapping[Place, int],
) -> None:
    """Hold the outgoing topics against the log. Raises Wrong.

    changes, steps: of each customer, as the log has them; anew: offsets from which on all was published once more.
    """
    _customers("tier changes", topics, TIER_CHANGES, changes, "{customer_id}:{sequence}", anew)
    _customers("triggers", topics, TRIGGERS, steps, "{customer_id}:trigger-{sequence}", anew)
    _refusals(topics, refused, anew)


class _Told(NamedTuple):
    """What was published of a topic the first time, and once more, by partition."""

    first: dict[int, list[Message]]
    again: dict[int, list[Message]]


def _told(topics: Topics, topic: str, anew: Mapping[Place, int]) -> _Told:
    found = topics.of(topic)
    begins = {partition: anew.get((topic, partition)) for partition in found}
    first = {p: [m for m in found[p] if (at := begins[p]) is None or m.offset < at] for p in found}
    again = {p: [m for m in found[p] if (at := begins[p]) is not None and m.offset >= at] for p in found}
    return _Told(first, again)


def _customers(
    what: str, topics: Topics, topic: str, wanted: dict[str, list[Line]], id_form: str, anew: Mapping[Place, int]
) -> None:
    """Each customer's decisions: from 1 on, no gap, none twice, in one partition."""
    told = _told(topics, topic, anew)
    first = _rows(what, told.first, id_form)
    if not anew:
        expect(f"published {what}", first, wanted)
        return
    expect(f"{what} published once more", _rows(what, told.again, id_form), wanted)
    for customer, rows in first.items():
        expect(f"{what} of {customer} published before", rows, wanted.get(customer, [])[: len(rows)])
    places = defaultdict(set)
    for partition, messages in topics.of(topic).items():
        for message in messages:
            places[message.key].add(partition)
    if moved := [key for key, found in places.items() if len(found) > 1]:
        raise Wrong(f"{what} published once more in another partition: {moved[:3]}")


def _rows(what: str, there: Mapping[int, list[Message]], id_form: str) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = defaultdict(list)
    partitions: dict[str, set[int]] = defaultdict(set)
    for partition, messages in there.items():
        for message in messages:
            change = json.loads(message.value or b"")
            expect(f"keys of {what}", message.key, change["customer_id"].encode())
            expect(f"ids of {what}", message.headers.get("ce_id"), id_form.format(**change).encode())
            found[change["customer_id"]].append(change)
            partitions[change["customer_id"]].add(partition)
    for customer, rows in found.items():
        expect(f"{what}: partitions of {customer}", len(partitions[customer]), 1)
        numbers = [row["sequence"] for row in rows]
        expect(f"{what}: published sequence of {customer}", numbers, list(range(1, len(rows) + 1)))
    return dict(found)


def _refusals(topics: Topics, refused: Iterable[Line], anew: Mapping[Place, int]) -> None:
    """Each refusal once; and under one id what is published once more."""
    told = _told(topics, REJECTED, anew)
    wanted = Counter(map(_place, refused))
    first, again = (Counter(_place(_line(m)) for ms in part.values() for m in ms) for part in told)
    if not anew:
        expect("published refusals", first, wanted)
        return
    expect("refusals published once more", again, wanted)
    ids = {_place(_line(m)): m.headers.get("ce_id") for ms in told.again.values() for m in ms}
    for message in (m for ms in told.first.values() for m in ms):
        place = _place(_line(message))
        if _OF_BEFORE.fullmatch((message.headers.get("ce_id") or b"").decode()):
            continue
        expect(f"id of the refusal of {place}, published once more", ids.get(place), message.headers.get("ce_id"))
    if (most := max(first.values(), default=1)) > 1:
        raise Wrong(f"published refusals: one {most} times")


def _line(message: Message) -> Line:
    found: Line = json.loads(message.value or b"")
    return found


def _place(line: Line) -> tuple[Any, ...]:
    return line.get("topic"), line.get("partition"), line.get("offset"), line["reason"]
