"""A cluster of one's own: up, down, what was killed, what is in the way. One folder, in the order of a day."""

import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from infra.cluster import processes, together
from infra.cluster.together import Addresses, LocalCluster
from infra.cluster.topics import TOPICS
from infra.cluster.trouble import ClusterTrouble

PARTITIONS = 3


class Up:
    """A cluster that runs."""

    def __init__(self, folder: Path) -> None:
        self.cluster = LocalCluster(folder)
        self.addresses: Addresses = self.cluster.up(partitions=PARTITIONS)

    def pid(self, service: str) -> int:
        (pid,) = (found.pid for found in self.cluster.status() if found.service == service)
        assert pid is not None
        return pid

    def states(self) -> list[str]:
        return [found.state for found in self.cluster.status()]


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    folder = tmp_path_factory.mktemp("cluster")
    try:
        yield Up(folder)
    finally:
        LocalCluster(folder).down()


def test_the_topics_are_there_as_the_table_says(up: Up) -> None:
    admin = KafkaAdminClient(bootstrap_servers=up.addresses.kafka)
    there = {topic["name"]: len(topic["partitions"]) for topic in admin.describe_topics()}
    assert there == {topic.name: topic.partitions or PARTITIONS for topic in TOPICS}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in TOPICS]
    described = admin.describe_configs(resources)
    admin.close()
    for topic in TOPICS:
        assert topic.settings.items() <= settings_of(described, topic.name).items()


def settings_of(described: object, name: str) -> dict[str, str]:
    assert isinstance(described, dict)
    return {key: value["value"] for key, value in described["topic"][name].items()}


def test_up_again_changes_nothing(up: Up) -> None:
    before = up.pid("kafka"), up.pid("postgres")
    assert up.cluster.up() == up.addresses
    assert (up.pid("kafka"), up.pid("postgres")) == before
    assert up.states() == ["running", "running"]


def test_other_partitions_or_another_port_are_refused_with_what_to_do(up: Up) -> None:
    with pytest.raises(ClusterTrouble, match="have 3 partitions, not 5, and that is fixed for good; begin in another"):
        up.cluster.up(partitions=5)
    with pytest.raises(ClusterTrouble, match="take it down first"):
        up.cluster.up(kafka_port=1)
    assert up.states() == ["running", "running"]


def test_nobody_is_let_in_without_the_password(up: Up) -> None:
    port = up.addresses.postgres.rpartition(":")[2].partition("/")[0]
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://guanxi@127.0.0.1:{port}/postgres", connect_timeout=5).close()


def test_after_a_kill_and_a_hang_up_starts_them_again_with_their_data(up: Up) -> None:
    producer = KafkaProducer(bootstrap_servers=up.addresses.kafka, acks="all")
    producer.send("bank.customers.v1", key=b"C1", value=b"kept", partition=2).get(timeout=20)
    producer.close()
    with psycopg.connect(up.addresses.postgres) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    broker, database = up.pid("kafka"), up.pid("postgres")
    os.kill(broker, signal.SIGKILL)
    os.kill(database, signal.SIGSTOP)

    assert up.states() == ["died", "died"]
    assert up.cluster.up() == up.addresses
    assert up.states() == ["running", "running"]
    assert {up.pid("kafka"), up.pid("postgres")}.isdisjoint({broker, database})
    consumer = KafkaConsumer(bootstrap_servers=up.addresses.kafka, auto_offset_reset="earliest")
    consumer.assign([TopicPartition("bank.customers.v1", 2)])
    (records,) = consumer.poll(timeout_ms=20_000).values()
    consumer.close()
    assert [record.value for record in records] == [b"kept"]
    with psycopg.connect(up.addresses.postgres) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]


def test_down_leaves_nothing_running_and_down_again_is_harmless(up: Up) -> None:
    pids = up.pid("kafka"), up.pid("postgres")
    assert up.cluster.down()
    assert [processes.began(pid) for pid in pids] == [None, None]
    assert up.states() == ["stopped", "stopped"]
    assert not up.cluster.down()


def test_a_port_of_another_program_is_not_taken(up: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ClusterTrouble, match=r"port \d+: the port belongs to another program; give another"):
            up.cluster.up(postgres_port=other.getsockname()[1])
    assert up.states() == ["stopped", "stopped"]


def test_without_room_nothing_is_started(up: Up, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "ROOM_BYTES", 1 << 60)
    with pytest.raises(ClusterTrouble, match="free some space"):
        up.cluster.up()
    assert up.states() == ["stopped", "stopped"]
