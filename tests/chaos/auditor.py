"""The auditor: holds a log and what was published of it against the topics of records, by the rules alone.

    python -m tests.chaos.auditor --kafka HOST:PORT --log postgresql://… [--policy FILE]

Each message of the topics has one fate: its record is in the log once, or it was refused once, or its record was there
already. What is taken keeps the order of its topic; a close of a business day stands in every shard behind all that was
published before its copies, and before all that came later. The slow model bank of tests/model says what each shard must
have refused and decided. What was published for subscribers is what the log says, once and in order.
"""

import argparse
import json
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.commanded import OURS, Commanded
from tests.chaos.judged import judge
from tests.chaos.published import check_published
from tests.chaos.written import (
    CALENDAR,
    RECORDS,
    Block,
    Journal,
    Line,
    Message,
    Place,
    Topics,
)
from tests.model.bank import Bank
from tests.simulation.auditor import Wrong, expect

POLICY_FILE = Path(__file__).with_name("policy.toml")
COPY = "guanxi-calendar"
"""Header of a close that was copied from the calendar: where it stands there."""
CLOSED = "business_day_closed"
_PLAIN = ("type", "source", "event_id", "customer_id", "occurred_at", "account_id", "amount", "value_date", "date")
"""Fields by which a record is known again in the log: the others may be sealed."""

Identity = tuple[str, ...]


class Tally(NamedTuple):
    """What an audit has seen. lost and repeated: 0, or Wrong was raised."""

    messages: int
    taken: int
    refused: int
    duplicates: int
    closes: int
    changes: int
    steps: int
    commands: int
    erased: int
    blocks: int


def record_in(value: bytes | None) -> Line | None:
    """A message's record if it is a JSON object."""
    try:
        found = json.loads(value or b"")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def identity_of(record: Line) -> Identity:
    """By which a record is known again (DOMAIN §2)."""
    if record.get("type") == CLOSED:
        return str(record.get("source")), str(record.get("date"))
    names = ("customer_id", "source", "event_id")
    return (*(str(record.get(name)) for name in names), str(record.get("occurred_at"))[:7])


def is_fact(line: Line) -> bool:
    """Whether a line of the log is a record that came in: only those happened somewhere else."""
    return "occurred_at" in line


