"""infra/docker-compose.yml without Docker: its form, what is pinned, and that it makes the topics of the one table."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.cluster import jars
from infra.cluster.topics import TOPICS

FILE = Path(__file__).parents[2] / "infra" / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text("utf-8"))["services"]


def test_only_what_can_run_is_there() -> None:
    assert SERVICES.keys() == {"kafka", "topics", "postgres"}


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_ports_are_of_this_machine(name: str) -> None:
    assert re.search(r":\d+\.\d+", SERVICES[name]["image"])
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_the_broker_is_of_the_version_that_runs_without_docker() -> None:
    assert SERVICES["kafka"]["image"] == SERVICES["topics"]["image"] == f"apache/kafka:{jars.KAFKA}"


def test_what_lasts_is_asked_for_its_health_and_keeps_its_data() -> None:
    volumes = yaml.safe_load(FILE.read_text("utf-8"))["volumes"]
    for name in ("kafka", "postgres"):
        assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
        assert {volume.split(":")[0] for volume in SERVICES[name]["volumes"]} == {name} <= volumes.keys()
    assert SERVICES["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}


def test_the_topics_are_those_of_the_table(tmp_path: Path) -> None:
    tool = tmp_path / "kafka-topics.sh"
    tool.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\n')
    tool.chmod(0o755)
    (mounted,) = SERVICES["topics"]["volumes"]
    table, inside, _ = mounted.split(":")
    *shell, script = SERVICES["topics"]["command"]
    script = (
        script.replace("$$", "$").replace("/opt/kafka/bin", str(tmp_path)).replace(inside, str(FILE.parent / table))
    )
    subprocess.run([*shell, script], check=True, env={"PATH": "/usr/bin:/bin", "PARTITIONS": "6"})

    asked = {}
    for line in (tmp_path / "asked").read_text().splitlines():
        words = line.split()
        assert "--if-not-exists" in words
        settings = {words[at + 1] for at, word in enumerate(words) if word == "--config"}
        asked[words[words.index("--topic") + 1]] = (words[words.index("--partitions") + 1], settings)
    assert asked == {
        topic.name: (str(topic.partitions or 6), {f"{key}={value}" for key, value in topic.settings.items()})
        for topic in TOPICS
    }
