"""Core systems that publish a made-up bank, as badly as they do: some records twice, some late, some broken.

What it was not told about is sent again until the broker says that it is there; a close of a day goes out when everything
before it was acknowledged, as CONTRACT §1 asks. The order of one customer's records in a topic is kept.
"""

import contextlib
import json
import random
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from kafka import KafkaProducer
from kafka.errors import KafkaError

from guanxi.simulator import records
from tests.chaos.people import CUSTOMERS, INTERACTIONS, TRANSACTIONS, People
from tests.chaos.written import CALENDAR, Message, Place
from tests.patience import PATIENCE_S
from tests.simulation.auditor import expect

OF_CUSTOMERS: Final = ("customer_brought_forward", "special_vip_granted", "special_vip_revoked")
AGAIN_SHARE, LATE_SHARE, BROKEN_SHARE = 0.03, 0.02, 0.02
MOST_LATE: Final = 400
"""A record sent again or late comes so many records after its time at most."""
SENT_AT_ONCE: Final = 50
FLUSH_S: Final = 10

Sending = tuple[str, int | None, bytes | None, bytes | None]
"""Topic, partition (None: the key's), key and value."""


class Load:
    """Publishes one bank, part by part. partitions: of the topics with customers."""

    def __init__(self, kafka: str, seed: int, customers: int, days: int, partitions: int) -> None:
        self._kafka, self._partitions = kafka, partitions
        self._chance = random.Random(seed)
        self._lines = records(customers, days, seed)
        self.people = People(seed)
        self._later: list[tuple[int, Sending]] = []
        self._count = self._days = 0
        self._producer: KafkaProducer | None = None
        self.acknowledged: dict[Place, dict[int, bytes | None]] = {}
        """What the broker said that it has: place, offset, value."""
        kinds = ("plain", "around", "again", "late", "broken", "closes", "sent twice")
        self.kinds: dict[str, int] = dict.fromkeys(kinds, 0)

    def publish_days(self, days: int, a_second: float, stop: threading.Event) -> None:
        """Publish so many days of the bank, so many records a second; all of it is acknowledged when this returns.

        Raises KafkaError when the broker stays away.
        """
        began, sent, first_day = time.monotonic(), 0, self._days
        batch: list[Sending] = []
        for line in self._lines:
            record = json.loads(line)
            if record["type"] == "business_day_closed":
                self._all_there(batch)
                batch = []
                self._all_there([(CALENDAR, None, None, line)] * (2 if self._chance.random() < AGAIN_SHARE else 1))
                self.kinds["closes"] += 1
                self._days += record["source"] == "funds"
                if self._days - first_day >= days or stop.is_set():
                    return
                continue
            topic = CUSTOMERS if record["type"] in OF_CUSTOMERS else TRANSACTIONS
            batch += self._what_comes_of(topic, record, line)
            for topic, act in self.people.around(record):
                self.kinds["around"] += 1
                batch += self._what_comes_of(topic, act, json.dumps(act).encode())
            if len(batch) >= SENT_AT_ONCE:
                sent += len(batch)
                self._all_there(batch)
                batch = []
                stop.wait(max(0.0, began + sent / a_second - time.monotonic()))
        self._all_there(batch)

    def erase(self, customers: Iterable[str]) -> None:
        """Publish that these customers ask to be erased. Raises KafkaError when the broker stays away."""
        asked = [(one, json.dumps(self.people.erasure(one)).encode()) for one in customers]
        self._all_there([(CUSTOMERS, None, one.encode(), line) for one, line in asked])

    # ------------------------------------------------------------------------------------------ what is sent

    def _what_comes_of(self, topic: str, record: dict[str, Any], line: bytes) -> Iterator[Sending]:
        self._count += 1
        due = [sending for at, sending in self._later if at <= self._count]
        self._later = [(at, sending) for at, sending in self._later if at > self._count]
        yield from due
        plain: Sending = (topic, None, record["customer_id"].encode(), line)
        chance = self._chance.random()
        # An account's opening stays in its place: without it nothing of the customer would be taken.
        if chance < LATE_SHARE and record["type"] != "account_opened":
            self._come_later(plain, "late")
            return
        yield plain
        self.kinds["plain"] += 1
        if chance > 1 - AGAIN_SHARE:
            self._come_later(plain, "again")
        if self._chance.random() < BROKEN_SHARE:
            self.kinds["broken"] += 1
            yield self._broken(record, line)

    def _come_later(self, sending: Sending, kind: str) -> None:
        self.kinds[kind] += 1
        self._later.append((self._count + self._chance.randint(1, MOST_LATE), sending))

    def _broken(self, record: dict[str, Any], line: bytes) -> Sending:
        """A record that must be refused, in one of the ways that there are."""
        key = record["customer_id"].encode()
        new = {**record, "event_id": f"broken-{self._count}"}

        def with_(**changes: Any) -> bytes:
            return json.dumps(new | changes).encode()

        chance = self._chance
        return chance.choice([
            (TRANSACTIONS, None, key, line[: len(line) // 2]),
            (TRANSACTIONS, None, key, b""),
            (TRANSACTIONS, None, key, None),
            (TRANSACTIONS, None, key, b"\x00\xff\xfe"),
            (TRANSACTIONS, None, key, with_(type="money_found")),
            (TRANSACTIONS, None, key, with_(colour="red")),
            (TRANSACTIONS, None, key, with_(value_date="2025-02-30")),
            (TRANSACTIONS, None, b"C999999", with_()),
            (TRANSACTIONS, chance.randrange(self._partitions), None, with_()),
            (INTERACTIONS, None, key, with_()),
            (INTERACTIONS, None, key, with_(type="branch_visit", branch="B1")),
            (TRANSACTIONS, None, key, with_(account_id="no-such-account", type="withdrawal", amount=100)),
            (TRANSACTIONS, None, key, line.replace(b'"amount":', b'"amount":1', 1)),
        ])  # fmt: skip

    # ------------------------------------------------------------------------------------------ how it is sent

    def _all_there(self, batch: list[Sending]) -> None:
        """Send until all of it is acknowledged; from the first on that no word came about, all is sent again."""
        until = time.monotonic() + PATIENCE_S
        left = batch
        while left:
            try:
                self._producer = self._producer or self._connected()
                told = [self._producer.send(topic, value, key, partition=p) for topic, p, key, value in left]
                self._producer.flush(FLUSH_S)
                for sending, future in zip(left, told, strict=True):
                    there = future.get(timeout=FLUSH_S)
                    place = (there.topic, there.partition)
                    self.acknowledged.setdefault(place, {})[there.offset] = sending[3]
                return
            except KafkaError:
                self.close()
                if time.monotonic() > until:
                    raise
                self.kinds["sent twice"] += len(left)
                time.sleep(0.5)

    def _connected(self) -> KafkaProducer:
        """A client without idempotence, which would hide what is to be seen here: a core that sends twice."""
        return KafkaProducer(
            bootstrap_servers=self._kafka, acks="all", enable_idempotence=False, retries=0, linger_ms=2,
            max_in_flight_requests_per_connection=1, request_timeout_ms=5_000, delivery_timeout_ms=6_000,
            max_block_ms=5_000, bootstrap_timeout_ms=5_000,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the broker."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):  # the broker may be gone
                producer.close(timeout=0)

    def check(self, messages: Mapping[Place, list[Message]]) -> None:
        """What the broker said that it has is there. Raises Wrong."""
        for place, acknowledged in self.acknowledged.items():
            there = {message.offset: message.value for message in messages[place]}
            found = {offset: there.get(offset, b"nothing") for offset in acknowledged}
            expect(f"acknowledged in {place}", found, acknowledged)