class ShardAudit:
    """Audits one shard: the same partition of the three topics, and its blocks."""

    def __init__(
        self,
        number: int,
        messages: dict[str, list[Message]],
        calendar: Sequence[Message],
        blocks: list[Block],
        commands: Mapping[int, Line],
    ):
        self.number, self._messages, self._calendar, self._blocks = number, messages, calendar, blocks
        self.commanded = Commanded(number, commands, blocks)
        self._lines = [line for block in blocks for line in block.lines]
        self._refused: dict[tuple[str, int, int], Line] = {}
        self.refused = self.duplicates = 0
        self.facts = [line for line in self._lines if is_fact(line) and line["source"] != OURS]

    def where(self, what: str) -> str:
        """What is said of this shard."""
        return f"shard {self.number}: {what}"

    def run(self) -> None:
        """Raises Wrong."""
        self.numbers()
        self.refusals()
        self.fates()
        self.counts()
        self.commanded.run()

    def numbers(self) -> None:
        """Blocks, lines and positions follow one another without a gap."""
        first = 0
        stands: dict[Place, int] = {}
        for number, block in enumerate(self._blocks, 1):
            expect(self.where("block"), (block.number, block.first), (number, first))
            first += len(block.lines)
            for place, (start, following) in block.ranges.items():
                expect(self.where(f"block {number}: {place} begins at"), start, stands.get(place, 0))
                if following < start:
                    raise Wrong(self.where(f"block {number}: {place} goes back from {start} to {following}"))
                stands[place] = following
            missing = stands.keys() - block.ranges.keys()
            expect(self.where(f"block {number}: inputs left out"), missing, set())

    def refusals(self) -> None:
        """Each place was refused once, and holds a message."""
        places = {(topic, self.number, m.offset) for topic, found in self._messages.items() for m in found}
        places |= {(CALENDAR, 0, m.offset) for m in self._calendar}
        for line in self._lines:
            if line["type"] == "record_refused" and line.get("file") != OURS:
                place = (line.get("topic", ""), line.get("partition", -1), line.get("offset", -1))
                if place in self._refused:
                    raise Wrong(self.where(f"repeated: {place} was refused twice"))
                if place not in places:
                    raise Wrong(self.where(f"{place} was refused: there is no such message"))
                self._refused[place] = line

    def fates(self) -> None:
        """Every record once, in the order of its topic, on its side of each close."""
        for topic in RECORDS:
            expected = self._expected(topic)
            wanted = {key for key, _ in expected}
            found = [
                (key, _known(line))
                for line in self.facts
                if (key := identity_of(line)) in wanted or line["type"] == CLOSED
            ]
            counted = Counter(key for key, _ in found)
            if repeated := [key for key, times in counted.items() if times > 1]:
                raise Wrong(self.where(f"{topic}: repeated: {len(repeated)} records, {repeated[:3]}"))
            if lost := [key for key in (key for key, _ in expected) if key not in counted]:
                raise Wrong(self.where(f"{topic}: lost: {len(lost)} records, {lost[:3]}"))
            expect(self.where(f"{topic}: what was taken, in order"), found, expected)
        known = {key for topic in RECORDS for key, _ in self._expected(topic)}
        expect(self.where("records nobody published"), [f for f in self.facts if identity_of(f) not in known], [])

    def _expected(self, topic: str) -> list[tuple[Identity, Line]]:
        """Of a topic what must be in the log: the first of each record that was not refused, and closes among them."""
        first: dict[Identity, Line] = {}
        self_refused = self._refused
        for message in self._messages[topic]:
            copied = message.headers.get(COPY)
            place = (CALENDAR, 0, int(copied)) if copied is not None else (topic, self.number, message.offset)
            if place in self_refused:
                continue
            record = record_in(message.value)
            if record is None:
                raise Wrong(self.where(f"lost: {place} is no record and was not refused"))
            first.setdefault(identity_of(record), record)
        return [(key, _known(record)) for key, record in first.items()]

    def counts(self) -> None:
        """What was neither taken nor refused was counted as known already."""
        copies = {topic: sum(COPY in m.headers for m in found) for topic, found in self._messages.items()}
        plain = sum(len(found) - copies[topic] for topic, found in self._messages.items())
        self.refused = sum(place[0] != CALENDAR for place in self._refused)
        taken = sum(line["type"] != CLOSED for line in self.facts)
        self.duplicates = plain - taken - self.refused
        counted = sum(block.duplicates for block in self._blocks)
        closes = len(self.facts) - taken
        spare = sum(copies.values()) - closes * len(RECORDS)
        if not self.duplicates <= counted <= self.duplicates + max(spare, 0):
            raise Wrong(
                self.where(f"{counted} counted as known already, {self.duplicates} and {spare} copies of closes were")
            )

    def decided(self, policies: list[dict[str, Any]]) -> dict[str, list[Line]]:
        """What was refused and decided is what the model says -> the tier changes of each customer. Raises Wrong."""
        model = Bank(policies)
        messages = {(t, self.number, m.offset): m for t, found in self._messages.items() for m in found}
        messages |= {(CALENDAR, 0, m.offset): m for m in self._calendar}
        originals = self._originals()
        changes: dict[str, list[Line]] = defaultdict(list)
        for line in self._lines:
            if is_fact(line):
                taken = line if line["source"] == OURS else originals[identity_of(line)]
                expect(self.where(f"the model of {identity_of(line)}"), model.take(taken), None)
            elif line["type"] == "record_refused":
                if line.get("file") == OURS:
                    record: Line | None = self.commanded.record_of(line)
                else:
                    record = record_in(messages[line["topic"], line["partition"], line["offset"]].value)
                if record is not None and is_judged(record, line["reason"]):
                    expect(self.where(f"the model of {identity_of(record)}"), model.take(record), line["reason"])
            elif line["type"] == "tier_changed":
                shown = {name: value for name, value in line.items() if name not in ("type", "tier")}
                changes[line["customer_id"]].append(shown)
        expected = {one: model.tier_changes(one) for one in model.customers()}
        expect(self.where("tier changes"), dict(changes), {one: found for one, found in expected.items() if found})
        return changes

    def judged(self, policies: list[dict[str, Any]]) -> None:
        """Triggers of some customers are what the model says. Raises Wrong."""
        originals = self._originals()
        taken = (originals.get(identity_of(line), line) for line in self._lines if is_fact(line))
        judge(self.where("triggers"), taken, self.steps(), policies, len(self._blocks))

    def steps(self) -> dict[str, list[Line]]:
        """Steps of triggers of each customer as they must be published, by what the log says."""
        found: dict[str, list[Line]] = defaultdict(list)
        for line in self._lines:
            if line["type"] == "trigger_moved":
                trigger = f"{line['customer_id']}:{line['code']}:{line['key']}"
                shown = {name: value for name, value in line.items() if name != "type"}
                found[line["customer_id"]].append({"id": trigger, **shown})
        return found

    def _originals(self) -> dict[Identity, Line]:
        found: dict[Identity, Line] = {}
        for topic in RECORDS:
            for message in self._messages[topic]:
                if (topic, self.number, message.offset) not in self._refused:
                    record = record_in(message.value)
                    assert record is not None
                    found.setdefault(identity_of(record), record)
        return found


