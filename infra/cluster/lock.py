"""The lock of the broker's jars, written anew: all that a broker needs, as jgo works it out, each with its hash."""

import tempfile
from pathlib import Path
from typing import Any, Final

import jgo
from jgo.maven import PythonResolver

from infra.cluster.jars import BROKER, LOGGING

LOCK: Final = Path(__file__).with_name("kafka.lock")


def lock(folder: Path) -> str:
    """The lock's text; what is fetched for it goes into the user's Maven folder and into this one.

    The two are worked out apart: together, each would also push its versions of what both need onto the other.
    """
    lines: dict[str, Any] = {}
    for endpoint in (LOGGING, BROKER):
        environment: Any = jgo.build(endpoint, resolver=PythonResolver(), cache_dir=folder)
        lines |= {f"{jar.groupId}:{jar.artifactId}": jar for jar in environment.lockfile.dependencies}
    shown = [f"{name}:{jar.version} {jar.sha256}" for name, jar in sorted(lines.items())]
    return "\n".join([f"# {BROKER} and {LOGGING}, written by `make lock`", *shown]) + "\n"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="kafka-jars-") as scratch:
        LOCK.write_text(lock(Path(scratch)), "utf-8")
