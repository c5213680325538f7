"""What is asked of the owners of a log's shards, in a table beside the journals: an owner takes its shard's commands in order.

A command's number counts from 1 in its shard, without gaps, in the order in which commands are seen: who reads behind a
number passes over none. It is never changed or deleted. The owner takes it as an input of the shard, so that what comes
of it and how far commands were taken are in one block: each is done exactly once.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from infra.postgres_session import Session
from infra.postgres_tables import command_channel
from processors.commands import commands_input

__all__ = ["Command", "PostgresCommands", "commands_input"]


class Command(msgspec.Struct, frozen=True):
    """One command. shard, number: which; body: what is asked; made_at: when it was put, by the server's clock."""

    shard: int
    number: int
    body: dict[str, Any]
    made_at: datetime


class PostgresCommands:
    """The commands of a log. session: to its database, may be shared, not closed here. Raises LogUnusable."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names = {
            "command": Identifier(session.schema, "command"),
            "put": Identifier(session.schema, "put_command"),
            "channel": Identifier(command_channel(session.schema)),
        }

    def put(self, shard_number: int, body: Mapping[str, Any]) -> int:
        """Ask something of the owner of a shard -> the command's number; durable when this returns.

        After LogUnusable it may be there or not.
        """
        with self._session.get_connection() as connection:
            row = connection.execute(
                SQL("SELECT {put}(%s::smallint, %s) AS number").format(**self._names), (shard_number, Jsonb(dict(body)))
            ).fetchone()
        assert row is not None
        return int(row["number"])

    def read(self, shard_number: int, after: int, limit: int = 1_000) -> list[Command]:
        """Commands of a shard behind number `after`, in order, so many at most."""
        return list(self._read({shard_number: after}, limit))

    def read_all(self, after: Mapping[int, int], limit: int = 1_000) -> list[Command]:
        """Commands of several shards, each behind its number, by shard and number, so many at most; one question."""
        return list(self._read(after, limit))

    def _read(self, after: Mapping[int, int], limit: int) -> Iterator[Command]:
        with self._session.get_connection() as connection:
            rows = connection.execute(
                SQL(
                    "SELECT shard, number, body, made_at FROM unnest(%s::smallint[], %s::bigint[]) AS behind (of, taken) "
                    "JOIN {command} ON shard = of AND number > taken ORDER BY shard, number LIMIT %s"
                ).format(**self._names),
                (list(after), list(after.values()), limit),
                prepare=True,
            ).fetchall()
        for row in rows:
            yield Command(row["shard"], row["number"], row["body"], row["made_at"])

    def listen(self) -> None:
        """Let this connection be told of commands: they are among its notifications, the shard's number in them."""
        with self._session.get_connection() as connection:
            connection.execute(SQL("LISTEN {channel}").format(**self._names))