JUDGED = {
    "id_reused_with_other_content", "account_unknown", "account_exists", "account_closed", "reversal_unknown",
    "already_reversed", "value_date_too_old", "value_date_in_future", "day_already_closed", "customer_erased",
    "loan_unknown", "loan_exists",
}  # fmt: skip
"""Refusals that depend on what came before; all others on the record alone, which the model takes to be well-formed."""


def is_judged(record: Line, reason: str) -> bool:
    """Whether a refusal depends on what came before."""
    complaint = str(record.get("type")).startswith("complaint_")
    return reason in JUDGED or (complaint and reason == "bad_value" and "complaint_id" in record)


def _known(record: Line) -> Line:
    return {name: record[name] for name in _PLAIN if name in record}


def audit(
    topics: Topics,
    journal: Journal,
    policies: list[dict[str, Any]],
    *,
    judges: bool = True,
    anew: Mapping[Place, int] | None = None,
) -> Tally:
    """Raises Wrong: something was lost, repeated, out of order or not what it must be.

    judges: triggers of a few, too; anew: offsets of the outgoing topics from which on all was published once more.
    """
    calendar = topics.of(CALENDAR)[0]
    shards = []
    for number, blocks in enumerate(journal.shards):
        messages = {topic: topics.of(topic)[number] for topic in RECORDS}
        head = journal.heads()[number]
        stands = {topic: head.get((topic, number), 0) for topic in RECORDS}
        expect(f"shard {number}: positions", stands, {topic: topics.ends[topic, number] for topic in RECORDS})
        commands = {at: body for (shard_number, at), body in journal.commands.items() if shard_number == number}
        shard = ShardAudit(number, messages, calendar, blocks, commands)
        shard.run()
        shards.append(shard)
    closes = [[identity_of(fact) for fact in shard.facts if fact["type"] == CLOSED] for shard in shards]
    for number, found in enumerate(closes):
        expect(f"shard {number}: closes", found, closes[0])
    copied = [identity_of(r) for m in calendar if (r := record_in(m.value)) and r.get("type") == CLOSED]
    expect("closes, of those on the calendar", closes[0], list(dict.fromkeys(copied)))
    changes: dict[str, list[Line]] = {}
    steps: dict[str, list[Line]] = {}
    for shard in shards:
        changes |= shard.decided(policies)
        if judges:
            shard.judged(policies)
        steps |= shard.steps()
    check_published(topics, changes, steps, of_kind(journal, "record_refused"), anew or {})
    return Tally(
        sum(len(found) for topic in RECORDS for found in topics.of(topic).values()),
        sum(len(shard.facts) for shard in shards) - len(shards) * len(closes[0]),
        sum(shard.refused for shard in shards),
        sum(shard.duplicates for shard in shards),
        len(closes[0]),
        sum(map(len, changes.values())),
        sum(map(len, steps.values())),
        sum(shard.commanded.taken for shard in shards),
        sum(1 for _ in of_kind(journal, "customer_erased")),
        sum(map(len, journal.shards)),
    )


def of_kind(journal: Journal, kind: str) -> Iterable[Line]:
    """All lines of a kind."""
    return (line for blocks in journal.shards for block in blocks for line in block.lines if line["type"] == kind)


def main(words: Sequence[str] | None = None) -> int:
    """Audit a log that nobody writes now -> exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.auditor")
    parser.add_argument("--kafka", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--policy", type=Path, default=POLICY_FILE)
    asked = parser.parse_args(words)
    policy = tomllib.loads(asked.policy.read_text("utf-8"))
    try:
        print("nothing is wrong:", audit(Topics(asked.kafka).read(), Journal(asked.log).read(), [policy]))
    except Wrong as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
