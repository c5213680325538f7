"""Logs on PostgreSQL, and what tells and reads their views."""

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from infra.postgres_answers import PostgresAnswers
from infra.postgres_rebuild import RebuiltViews
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from infra.postgres_views import PostgresViews
from tests.postgres_server import Server
from tests.projections.world import World


class PostgresBank:
    """A schema with views; each `open` and `answers` has a connection of its own. Closed when the test ends."""

    def __init__(self, postgres: Server, shards: int, stack: ExitStack) -> None:
        self.schema = f"log_{uuid.uuid4().hex[:12]}"
        self.postgres, self.shards, self._stack = postgres, shards, stack
        self.url = postgres.url(schema=self.schema)
        create_log(self.url, shards=shards)

    def session(self, *, read_only: bool = False) -> Session:
        found = Session(address_of(self.url), read_only=read_only)
        self._stack.callback(found.close)
        return found

    def open(self, shard_number: int = 0, **how: Any) -> PostgresViews:
        return PostgresViews(self.session(), shard_number, **how)

    def beside(self, shard_number: int = 0) -> RebuiltViews:
        return RebuiltViews(self.session(), shard_number)

    def answers(self, **how: Any) -> PostgresAnswers:
        found = PostgresAnswers(self.session(read_only=True), **how)
        self._stack.callback(found.close)
        return found

    def run(self, statement: str) -> list[tuple[object, ...]]:
        """A statement of the owner; TABLE names with `{}.` before them."""
        return self.postgres.run(statement.replace("{}", self.schema))


def alive(bank: PostgresBank, folder: Path, number: int = 0) -> World:
    """A shard whose log knows its name and brought its policy, as a rebuild finds it."""
    world = World(folder, views=bank.open(number))
    world.shard_id = world.log.shard.hex()
    world.begin()
    return world
