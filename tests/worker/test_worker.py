"""Workers on a real broker and a real database: what they take is what the embedded edition takes, whatever happens."""

import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from events.catalog import CALENDAR
from guanxi.bootstrap import open_bank
from guanxi.settings import Settings
from guanxi.shards import Shards
from guanxi.simulator.stream import POLICY_FILE, records
from guanxi.worker import TOPICS
from infra.postgres_commands import PostgresCommands
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from infra.postgres_views import PostgresViews
from infra.sqlite_log import SqliteEventLog
from processors.commands import body_of
from processors.gate import CALENDAR_HEADER
from processors.intake import Origin
from processors.partition import partition_of
from processors.position_reset import PositionResetAsked
from tests.postgres_server import own_server
from tests.worker.conftest import Worlds
from tests.worker.world import Held, World, hold


@pytest.fixture(scope="module")
def bank() -> list[bytes]:
    """Some weeks of a bank of fifty customers, with the end of its first month in them."""
    return list(records(50, 33, 7))


@pytest.fixture(scope="module")
def embedded(bank: Sequence[bytes], tmp_path_factory: pytest.TempPathFactory) -> Held:
    """What the embedded edition makes of them."""
    file = tmp_path_factory.mktemp("embedded") / "bank.db"
    with open_bank(Settings(log=f"sqlite:///{file}", policy=POLICY_FILE), write=True) as opened:
        opened.ingest_lines("bank", bank)
    log = SqliteEventLog(str(file))
    found = Held({}, {}, {}, set(), [])
    hold(found, (block.body for block in log.blocks()))
    log.close()
    assert found.changes
    return found


def same(found: Held, wanted: Held) -> None:
    """Compare all but the order between topics, which is nobody's."""
    assert {who: sorted(ids) for who, ids in found.facts.items()} == {
        who: sorted(ids) for who, ids in wanted.facts.items()
    }
    assert found.balances == wanted.balances
    assert found.changes == wanted.changes
    assert found.closed == wanted.closed
    assert len(found.refused) == len(wanted.refused)


def test_a_worker_takes_what_the_embedded_edition_takes(worlds: Worlds, bank: list[bytes], embedded: Held) -> None:
    world = worlds(policy=POLICY_FILE)
    worker = world.worker()
    world.publish(bank)
    world.until()
    assert worker.stop() == 0
    same(world.held(), embedded)
    assert world.positions() == world.ends()
    assert "Traceback" not in worker.said


