"""What leaves the house: decisions of a block as messages, CloudEvents 1.0 in Kafka's binary mode (CONTRACT §5).

The content of a message is the row that a command prints of the same decision, byte for byte. Everything else about it is
a header, so that a subscriber may read the content alone.
"""

import re
from collections.abc import Iterator
from hashlib import sha256

import msgspec

from events.catalog import REJECTED, RETENTION_TRIGGERS, TIER_CHANGES
from events.codec import to_json
from events.decisions import RecordRefused, TierChanged, TriggerMoved
from processors.ports import Block
from processors.stored import decode_line

_DIGITS = 12
_LEAVE = (TierChanged, TriggerMoved, RecordRefused)
# A line of the log begins with its type, and no record has the type of a decision.
_LINES = re.compile(
    b'^{"type":"(?:%s)".*$' % "|".join(str(cls.__struct_config__.tag) for cls in _LEAVE).encode(), re.MULTILINE
)


class Message(msgspec.Struct, frozen=True):
    """One message to a topic. id: the same however often it is sent (`ce_id`, unique within `ce_source`)."""

    topic: str
    key: bytes | None
    value: bytes
    headers: list[tuple[str, bytes]]
    id: str


def messages_of(block: Block, source: str, behind: int = 0) -> Iterator[tuple[int, Message]]:
    """(line in the block, message) of what leaves, in log order, of the lines behind the first so many.

    source: `ce_source`, the log's name in it.
    """
    if block.lines == block.facts:
        return
    line, counted = 0, 0
    for found in _LINES.finditer(block.body):
        line += block.body.count(b"\n", counted, found.start())
        counted = found.start()
        if line >= behind:
            match decode_line(found[0]):
                case TierChanged() as change:
                    yield line, _tier_change(change, block, source)
                case TriggerMoved() as step:
                    yield line, _trigger_step(step, block, source)
                case RecordRefused() as refusal:
                    yield line, _refusal(refusal, block, source)


def _tier_change(change: TierChanged, block: Block, source: str) -> Message:
    headers = _headers(source, change.id, "guanxi.tier_change.v1", block.at, change.customer_id)
    return Message(TIER_CHANGES, change.customer_id.encode(), to_json(change.published()), headers, change.id)


def _trigger_step(step: TriggerMoved, block: Block, source: str) -> Message:
    """The id of a trigger is that of all its steps, so a message is named by the step's number.

    Not by a number alone as a tier change is: within `ce_source` both would be the same id.
    """
    message_id = f"{step.customer_id}:trigger-{step.sequence}"
    headers = _headers(source, message_id, "guanxi.retention_trigger.v1", block.at, step.customer_id)
    return Message(RETENTION_TRIGGERS, step.customer_id.encode(), to_json(step.published()), headers, message_id)


def _refusal(refusal: RecordRefused, block: Block, source: str) -> Message:
    """A refusal has no customer, for what names one may be what is wrong: those of one event are kept together.

    Its id is made of where the record stood and of what is said of it. Not of its place in the log: where a log was put
    back and takes in anew what it lost, other refusals may stand there, and who leaves out what it has would miss them.
    """
    stood = (refusal.topic, refusal.partition, refusal.offset) if refusal.file is None else (refusal.file, refusal.line)
    said = sha256(to_json(refusal.published(""))).hexdigest()[:_DIGITS]
    place = ":".join(map(str, (*stood, said)))
    about = None if refusal.source is None or refusal.event_id is None else f"{refusal.source}/{refusal.event_id}"
    headers = _headers(source, place, "guanxi.refusal.v1", block.at, about)
    key = None if about is None else about.encode()
    return Message(REJECTED, key, to_json(refusal.published(block.at)), headers, place)


def _headers(source: str, message_id: str, kind: str, at: str, about: str | None) -> list[tuple[str, bytes]]:
    fields = {
        "ce_specversion": "1.0",
        "ce_id": message_id,
        "ce_source": source,
        "ce_type": kind,
        "ce_time": at,
        "content-type": "application/json",
    }
    if about is not None:
        fields |= {"ce_subject": about, "ce_partitionkey": about}
    return [(name, value.encode()) for name, value in fields.items()]
