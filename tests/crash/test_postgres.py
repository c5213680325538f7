"""Processes that write a log on PostgreSQL, race, die and lose their server: nothing acknowledged is lost, nothing half."""

import os
import random
import signal
import time
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from processors.ports import LogUnusable, LostShard
from tests.conformance.event_log import FILE, draft
from tests.crash.runs import KILLED, ended, started
from tests.patience import PATIENCE_S
from tests.postgres_server import OwnServer, own_server

RACED = 100
DEATHS = 12


@pytest.fixture(scope="module")
def server() -> Iterator[OwnServer]:
    """A server of this module's own: it is stopped and started."""
    with own_server() as found:
        yield found


@pytest.fixture
def url(server: OwnServer) -> str:
    made = server.url(schema=f"log_{uuid.uuid4().hex[:12]}")
    create_log(made)
    return made


class Told:
    """What a process tells of its appends in a file, line by line, before it goes on."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def say(self, word: str, number: int, body: bytes) -> None:
        with self.path.open("ab", buffering=0) as file:
            file.write(b"%s %d %s\n" % (word.encode(), number, body))

    def lines(self, word: str) -> dict[int, bytes]:
        if not self.path.exists():
            return {}
        lines = [line.split() for line in self.path.read_bytes().splitlines()]
        return {int(number): body for said, number, body in lines if said == word.encode()}

    def wait_for(self, more: int, word: str = "there", since: int | None = None) -> None:
        """Until it told so much more: of blocks acknowledged, unless another word is given."""
        wanted, ends = (len(self.lines(word)) if since is None else since) + more, time.monotonic() + PATIENCE_S
        while len(self.lines(word)) < wanted:
            assert time.monotonic() < ends, "the writer gets nowhere"
            time.sleep(0.001)


def stored(url: str) -> dict[int, bytes]:
    """Every block by its number; they are whole and follow one another, and so do their positions."""
    log = PostgresEventLog(url)
    try:
        found = list(log.blocks())
        assert [block.number for block in found] == list(range(1, len(found) + 1))
        log.refresh()  # it may be written meanwhile
        assert log.head().block == log.head().inputs.get(FILE, 0) >= len(found)
        return {block.number: block.body for block in found}
    finally:
        log.close()


def write(url: str, told: Told, until: int, name: bytes) -> None:
    """Append blocks that say who wrote them until the log has so many; whatever fails, look again and go on."""
    log, parent = None, os.getppid()
    while os.getppid() == parent:  # not beyond a test that was killed
        try:
            if log is None:
                log = PostgresEventLog(url, write=True)
            log.refresh()
            if log.head().block >= until:
                return
            while (at := log.head().block) < until:
                body = b"%s:%d" % (name, at + 1)
                log.append(draft(("C1", body), inputs={FILE: (at, at + 1)}))
                told.say("there", at + 1, body)
        except LostShard:
            told.say("lost", at + 1, body)
        except LogUnusable:
            time.sleep(0.02)


def test_of_two_that_race_for_a_shard_one_wins_each_block(url: str, tmp_path: Path) -> None:
    told = [Told(tmp_path / name) for name in ("a", "b")]

    def race(own: Told) -> None:
        own.say("ready", 0, b"-")
        for each in told:
            each.wait_for(1, "ready", since=0)
        write(url, own, RACED, own.path.name.encode())

    racers = [started(partial(race, each)) for each in told]
    assert [ended(racer) for racer in racers] == [0, 0]
    won = [each.lines("there") for each in told]
    assert not won[0].keys() & won[1].keys()
    assert won[0] | won[1] == stored(url)
    assert len(stored(url)) == RACED
    for own, other in ((0, 1), (1, 0)):
        assert told[own].lines("lost").keys() <= won[other].keys()
    assert told[0].lines("lost") or told[1].lines("lost")


def test_a_writer_killed_at_any_moment_loses_nothing_and_leaves_nothing_half(url: str, tmp_path: Path) -> None:
    chance = random.Random(20260105)
    told = Told(tmp_path / "told")
    for death in range(DEATHS):
        writer = started(partial(write, url, told, 10**9, b"w%d" % death))
        told.wait_for(2)
        time.sleep(chance.random() * 0.01)
        os.kill(writer, signal.SIGKILL)
        assert ended(writer) == KILLED
        acknowledged, found = told.lines("there"), stored(url)
        assert acknowledged.items() <= found.items()
        assert max(acknowledged) <= len(found) <= max(acknowledged) + 1  # the last may be there without a word
    assert len(told.lines("there")) >= 2 * DEATHS


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL])
def test_a_server_that_restarts_in_the_middle_loses_nothing(
    server: OwnServer, url: str, tmp_path: Path, how: signal.Signals
) -> None:
    told = Told(tmp_path / "told")
    writer = started(lambda: write(url, told, 10**9, b"w"))
    try:
        for _ in range(2):
            told.wait_for(20)
            server.stop(how)
            at_stop = told.lines("there")
            server.start()
            assert at_stop.items() <= stored(url).items()
        told.wait_for(5)
    finally:
        os.kill(writer, signal.SIGKILL)
        assert ended(writer) == KILLED
    assert told.lines("there").items() <= stored(url).items()
