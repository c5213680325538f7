"""A PostgreSQL server and logs in it: each test has a schema of its own."""

import uuid
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import create_log
from tests.conformance.event_log import draft
from tests.infra.a_postgres_bank import PostgresBank
from tests.infra.a_postgres_log import OpenUrl
from tests.postgres_server import Server


@pytest.fixture(scope="session")
def postgres(postgres_url: str) -> Server:
    return Server(postgres_url)


@pytest.fixture
def url(postgres: Server) -> str:
    """A new log of one shard."""
    made = postgres.url(schema=f"log_{uuid.uuid4().hex[:12]}")
    create_log(made)
    return made


@pytest.fixture
def opened() -> Iterator[OpenUrl]:
    """Opens logs that are closed when the test ends."""
    logs: list[PostgresEventLog] = []

    def open_log(url: str, shard_number: int = 0, *, write: bool = False) -> PostgresEventLog:
        logs.append(PostgresEventLog(url, shard_number, write=write))
        return logs[-1]

    yield open_log
    for each in logs:
        each.close()


@pytest.fixture
def log(url: str, opened: OpenUrl) -> PostgresEventLog:
    """A log of three blocks, opened for writing."""
    found = opened(url, write=True)
    for at in range(3):
        found.append(draft(("C1", b"%d" % at)))
    return found


@pytest.fixture
def writer(postgres: Server) -> Iterator[str]:
    """A role that may log in and owns nothing."""
    role = f"writer_{uuid.uuid4().hex[:12]}"
    postgres.new_role(role)
    yield role
    postgres.run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as found:
        yield found


@pytest.fixture
def bank(postgres: Server, stack: ExitStack) -> PostgresBank:
    """A log of one shard."""
    return PostgresBank(postgres, 1, stack)


@pytest.fixture
def both(postgres: Server, stack: ExitStack) -> PostgresBank:
    """A log of two shards."""
    return PostgresBank(postgres, 2, stack)
