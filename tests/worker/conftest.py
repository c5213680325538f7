"""Worlds that are deleted when the test ends."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.worker.world import World

Worlds = Callable[..., World]


@pytest.fixture
def worlds(kafka_address: str, postgres_url: str, tmp_path: Path) -> Iterator[Worlds]:
    made: list[World] = []

    def make(**more: object) -> World:
        made.append(World(kafka_address, postgres_url, tmp_path, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for world in made:
        world.close()


@pytest.fixture
def world(worlds: Worlds) -> World:
    return worlds()
