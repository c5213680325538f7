"""`guanxi position` beside a broker and a log on PostgreSQL."""

import getpass
from collections.abc import Iterator
from uuid import uuid4

import msgspec
import pytest
from click.testing import CliRunner, Result
from kafka import KafkaAdminClient, KafkaProducer

from guanxi.cli.options import Asked
from guanxi.cli.root import cli
from infra.kafka_topics import topic_ids
from infra.postgres_commands import PostgresCommands
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from processors.marks import mark_of
from processors.ports import Draft, Mark
from processors.position_reset import PositionResetAsked

PARTITIONS = 2


class Place:
    """A log of two shards, and topics of their own that stand for those of records; three records in partition 1 of one."""

    def __init__(self, kafka: str, postgres: str, admin: KafkaAdminClient) -> None:
        self.kafka, self.admin = kafka, admin
        name = f"position_{uuid4().hex[:8]}"
        self.topics = tuple(f"{name}.{each}" for each in "tic")
        self.log = f"{postgres}{'&' if '?' in postgres else '?'}schema={name}"
        create_log(self.log, shards=PARTITIONS)
        self.make()
        producer = KafkaProducer(bootstrap_servers=kafka)
        for value in (b"0", b"1", b"2"):
            producer.send(self.topics[0], value=value, partition=1)
        producer.close()
        self.id = topic_ids(kafka, self.topics)[self.topics[0]]

    def make(self) -> None:
        made = {topic: {"num_partitions": PARTITIONS, "replication_factor": 1} for topic in self.topics}
        self.admin.create_topics(made)
        self.admin.wait_for_topics(list(self.topics))

    def take(self, position: int, mark: Mark) -> None:
        shard = PostgresEventLog(self.log, 1, write=True)
        source = (self.topics[0], 1)
        shard.append(
            Draft([], 0, b"", {source: (shard.head().inputs.get(source, 0), position)}, {source: mark}, 0, "now")
        )
        shard.close()

    def run(self, *arguments: str) -> Result:
        options = ["--kafka", self.kafka, "--log", self.log]
        return CliRunner().invoke(cli, ["position", *arguments, *options], obj=Asked())

    def reset(self, to: str, topic: str = "", partition: int = 1, reason: str = "a test") -> Result:
        where = ["--topic", topic or self.topics[0], "--partition", str(partition)]
        return self.run("reset", *where, "--to", to, "--reason", reason)

    def commands(self, shard: int = 1) -> list[PositionResetAsked]:
        session = Session(address_of(self.log))
        found = [msgspec.convert(each.body, PositionResetAsked) for each in PostgresCommands(session).read(shard, 0)]
        session.close()
        return found


@pytest.fixture(scope="module")
def place(kafka_address: str, postgres_url: str) -> Iterator[Place]:
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    found = Place(kafka_address, postgres_url, admin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("guanxi.positions.TOPICS", found.topics)
        yield found
    admin.close()


def test_a_command_is_put_for_the_owner(place: Place) -> None:
    done = place.reset("earliest", reason=" the broker lost its end ")
    assert done.exit_code == 0, done.output
    assert (
        "asked to read on from offset 0 (the log stands at 0, the broker has 0 to 3); command 1 of shard 1"
        in done.output
    )
    assert "from 0 to 1 nothing is read" in place.reset("2").output
    assert place.reset("latest").exit_code == 0
    first, second, third = place.commands()
    assert first == PositionResetAsked(place.topics[0], 1, 0, place.id, "the broker lost its end", getpass.getuser())
    assert (second.to, third.to) == (2, 3)
    assert place.commands(0) == []


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"to": "4"}, "4: not earliest, latest or an offset that the broker has; offsets are from 0 to 3"),
        ({"to": "-1"}, "not earliest, latest or an offset"),
        ({"to": "first"}, "not earliest, latest or an offset"),
        ({"to": "0", "topic": "bank.calendar.v1"}, "bank.calendar.v1: not a topic of records; one of "),
        ({"to": "0", "partition": 2}, "there is no shard 2; it has 2, counted from 0"),
        ({"to": "0", "reason": " "}, "--reason: the reason is kept in the log for good; say why"),
    ],
)
def test_what_cannot_be_asked(place: Place, asked: dict[str, object], said: str) -> None:
    before = place.commands()
    done = place.reset(**asked)  # type: ignore[arg-type]
    assert done.exit_code == 2
    assert said in done.output
    assert place.commands() == before


def test_a_log_in_a_file_has_no_positions_in_kafka(place: Place) -> None:
    done = CliRunner().invoke(
        cli, ["position", "check", "--kafka", place.kafka, "--log", "sqlite:///a.db"], obj=Asked()
    )
    assert done.exit_code == 2
    assert "a log on PostgreSQL alone has positions in Kafka" in done.output


def test_positions_are_compared(place: Place) -> None:
    place.take(2, mark_of(place.id, 1, b"1"))
    assert place.run("check").output == "6 partitions: the broker has what follows in the log\n"
    place.take(3, mark_of(place.id, 2, b"another"))
    wrong = place.run("check")
    assert wrong.exit_code == 1
    assert wrong.output.startswith(
        f"{place.topics[0]} 1: the record at offset 2 is not the one that was taken from there"
    )
    assert len(wrong.output.splitlines()) == 1
