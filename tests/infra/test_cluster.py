"""A cluster of one's own: up, down, what was killed, what is in the way."""

import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType

from infra.cluster import processes, together
from infra.cluster.together import Addresses, LocalCluster
from infra.cluster.topics import TOPICS
from infra.cluster.trouble import ClusterTrouble
from tests.patience import PATIENCE_S, until

PARTITIONS = 3


class Up:
    """A cluster that runs."""

    def __init__(self, cluster: LocalCluster) -> None:
        self.cluster = cluster
        self.addresses: Addresses = cluster.up(partitions=PARTITIONS)

    def pid(self, service: str) -> int:
        (pid,) = (found.pid for found in self.cluster.status() if found.service == service)
        assert pid is not None
        return pid

    def states(self) -> list[str]:
        return states(self.cluster)


def states(cluster: LocalCluster) -> list[str]:
    return [found.state for found in cluster.status()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    made = tmp_path_factory.mktemp("cluster")
    yield made
    LocalCluster(made).down()


@pytest.fixture
def up(folder: Path) -> Up:
    """One cluster for all: whatever a test before did to it, it runs."""
    return Up(LocalCluster(folder))


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
        psycopg.connect(f"postgresql://guanxi@127.0.0.1:{port}/postgres", connect_timeout=PATIENCE_S).close()


def sent(up: Up, topic: str, value: bytes) -> list[bytes]:
    """Send a record to each partition of a topic -> what is in the topic then."""
    producer = KafkaProducer(bootstrap_servers=up.addresses.kafka, acks="all")
    for partition in range(PARTITIONS):
        producer.send(topic, key=b"C1", value=value, partition=partition).get(timeout=PATIENCE_S)
    producer.close()
    return found_in(up, topic)


def found_in(up: Up, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(bootstrap_servers=up.addresses.kafka, auto_offset_reset="earliest")
    places = [TopicPartition(topic, partition) for partition in range(PARTITIONS)]
    consumer.assign(places)
    ends, found = consumer.end_offsets(places), []
    while any(consumer.position(place) < ends[place] for place in places):
        found += [record.value for records in consumer.poll(timeout_ms=1_000).values() for record in records]
    consumer.close()
    return found


def test_after_a_kill_and_a_hang_up_starts_them_again_with_their_data(
    up: Up, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent(up, "bank.customers.v1", b"kept")
    with psycopg.connect(up.addresses.postgres) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    broker, database = up.pid("kafka"), up.pid("postgres")
    os.kill(broker, signal.SIGKILL)
    os.kill(database, signal.SIGSTOP)
    assert up.states() == ["died", "died"]
    data, empty = folder / "kafka" / "data", "guanxi.rejected.v1"
    for partition in range(PARTITIONS):
        # As after a kill seconds after a topic was made: whose a folder is stands in it late, but before its first record.
        (data / f"{empty}-{partition}" / "partition.metadata").unlink(missing_ok=True)
        assert (data / f"bank.customers.v1-{partition}" / "partition.metadata").exists()

    monkeypatch.setattr(together, "HANGS_AFTER_S", 1)
    assert up.cluster.up() == up.addresses
    assert up.states() == ["running", "running"]
    assert {up.pid("kafka"), up.pid("postgres")}.isdisjoint({broker, database})
    assert found_in(up, "bank.customers.v1") == [b"kept"] * PARTITIONS
    with psycopg.connect(up.addresses.postgres) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(7,)]
    assert {path.name.rpartition("-")[2] for path in data.glob(f"{empty}-*")} == {"0", "1", "2", "stray"}
    assert sent(up, empty, b"new") == [b"new"] * PARTITIONS


def test_a_database_waits_for_what_is_left_of_one_that_was_killed(up: Up, folder: Path) -> None:
    """A process of it that still works holds its memory; no second server may come near the data meanwhile."""
    log = folder / "postgres" / "log"
    with psycopg.connect(up.addresses.postgres) as connection, ThreadPoolExecutor(1) as pool:
        left = connection.info.backend_pid
        os.kill(left, signal.SIGSTOP)
        try:
            os.kill(up.pid("postgres"), signal.SIGKILL)
            again = pool.submit(up.cluster.up)
            until(lambda: log.read_text().count("pre-existing shared memory block") > 1, log.read_text)
        finally:
            os.kill(left, signal.SIGCONT)
        assert again.result(PATIENCE_S) == up.addresses
    assert up.states() == ["running", "running"]


def test_down_leaves_nothing_running_and_down_again_is_harmless(up: Up) -> None:
    pids = up.pid("kafka"), up.pid("postgres")
    assert up.cluster.down()
    assert [processes.began(pid) for pid in pids] == [None, None]
    assert up.states() == ["stopped", "stopped"]
    assert not up.cluster.down()


def test_a_port_of_another_program_is_not_taken(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ClusterTrouble, match=r"port \d+: the port belongs to another program; give another"):
            cluster.up(postgres_port=other.getsockname()[1])
    assert states(cluster) == ["stopped", "stopped"]


def test_without_room_nothing_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(together, "ROOM_BYTES", 1 << 60)
    cluster = LocalCluster(tmp_path)
    with pytest.raises(ClusterTrouble, match="free some space"):
        cluster.up()
    assert states(cluster) == ["stopped", "stopped"]
