"""Millions of records wait in Kafka: whether one worker goes on at the same rate, in the same memory, to the end."""

from __future__ import annotations

import time
from collections.abc import Iterator

import msgspec

from benchmarks import streaming
from benchmarks.measure import Figures
from benchmarks.policies import policy_file
from benchmarks.report import Row, rate
from benchmarks.stage import Stage
from benchmarks.stream import missing
from benchmarks.streaming import Cluster, Costs, Workers, per_event

RECORDS, QUICK_RECORDS = 10_000_000, 1_000_000
RECORDS_A_DAY = 16_000
"""So few a day, that the input is longer than the year that may be restated: until that is full, what is remembered grows."""
SLICE_S = 10
_POLL_S = 0.5


def run(stage: Stage) -> Iterator[Row]:
    """A line every ten seconds: rate, CPU of a record, memory; then how the thirds compare."""
    if missing():
        yield Row("catch_up", "not measured", {}, "needs the libraries of `make dev`")
        return
    records = stage.options.records or (QUICK_RECORDS if stage.options.quick else RECORDS)
    folder = stage.folder()
    source = stage.source(msgspec.structs.replace(stage.shape, records=records, days=-(-records // RECORDS_A_DAY)))
    with streaming.cluster(stage.folder() / "cluster") as cluster:
        published = streaming.publish(source, cluster.kafka)
        total = published.records + published.closes * cluster.partitions * len(streaming.TOPICS)
        with Workers(cluster, folder, 1, "--policy", policy_file(folder, rules=stage.options.rules)) as running:
            running.wait_until_taking()
            costs = Costs(cluster, running)
            slices = list(_slices(cluster, running, total))
            figures = costs.figures(records=published.records, slices=slices)
    stage.runs["catch_up"] = [figures]
    thirds = ", ".join(f"{each:.1f}" for each in _thirds(slices))
    beside = f"µs CPU a record in each third of the time: {thirds}; {per_event(figures, figures['records'])}"
    yield Row(f"catch_up of {figures['records']:,}", rate(figures["records"], figures["wall_s"]), figures, beside)


def _thirds(slices: list[Figures]) -> Iterator[float]:
    """Microseconds of CPU a record in the first, the second and the last third of the slices."""
    for third in range(3):
        part = slices[len(slices) * third // 3 : max(len(slices) * (third + 1) // 3, 1)]
        taken = sum(each["records"] for each in part)
        yield sum(each["µs"] * each["records"] for each in part) / max(taken, 1)


def _slices(cluster: Cluster, running: Workers, total: int) -> Iterator[Figures]:
    """What every ten seconds brought, until everything is taken."""
    del cluster
    print("         taken        rate   µs CPU a record   MB")
    taken, began, cpu = running.taken(), time.perf_counter(), running.cpu_s()
    while taken < total:
        time.sleep(_POLL_S)
        now, reached = time.perf_counter(), running.taken()
        if reached == taken or (now - began < SLICE_S and reached < total):
            continue
        spent = running.cpu_s() - cpu
        each = {
            "taken": reached,
            "records": reached - taken,
            "rate": (reached - taken) / (now - began),
            "µs": spent / (reached - taken) * 1e6,
        }
        each["bytes"] = sum(streaming.resident_bytes(process.pid) for process in running.processes)
        print(f"{reached:>14,} {each['rate']:>9,.0f}/s {each['µs']:>17.1f} {each['bytes'] / 1e6:>4,.0f}", flush=True)
        yield each
        taken, began, cpu = reached, now, cpu + spent
