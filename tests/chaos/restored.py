"""A copy of the database is put back: the end of the log is lost, and keys of customers erased since lie in the vault again.

The records are on Kafka still. Workers take them in once more, erasures among them, and the keys are gone again. The relay
stops, for the log is not the one that it published; told to, it publishes all of it again, under the ids of before.
"""

import shutil
import subprocess
import threading
from typing import Final

from kafka.errors import KafkaError

from tests.chaos.auditor import Tally, audit
from tests.chaos.erased import nothing_readable
from tests.chaos.players import Player
from tests.chaos.recreated import wait_until_read
from tests.chaos.stream import Stream
from tests.chaos.written import REJECTED, TIER_CHANGES, TRIGGERS, Journal, Line, Place, Topics
from tests.patience import patiently
from tests.simulation.auditor import Wrong, expect

OUTGOING: Final = (TIER_CHANGES, TRIGGERS, REJECTED)
NOTICED: Final = "the log is not the one that was published"
DAYS: Final = 5
ERASED: Final = 3


def restore(stream: Stream) -> Tally:
    """Do it to a stream that is quiet -> what is in the log then. Raises Wrong."""
    data, copy = stream.folder / "cluster" / "postgres" / "data", stream.folder / "copy"
    _at_rest(stream)
    subprocess.run(["cp", "-a", str(data), str(copy)], check=True)  # whose the files are, too
    stream.heal()
    known = {line["customer_id"] for line in _lines(Journal(stream.log).read()) if "customer_id" in line}
    gone = {line["customer_id"] for line in _lines(Journal(stream.log).read()) if line["type"] == "customer_erased"}
    asked = sorted(known - gone)[:ERASED]
    stream.load.publish_days(DAYS, 1_000, threading.Event())
    stream.load.erase(asked)
    before = stream.audit()
    _at_rest(stream)
    shutil.rmtree(data)
    copy.rename(data)
    stream.cluster.up()
    if (left := Journal(stream.log).read().blocks) >= before.blocks:
        raise Wrong(f"nothing was lost by putting a copy back: {left} of {before.blocks} blocks")
    for worker in stream.workers:
        worker.start()
    journal = Journal(stream.log)
    wait_until_read(stream, journal)
    anew = _publish_again(stream)
    topics = patiently(Topics(stream.kafka).read, KafkaError)
    tally = audit(topics, journal.read(), stream.policies, anew=anew)
    for name in ("taken", "refused", "closes", "changes", "erased"):
        expect(f"{name} after a copy was put back", getattr(tally, name), getattr(before, name))
    nothing_readable(stream.log, journal, topics, stream.folder / "data")
    return tally


def _publish_again(stream: Stream) -> dict[Place, int]:
    """Have the relay notice, and then publish everything again -> from which offsets on it did. Raises Wrong."""
    relay = Player("relay-of-restored", stream.folder, "relay", "--log", stream.log, "--kafka", stream.kafka)
    relay.start()
    code = relay.ended()
    if code != 1 or NOTICED not in relay.last_words():
        raise Wrong(f"a relay of a log that was put back ends with {code}\n{relay.last_words()}")
    stands = patiently(Topics(stream.kafka, OUTGOING).read, KafkaError).ends
    relay.words = (*relay.words, "--accept-restored", "--once")
    relay.start()
    if code := relay.ended():
        raise Wrong(f"a relay that is to publish again ends with {code}\n{relay.last_words()}")
    return stands


def _lines(journal: Journal) -> list[Line]:
    return [line for blocks in journal.shards for block in blocks for line in block.lines]


def _at_rest(stream: Stream) -> None:
    """Everything ended in order."""
    for player in (*stream.workers, stream.relay):
        player.stop()
    stream.cluster.down()
