"""From Kafka to the committed log and its projections, beside a program on Kafka Streams in alternating runs.

The rival is given by the environment: `BENCH_STREAMS` names the folder of a built program (`target/*.jar`, `target/lib`)
whose main class, `BENCH_STREAMS_MAIN`, takes key=value arguments (see ``rival_command``) and says on its output when it
begins (`MARK first`) and when all of its input is committed (`MARK done {"seconds": …}`). Without it only ours is measured.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import streaming
from benchmarks.measure import Figures, middle
from benchmarks.report import Row, rate, times
from benchmarks.stage import Stage
from benchmarks.streaming import Cluster, Costs, Published, Workers, per_event

AIM = "0.7 · 1.3 × rival"
_RIVAL_TOPIC = "bench.money"
_POLL_S = 0.1


def missing() -> str:
    """What is not installed without which nothing here can be measured; empty if all is there."""
    return " ".join(name for name in streaming.MISSING if importlib.util.find_spec(name) is None)


def run(stage: Stage) -> Iterator[Row]:
    """One worker, two workers and the rival in turns on the same records."""
    if missing():
        yield Row("stream", "not measured", {}, "needs the libraries of `make dev`")
        return
    rival = rival_folder()
    found: dict[str, list[Figures]] = {}
    with streaming.cluster(stage.folder() / "cluster") as cluster:
        streaming.make_topic(cluster.kafka, _RIVAL_TOPIC, cluster.partitions)
        published = streaming.publish(stage.source(), cluster.kafka, money_alone=_RIVAL_TOPIC if rival else "")
        for number in range(stage.options.runs):
            for workers in (1, 2):
                folder = stage.folder()
                figures = ours(cluster, folder, workers, published)
                found.setdefault(f"stream, {workers} worker{'s' * (workers > 1)}", []).append(figures)
                stage.drop(folder)
            if rival:
                folder = stage.folder()
                found.setdefault("rival, 2 threads", []).append(theirs(cluster, rival, folder, published.money, number))
                stage.drop(folder)
    for name, runs in found.items():
        stage.runs[name] = runs
    yield from _rows({name: middle(runs) for name, runs in found.items()})


def _rows(figures: dict[str, Figures]) -> Iterator[Row]:
    theirs = figures.get("rival, 2 threads")
    for name, each in figures.items():
        beside, aim = per_event(each, each["records"]), ""
        if theirs and each is not theirs:
            ratio = each["money"] / each["wall_s"] / (theirs["money"] / theirs["wall_s"])
            beside, aim = f"money records alone: {times(ratio, 1)} the rival's rate; {beside}", AIM
        yield Row(name, rate(each["records"], each["wall_s"]), each, beside, aim)


def ours(cluster: Cluster, folder: Path, workers: int, published: Published) -> Figures:
    """Workers on a new log: from when all shards take until everything is committed."""
    total = published.records + published.closes * cluster.partitions * len(streaming.TOPICS)
    with Workers(cluster, folder, workers) as running:
        running.wait_until_taking()
        costs = Costs(cluster, running)
        while running.taken() < total:
            time.sleep(_POLL_S)
        return costs.figures(records=published.records, money=published.money)


# ---------------------------------------------------------------------------------------------- the rival


def rival_folder() -> Path | None:
    """Where the built rival is, if Java is there too."""
    folder = os.environ.get("BENCH_STREAMS")
    if not folder or shutil.which("java") is None or not any(Path(folder, "target").glob("*.jar")):
        return None
    return Path(folder)


def theirs(cluster: Cluster, rival: Path, folder: Path, money: int, number: int) -> Figures:
    """The rival from the beginning of its topic until its offsets are committed; its own time counts."""
    app = f"bench-{number}-{os.urandom(3).hex()}"
    streaming.make_topic(cluster.kafka, f"{app}-out", cluster.partitions)
    process = subprocess.Popen(
        rival_command(rival, cluster.kafka, app, folder, n=money), stdout=subprocess.PIPE, text=True
    )
    costs, found = Costs(cluster, process.pid), {}
    assert process.stdout is not None  # it was asked for
    for line in process.stdout:
        if line.startswith("MARK first"):
            costs = Costs(cluster, process.pid)
        elif line.startswith("MARK done"):
            said = json.loads(line.removeprefix("MARK done"))
            found = costs.figures(records=money, money=money) | {"wall_s": said["seconds"]}
    if process.wait() or not found:
        raise RuntimeError(f"the rival ended with code {process.returncode}")
    return found


def rival_command(rival: Path, address: str, app: str, folder: Path, **other: object) -> list[str]:
    """How the rival is started. other: what it is told otherwise, or besides."""
    target = rival / "target"
    classpath = ":".join([*map(str, target.glob("*.jar")), f"{target}/lib/*"])
    main = os.environ.get("BENCH_STREAMS_MAIN", "bench.TierJob")
    asked = {
        "app": app, "bootstrap": address, "input": _RIVAL_TOPIC, "output": f"{app}-out", "state_dir": folder,
        "threads": 2, "guarantee": "exactly_once_v2", "commit": 100, "cache_mb": 64, "linger": 100, "parser": "scan",
        "store": "rocksdb", **other,
    }  # fmt: skip
    java = ["java", "-Xms2g", "-Xmx2g", "-XX:+UseParallelGC", "-cp", classpath, main]
    return [*java, *(f"{name}={value}" for name, value in asked.items())]
