"""The page for subscribers: the headers it names are those of the messages, and its example does what it says."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.catalog import REJECTED, RETENTION_TRIGGERS, TIER_CHANGES
from guanxi.relay import Relay
from infra.cluster.topics import TOPICS
from tests.projections.steps import moved
from tests.relay.world import World, subscribed
from tools.checks.docs import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "subscriber.md").read_text("utf-8")
WRITTEN = (TIER_CHANGES, RETENTION_TRIGGERS, REJECTED)
(EXAMPLE,) = ("\n".join(block.lines) for block in blocks(PAGE) if block.language == "python")


@pytest.fixture
def published(postgres_url: str, kafka_address: str) -> Iterator[World]:
    """A log with changes and a refusal, all published."""
    world = World(postgres_url)
    world.customers("C1")
    world.refuse(1)
    world.step(moved("C1", 1))
    list(world.months("C1", count=2))

    async def publish() -> None:
        relay = Relay(world.url, kafka_address, once=True)
        await relay.start()
        await relay.ended()

    asyncio.run(publish())
    yield world
    world.close()


def test_the_headers_are_those_of_the_messages(published: World, kafka_address: str) -> None:
    named = set(re.findall(r"`(ce_\w+|content-type)`", PAGE.partition("| header |")[2].partition("\n\n")[0]))
    for topic in WRITTEN:
        ((headers, _, _), *_) = subscribed(kafka_address, published.name, topic)
        assert headers.keys() == named
        assert f"`{headers['ce_type']}`" in PAGE


def test_the_topics_are_those_that_the_relay_writes() -> None:
    assert set(re.findall(r"^\| `(guanxi\.[a-z.0-9-]+)` ", PAGE, re.MULTILINE)) == set(WRITTEN)
    days = {topic.name: int(topic.settings["retention.ms"]) // 86_400_000 for topic in TOPICS if REJECTED in topic.name
            and "retention.ms" in topic.settings}  # fmt: skip
    assert f"| {days[REJECTED]} days |" in PAGE


def test_the_example_reads_each_change_once(published: World, kafka_address: str, tmp_path: Path) -> None:
    source = f"guanxi/{published.name}".encode()
    only = f'for message in changes:\n    if ("ce_source", {source!r}) not in message.headers:\n        continue\n'
    assert "for message in changes:\n" in EXAMPLE
    program = EXAMPLE.replace("for message in changes:\n", only).replace("fee-desk", published.name)

    def run() -> list[str]:
        done = subprocess.run(
            (sys.executable, "-c", program), cwd=tmp_path, env={**os.environ, "GUANXI_KAFKA": kafka_address},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.splitlines()

    first = run()
    assert [line.split()[0] for line in first] == ["C1:1", "C1:2"]
    assert run() == []
