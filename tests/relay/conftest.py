"""Worlds that are deleted when the test ends."""

from collections.abc import Callable, Iterator

import pytest

from processors.handover import Handover
from tests.relay.world import World

Worlds = Callable[..., World]


@pytest.fixture
def worlds(postgres_url: str) -> Iterator[Worlds]:
    made: list[World] = []

    def make(*, shards: int = 1, handover: Handover | None = None) -> World:
        made.append(World(postgres_url, shards=shards, handover=handover))
        return made[-1]

    yield make
    for world in made:
        world.close()
