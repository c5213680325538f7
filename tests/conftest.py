"""What tests in any folder may ask for."""

import pytest

from tests import cluster
from tests.cluster import kafka_address, postgres_url

__all__ = ["kafka_address", "postgres_url"]


def pytest_configure(config: pytest.Config) -> None:
    cluster.begin()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        cluster.finish()
