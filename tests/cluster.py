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

import pytest

from infra.cluster import processes
from infra.cluster.together import LocalCluster

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
    return addresses.kafka if service == "kafka" else addresses.postgres


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
