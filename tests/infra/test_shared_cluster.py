"""The broker and the database that tests share: real ones, found in the order that tests/cluster.py says."""

import os
import uuid
from pathlib import Path

import psycopg
import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from infra.cluster.kafka import make_topics
from infra.cluster.topics import Topic
from tests import cluster
from tests.patience import PATIENCE_S


def test_a_record_goes_in_and_comes_out(kafka_address: str) -> None:
    topic = f"test.{uuid.uuid4()}"
    make_topics(kafka_address, 2, (Topic(topic, None, {}),))
    producer = KafkaProducer(bootstrap_servers=kafka_address)
    sent = producer.send(topic, key=b"C1", value="客户".encode()).get(timeout=PATIENCE_S)
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=kafka_address, auto_offset_reset="earliest")
    consumer.assign([TopicPartition(topic, sent.partition)])
    (records,) = consumer.poll(timeout_ms=PATIENCE_S * 1000).values()
    consumer.close()
    assert [(record.key, record.value.decode(), record.offset) for record in records] == [(b"C1", "客户", 0)]
    with_topics = KafkaAdminClient(bootstrap_servers=kafka_address)
    with_topics.delete_topics([topic])
    with_topics.close()


def test_a_row_goes_in_and_comes_out(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("CREATE TEMPORARY TABLE t (id bigint PRIMARY KEY, name text)")
        connection.execute("INSERT INTO t VALUES (1, %s)", ("客户",))
        assert connection.execute("SELECT id, name FROM t").fetchall() == [(1, "客户")]


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cluster.KAFKA, "elsewhere:9092")
    assert cluster.found("kafka", cluster.KAFKA) == "elsewhere:9092"


def test_then_what_runs_in_docker_and_is_healthy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        """#!/bin/sh
test "$*" = "compose -f $COMPOSE ps --format json" || exit 1
echo '{"Service": "kafka", "Health": "starting"}'
echo '{"Service": "postgres", "Health": "healthy"}'
"""
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("COMPOSE", str(cluster.COMPOSE))
    monkeypatch.delenv(cluster.POSTGRES, raising=False)
    assert cluster.running_in_docker() == {"postgres"}
    assert cluster.found("postgres", cluster.POSTGRES) == cluster.COMPOSE_ADDRESSES["postgres"]


@pytest.mark.parametrize("says", ["echo no engine >&2; exit 1", "echo"])
def test_a_docker_that_runs_nothing_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, says: str) -> None:
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\n{says}\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert cluster.running_in_docker() == set()
