"""From Kafka to the committed log and its projections, beside a program on Kafka Streams in alternating runs.

Without rules of triggers first: tiers and a record taken once, as the rival has it. Then with all of them. Then both the way
from Kafka to Kafka with `--relay`, and the same way where a record may count twice (``benchmarks.at_least_once``).

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
from typing import NamedTuple

from benchmarks import streaming
from benchmarks.measure import Figures, middle
from benchmarks.policies import policy_file
from benchmarks.report import Row, rate, times
from benchmarks.stage import Stage
from benchmarks.streaming import Cluster, Costs, Published, Workers, per_event

AIM = "0.7 · 1.3 × rival"


class Way(NamedTuple):
    """How ours is measured. rules: of triggers, all on, which a rival has nothing like; more: options of the workers."""

    workers: int
    rules: bool = False
    more: tuple[str, ...] = ()
    program: str = "guanxi.cli"


_ONCE, _AT_LEAST_ONCE, _RIVAL = "2 workers, relay", "2, at least once", "rival, 2 threads"
WAYS = {
    "stream, 1 worker": Way(1),
    "stream, 2 workers": Way(2),
    "1 worker, triggers": Way(1, rules=True),
    "2 workers, triggers": Way(2, rules=True),
    _ONCE: Way(2, more=("--relay",)),
    _AT_LEAST_ONCE: Way(2, more=("--relay",), program="benchmarks.at_least_once"),
}
_COSTS = {"wall_s": "time", "cpu_s": "workers' CPU"}
_RIVAL_TOPIC = "bench.money"
_POLL_S = 0.1


def missing() -> str:
    """What is not installed without which nothing here can be measured; empty if all is there."""
    return " ".join(name for name in streaming.MISSING if importlib.util.find_spec(name) is None)


def run(stage: Stage) -> Iterator[Row]:
    """One worker and two, without rules of triggers and with them, what exactly once costs, and the rival: in turn."""
    if missing():
        yield Row("stream", "not measured", {}, "needs the libraries of `make dev`")
        return
    rival = rival_folder()
    found: dict[str, list[Figures]] = {}
    with streaming.cluster(stage.folder() / "cluster") as cluster:
        streaming.make_topic(cluster.kafka, _RIVAL_TOPIC, cluster.partitions)
        published = streaming.publish(stage.source(), cluster.kafka, money_alone=_RIVAL_TOPIC if rival else "")
        for number in range(stage.options.runs):
            for name, way in WAYS.items():
                folder = stage.folder()
                found.setdefault(name, []).append(ours(cluster, folder, way, published))
                stage.drop(folder)
            if rival:
                folder = stage.folder()
                found.setdefault(_RIVAL, []).append(theirs(cluster, rival, folder, published.money, number))
                stage.drop(folder)
    for name, runs in found.items():
        stage.runs[name] = runs
    yield from _rows({name: middle(runs) for name, runs in found.items()})


def _rows(figures: dict[str, Figures]) -> Iterator[Row]:
    theirs, once, twice = (figures.get(name) for name in (_RIVAL, _ONCE, _AT_LEAST_ONCE))
    for name, each in figures.items():
        beside, aim = per_event(each, each["records"]), ""
        if theirs and each is not theirs:
            their_rate = theirs["money"] / theirs["wall_s"]
            log, views = (times(each["money"] / each[until], their_rate) for until in ("wall_s", "views_s"))
            beside = f"money records alone: {log} the rival's rate, {views} until the views are there too; {beside}"
            aim = AIM if name.startswith("stream") else ""
        if once and twice and each is once:
            cost = ", ".join(f"{1 - twice[key] / once[key]:.0%} of the {what}" for key, what in _COSTS.items())
            beside, aim = f"exactly once takes {cost}; {beside}", "15% at most"
        yield Row(name, rate(each["records"], each["wall_s"]), each, beside, aim)


def ours(cluster: Cluster, folder: Path, way: Way, published: Published) -> Figures:
    """Workers on a new log: from when all shards take until everything is committed; views_s: until the views are there too."""
    total = published.records + published.closes * cluster.partitions * len(streaming.TOPICS)
    policy = policy_file(folder, rules=way.rules)
    with Workers(cluster, folder, way.workers, "--policy", policy, *way.more, program=way.program) as running:
        running.wait_until_taking()
        costs = Costs(cluster, running)
        while running.taken() < total:
            time.sleep(_POLL_S)
        figures = costs.figures(records=published.records, money=published.money)
        while not running.shown():
            time.sleep(_POLL_S)
        return figures | {"views_s": costs.figures()["wall_s"]}


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
