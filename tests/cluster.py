"""A Kafka broker and a PostgreSQL server for the tests of what talks to them.

From the environment (GUANXI_TEST_KAFKA, GUANXI_TEST_POSTGRES) if they are there; else those of infra/docker-compose.yml
if they run; else a local cluster, one for all processes of a run, ended with it. Nothing is skipped.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from infra.cluster import processes
from infra.cluster.together import LocalCluster
from tests.patience import PATIENCE_S

KAFKA: Final = "GUANXI_TEST_KAFKA"
POSTGRES: Final = "GUANXI_TEST_POSTGRES"
FOLDER: Final = "GUANXI_TEST_CLUSTER"
"""Where the run's own cluster is: said by the process that began the run to those that it starts."""

COMPOSE: Final = Path(__file__).parents[1] / "infra" / "docker-compose.yml"
COMPOSE_ADDRESSES: Final = {"kafka": "127.0.0.1:9092", "postgres": "postgresql://guanxi:guanxi@127.0.0.1:5432/guanxi"}
_PREFIX: Final = "guanxi-cluster-"


def begin() -> None:
    """Name the folder of the run's cluster; nothing is started before a test asks."""
    os.environ.setdefault(FOLDER, f"{Path(tempfile.gettempdir()) / _PREFIX}{os.getpid()}")


def finish() -> None:
    """End the run's cluster, if this process began the run, and those of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        began_by = folder.name.removeprefix(_PREFIX)
        if began_by == str(os.getpid()) or not _lives(began_by):
            LocalCluster(folder).down()
            for pid_file in folder.rglob("pid"):  # of those that tests had for themselves
                if (running := processes.recorded(pid_file)) is not None:
                    processes.end(running, signal.SIGINT)
            shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        pass
    return True


def found(service: str, variable: str) -> str:
    """The address of a service, from the first place that has one."""
    if said := os.environ.get(variable):
        return said
    if service in running_in_docker():
        return COMPOSE_ADDRESSES[service]
    addresses = LocalCluster(Path(os.environ[FOLDER])).up()
    if service == "kafka":
        return addresses.kafka
    _hurry(addresses.postgres)
    return addresses.postgres


def _hurry(postgres: str) -> None:
    """Have a server that is thrown away not wait for the disk: what a killed process wrote is there all the same.

    Tests of the torture, which kill servers, have their own, as users have it.
    """
    with psycopg.connect(postgres, autocommit=True, connect_timeout=PATIENCE_S) as connection:
        for setting in ("fsync", "full_page_writes"):
            connection.execute(SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting)))
        connection.execute("SELECT pg_reload_conf()")


def running_in_docker() -> set[str]:
    """The services of infra/docker-compose.yml that run and are healthy."""
    docker = shutil.which("docker")
    if docker is None:
        return set()
    asked = [docker, "compose", "-f", str(COMPOSE), "ps", "--format", "json"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return set()
    services = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return {service["Service"] for service in services if service["Health"] == "healthy"}


@pytest.fixture(scope="session")
def kafka_address() -> str:
    """Where the tests' broker is: `host:port`."""
    return found("kafka", KAFKA)


@pytest.fixture(scope="session")
def postgres_url() -> str:
    """Where the tests' PostgreSQL is: a URL with a user who may make schemas."""
    return found("postgres", POSTGRES)
