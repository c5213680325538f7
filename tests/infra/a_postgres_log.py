"""A log on PostgreSQL to test with, and what its owner could do to it."""

from collections.abc import Callable

from infra.postgres_log import PostgresEventLog
from tests.postgres_server import Server

OpenUrl = Callable[..., PostgresEventLog]


def bodies(url: str) -> list[bytes]:
    """What a reader finds in all blocks."""
    log = PostgresEventLog(url)
    try:
        return [block.body for block in log.blocks()]
    finally:
        log.close()


def schema_of(url: str) -> str:
    return url.rpartition("schema=")[2].partition("&")[0]


def as_nobody_would(postgres: Server, url: str, *statements: str) -> None:
    """Change stored blocks in a way that the database refuses as long as its rules are there."""
    schema = schema_of(url)
    tables = ("log", "shard", "journal_0")
    postgres.run(
        *(f"ALTER TABLE {schema}.{table} DISABLE TRIGGER ALL" for table in tables),
        *(statement.replace("journal", f"{schema}.journal_0") for statement in statements),
        *(f"ALTER TABLE {schema}.{table} ENABLE ALWAYS TRIGGER no_change" for table in tables),
        f"ALTER TABLE {schema}.journal_0 ENABLE ALWAYS TRIGGER in_order",
    )
