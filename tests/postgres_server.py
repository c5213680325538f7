"""A PostgreSQL server in the hands of a test: the one that all tests share, or one of its own that it may stop, kill and fill.

server = Server(postgres_url)                             tests/cluster.py says whose that is
with own_server() as server: server.stop(signal.SIGQUIT)  always this machine's, made as `guanxi cluster` makes it
"""

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from infra.cluster import processes
from infra.cluster.postgres import Database
from tests import cluster


class Server:
    """A server that runs, and its owner."""

    def __init__(self, base: str) -> None:
        self._base = base

    def url(self, *, schema: str = "", user: str = "", **fields: str) -> str:
        """The URL of a log in a schema, for a role of `new_role` if one is named; fields: what else libpq takes."""
        parts = urlsplit(self._base)
        if user:
            _, colon, password = parts.netloc.rpartition("@")[0].partition(":")
            parts = parts._replace(netloc=f"{user}{colon}{password}@{parts.netloc.rpartition('@')[2]}")
        query = "&".join(
            f"{name}={value}" for name, value in {**({"schema": schema} if schema else {}), **fields}.items()
        )
        return parts._replace(query="&".join(filter(None, (parts.query, query)))).geturl()

    def run(self, *statements: str) -> list[tuple[object, ...]]:
        """Statements as the owner, each committed -> the rows of the last."""
        with psycopg.connect(self._base, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def new_role(self, role: str) -> None:
        """Make a role that may log in, with the owner's password, and owns nothing."""
        password = urlsplit(self._base).password
        self.run(f"CREATE ROLE {role} LOGIN" + (f" PASSWORD '{password}'" if password else ""))


class OwnServer(Server):
    """A server in a folder, on the port it began with."""

    def __init__(self, folder: Path, options: dict[str, str] | None = None) -> None:
        self._database = Database(folder, options)
        self._running = self._database.start(processes.free_port())
        super().__init__(self._database.url(self._running.port))

    @property
    def pid(self) -> int:
        """Of the first of its processes."""
        return self._running.pid

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._running = self._database.start(self._running.port)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it and throw its clients out. how: SIGQUIT and SIGKILL leave it as a crash would."""
        processes.end(self._running, how)


@contextlib.contextmanager
def own_server(options: dict[str, str] | None = None) -> Iterator[OwnServer]:
    """A server while the block lasts. Where it is, the next run of the tests finds and ends it if this one is killed."""
    parent = os.environ.get(cluster.FOLDER)
    if parent is not None:
        Path(parent).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="postgres-", dir=parent))
    server = None
    try:
        server = OwnServer(folder, options)
        yield server
    finally:
        if server is not None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)