def test_one_of_two_is_killed_and_the_other_goes_on(worlds: Worlds, bank: list[bytes], embedded: Held) -> None:
    world = worlds(policy=POLICY_FILE)
    workers = [world.worker(), world.worker()]
    world.publish(bank[: len(bank) // 2])
    world.until()
    world.publish(bank[len(bank) // 2 :])
    workers[0].kill()
    world.until()
    assert workers[1].stop() == 0
    assert "shards: 0, 1" in workers[1].said
    same(world.held(), embedded)


def test_it_goes_on_where_it_ended(worlds: Worlds, bank: list[bytes], embedded: Held) -> None:
    world = worlds(policy=POLICY_FILE)
    for part in (bank[:400], bank[400:]):
        worker = world.worker()
        world.publish(part)
        world.until()
        assert worker.stop() == 0
    same(world.held(), embedded)


def test_the_database_goes_away_and_comes_back(
    kafka_address: str, tmp_path: Path, bank: list[bytes], embedded: Held
) -> None:
    with own_server() as server:
        world = World(kafka_address, server.url(), tmp_path, policy=POLICY_FILE)
        try:
            worker = world.worker()
            world.publish(bank[:400])
            world.until()
            server.stop(how=signal.SIGQUIT)
            world.publish(bank[400:])
            worker.wait_for("trying again")
            server.start()
            world.until()
            assert worker.stop() == 0
            same(world.held(), embedded)
        finally:
            world.close()


def test_views_come_to_the_end_of_the_log_after_a_start_although_nothing_is_published(world: World) -> None:
    """As where a worker died, or lost the database, between the log and the views."""
    world.publish([opened(f"C{n}", 1) for n in range(9)])
    worker = world.worker()
    world.until()
    assert worker.stop() == 0
    with closing(Session(address_of(world.url))) as session:
        for number in range(world.partitions):
            PostgresViews(session, number).forget()
        again = world.worker()
        again.wait_for("shards: 0, 1")
        world.until_shown()
        assert again.stop() == 0


def test_views_are_written_when_no_more_may_be_held_in_memory_whatever_that_takes(world: World) -> None:
    worker = world.worker(lines_held=0)
    world.publish([opened(f"C{n}", 1) for n in range(9)])
    world.until()
    world.until_shown()
    assert worker.stop() == 0


def test_another_writer_takes_the_shard_meanwhile(world: World) -> None:
    worker = world.worker()
    world.publish([opened("C1", 1)])
    world.until()
    with Shards(Settings(log=world.url), data=world.folder / "another", environ=worker.key) as another:
        for number in range(world.partitions):
            keeper = another.open(number)
            line = opened(f"N{number}", 1)
            keeper.intake.take(Origin(("file:a", number), file="a"), 0, line + b"\n")
    world.publish([opened(f"C{n}", 2) for n in range(9)])
    world.until()
    assert worker.stop() == 0
    assert "was written by another process" in worker.said
    assert world.held().facts.keys() == {"N0", "N1", *(f"C{n}" for n in range(9))}


def test_topics_and_log_that_do_not_fit_stop_it(worlds: Worlds) -> None:
    world = worlds(partitions=2, topics={TOPICS[2]: 3})
    create_log(world.url, shards=2)
    worker = world.worker()
    assert worker.ended() == 2
    assert "bank.customers.v1 has 3, the log" in worker.said
    assert "has 2 shards" in worker.said
    assert "make the topics with as many partitions" in worker.said


def test_what_does_not_belong_is_refused_and_the_rest_goes_on(world: World) -> None:
    right = partition_of("C1", 2)
    grant = (
        b'{"type":"special_vip_granted","event_id":"g","source":"crm","schema_version":1,"customer_id":"C1",'
        b'"occurred_at":"2026-01-05T10:00:00+08:00","value_date":"2026-01-05","level":"gold","reason":"r","granted_by":"M"}'
    )
    money, customers = TOPICS[0], TOPICS[2]
    world.send(money, opened("C1", 1), b"C2", right)
    world.send(money, opened("C1", 1), None, right)
    world.send(money, opened("C1", 1), b"C1", 1 - right)
    world.send(money, None, b"C1")
    world.send(money, opened("C1", 1)[:-1] + b"\n}", b"C1")
    world.send(money, grant, b"C1")
    world.send(customers, b"{", b"C1")
    world.send(money, b'{"type":"business_day_closed"}', None, right, [(CALENDAR_HEADER, b"7")])
    world.send(money, opened("C1", 1), b"C1")
    worker = world.worker()
    world.flush()
    world.until()
    assert worker.stop() == 0
    held = world.held()
    reasons = Counter((each.reason, each.topic) for each in held.refused)
    assert reasons == {
        ("key_mismatch", money): 3, ("not_json", money): 2, ("unknown_type", money): 1, ("not_json", customers): 1,
        ("missing_field", CALENDAR): 1,
    }  # fmt: skip
    assert held.facts == {"C1": [f"{money} core A1"]}
    assert world.positions() == {source: end for source, end in world.ends().items() if end}


def opened(customer_id: str, number: int) -> bytes:
    """An account, as its own bytes each time."""
    return (
        b'{"type":"account_opened","event_id":"A%d","source":"core","schema_version":1,"customer_id":"%s",'
        b'"occurred_at":"2026-01-05T10:00:00+08:00","account_id":"A%d","category":"deposit","currency":"CNY",'
        b'"value_date":"2026-01-05"}' % (number, customer_id.encode(), number)
    )


def test_a_topic_made_anew_is_held_until_a_person_says_where_to_read_on(world: World) -> None:
    world.publish([opened(f"C{n}", 1) for n in range(20)])
    worker = world.worker()
    world.until()
    assert worker.stop() == 0
    world.delete_topics([TOPICS[0]])
    world.make_topics({TOPICS[0]: world.partitions})
    world.publish([opened(f"C{n}", n) for n in range(1, 30)])
    worker = world.worker()
    for number in range(world.partitions):
        worker.wait_for(f"{TOPICS[0]} {number}: not the topic that was read")
    assert world.held().facts.keys() == {f"C{n}" for n in range(20)}
    with closing(Session(address_of(world.url))) as session:
        for number in range(world.partitions):
            asked = PositionResetAsked(TOPICS[0], number, 0, "", "the topic was made anew", "tests")
            PostgresCommands(session).put(number, body_of(asked))
    world.until_held(f"C{n}" for n in range(30))
    assert worker.stop() == 0
    assert world.held().facts["C1"] == [f"{TOPICS[0]} core A1"]
    assert {source: at for source, at in world.positions().items() if source[0] == TOPICS[0]} == {
        source: at for source, at in world.ends().items() if source[0] == TOPICS[0]
    }
