"""What a broker says of topics that were deleted and made again, cut at either end, or are not there."""

from collections.abc import Iterator
from uuid import UUID, uuid4

import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from infra.kafka_topics import look, topic_ids
from processors.inputs import InputsUnusable
from processors.marks import mark_of
from processors.positions import BeyondEnd, Found, Gone, LastDiffers, NoSuchInput, Recreated, Stand, finding


class Topic:
    """A topic of two partitions, with records "0" to "9" in partition 1."""

    def __init__(self, address: str, admin: KafkaAdminClient) -> None:
        self.address, self.admin, self.name = address, admin, f"topics-{uuid4().hex[:8]}"
        self.make()
        producer = KafkaProducer(bootstrap_servers=address)
        for value in range(10):
            producer.send(self.name, value=b"%d" % value, partition=1)
        producer.close()
        self.at = (self.name, 1)
        self.id = topic_ids(address, [self.name])[self.name]

    def make(self) -> None:
        self.admin.create_topics({self.name: {"num_partitions": 2, "replication_factor": 1}})
        self.admin.wait_for_topics([self.name])

    def found(self, stand: Stand) -> Found:
        return look(self.address, {self.at: stand})[self.at]

    def finding(self, stand: Stand) -> object:
        return finding(self.at, stand, look(self.address, {self.at: stand}).get(self.at))

    def taken(self, offset: int) -> Stand:
        """The log took it up to a record, this one last."""
        return Stand(offset + 1, mark_of(self.id, offset, b"%d" % offset))


@pytest.fixture(scope="module")
def admin(kafka_address: str) -> Iterator[KafkaAdminClient]:
    admin = KafkaAdminClient(bootstrap_servers=kafka_address)
    yield admin
    admin.close()


@pytest.fixture(scope="module")
def topic(kafka_address: str, admin: KafkaAdminClient) -> Topic:
    return Topic(kafka_address, admin)


def test_the_record_before_the_position_is_found(topic: Topic) -> None:
    assert UUID(topic.id)
    for offset in (0, 4, 9):
        stand = topic.taken(offset)
        assert topic.found(stand) == Found(topic.id, 0, 10, stand.mark)
        assert topic.finding(stand) is None
    assert topic.found(Stand(0, None)) == Found(topic.id, 0, 10)


def test_several_partitions_are_looked_at_together(topic: Topic) -> None:
    other, missing, nowhere = (topic.name, 0), (topic.name, 2), ("no-such-topic", 0)
    none = Stand(0, None)
    found = look(topic.address, {other: none, topic.at: topic.taken(7), missing: none, nowhere: none})
    assert found == {other: Found(topic.id, 0, 0), topic.at: Found(topic.id, 0, 10, topic.taken(7).mark)}
    assert finding(missing, none, found.get(missing)) == NoSuchInput(missing, 0)
    assert topic_ids(topic.address, [topic.name, "no-such-topic"]) == {topic.name: topic.id}


def test_another_record_is_there(topic: Topic) -> None:
    assert topic.finding(Stand(6, mark_of(topic.id, 5, b"55"))) == LastDiffers(topic.at, 6, 5)


def test_more_was_taken_than_there_is(topic: Topic) -> None:
    assert topic.finding(topic.taken(10)) == BeyondEnd(topic.at, 11, 10)


def test_records_were_deleted_before_they_were_read(topic: Topic) -> None:
    topic.admin.delete_records({TopicPartition(*topic.at): 6})
    assert topic.finding(topic.taken(2)) == Gone(topic.at, 3, 6)
    assert topic.finding(topic.taken(5)) is None  # the last taken is gone, nothing behind it
    assert topic.finding(topic.taken(6)) is None


def test_the_topic_was_made_again(kafka_address: str, admin: KafkaAdminClient) -> None:
    topic = Topic(kafka_address, admin)
    admin.delete_topics([topic.name])
    while topic_ids(kafka_address, [topic.name]):
        pass
    assert topic.finding(topic.taken(4)) == NoSuchInput(topic.at, 5)
    topic.make()
    now = topic_ids(kafka_address, [topic.name])[topic.name]
    assert topic.finding(topic.taken(4)) == Recreated(topic.at, 5, topic.id, now)


def test_a_broker_that_is_not_there_is_said() -> None:
    with pytest.raises(
        InputsUnusable, match=r"^Kafka 127\.0\.0\.1:9: .*refused; check that the broker runs and can be reached$"
    ):
        look("127.0.0.1:9", {("t", 0): Stand(0, None)})


def test_one_broker_of_several_is_enough(topic: Topic) -> None:
    assert topic_ids(f"127.0.0.1:9,{topic.address}", [topic.name]) == {topic.name: topic.id}
