"""Wires a log's positions and a broker's topics: whether they fit, and how one is set."""

from typing import Final, NamedTuple

from guanxi.errors import UserError
from infra.kafka_topics import look
from infra.postgres_commands import PostgresCommands
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import identity_of
from infra.postgres_session import Session, address_of
from processors.commands import body_of
from processors.ports import Input
from processors.position_reset import RECORDS_COME_ON, PositionResetAsked
from processors.positions import Finding, Found, Stand, findings, stands_of

TOPICS: Final = RECORDS_COME_ON
EARLIEST, LATEST = "earliest", "latest"
LONGEST_REASON: Final = 500


class Asked(NamedTuple):
    """A command that was put. number: of the command; stood: where the log stood; found: what the broker has."""

    reset: PositionResetAsked
    number: int
    stood: int
    found: Found


def compare(log: str, kafka: str) -> tuple[int, list[Finding]]:
    """Every input of every shard of a log beside the broker -> how many, and what does not fit.

    Raises LogUnusable, LogDamaged, InputsUnusable.
    """
    stands: dict[Input, Stand] = {}
    session = Session(address_of(log), read_only=True)
    try:
        for number in range(identity_of(session, address_of(log).shown).shards):
            shard = PostgresEventLog(log, number, session=session)
            stands |= stands_of(shard.head(), [(topic, number) for topic in TOPICS])
    finally:
        session.close()
    return len(stands), findings(stands, look(kafka, stands))


def ask_reset(log: str, kafka: str, topic: str, partition: int, to: str, reason: str, by: str) -> Asked:
    """Ask the owner of a shard to read an input on from an offset, ``earliest`` or ``latest``; durable when this returns.

    Raises UserError for what is not there or not in the partition, LogUnusable, LogDamaged, InputsUnusable.
    """
    if topic not in TOPICS:
        raise UserError("not a topic of records", topic, f"one of {', '.join(TOPICS)}")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise UserError(
            "the reason is kept in the log for good", "--reason", f"say why in 1 to {LONGEST_REASON} characters"
        )
    shown = address_of(log).shown
    session = Session(address_of(log))
    try:
        shards = identity_of(session, shown).shards
        if not partition < shards:
            raise UserError(f"there is no shard {partition}", shown, f"it has {shards}, counted from 0")
        stood = PostgresEventLog(log, partition, session=session).head().inputs.get((topic, partition), 0)
        found = look(kafka, {(topic, partition): Stand(0, None)}).get((topic, partition))
        if found is None:
            raise UserError(
                f"no such partition of {topic} at {kafka}", str(partition), "check that this is the right broker"
            )
        reset = PositionResetAsked(topic, partition, _offset(to, found), found.topic_id, reason.strip(), by)
        number = PostgresCommands(session).put(partition, body_of(reset))
    finally:
        session.close()
    return Asked(reset, number, stood, found)


def _offset(to: str, found: Found) -> int:
    if to in (EARLIEST, LATEST):
        return found.begin if to == EARLIEST else found.end
    if not (to.isascii() and to.isdecimal() and found.begin <= int(to) <= found.end):
        raise UserError(
            f"not {EARLIEST}, {LATEST} or an offset that the broker has",
            to,
            f"offsets are from {found.begin} to {found.end}",
        )
    return int(to)
