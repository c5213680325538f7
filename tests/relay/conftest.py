"""Worlds that are deleted when the test ends."""

from collections.abc import Callable, Iterator

import pytest

from tests.relay.world import World

Worlds = Callable[..., World]


@pytest.fixture
def worlds(postgres_url: str) -> Iterator[Worlds]:
    made: list[World] = []

    def make(*, shards: int = 1) -> World:
        made.append(World(postgres_url, shards=shards))
        return made[-1]

    yield make
    for world in made:
        world.close()
