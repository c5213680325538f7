"""`guanxi cluster`: what it prints and how it ends, over a cluster that only says it runs."""

import json
from pathlib import Path

import pytest

from guanxi.cli import cluster
from infra.cluster.together import Addresses, ServiceStatus
from infra.cluster.trouble import ClusterTrouble
from tests.cli.conftest import run

ADDRESSES = Addresses("127.0.0.1:1", "postgresql://guanxi:a'b@127.0.0.1:2/postgres")


class Said:
    """Stands for a LocalCluster and keeps what it was asked."""

    states = ("running", "running")
    runs = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def up(self, **asked: object) -> Addresses:
        asked.pop("say")
        assert asked == {"partitions": 2, "kafka_port": 1, "postgres_port": None}
        return ADDRESSES

    def down(self) -> bool:
        return self.runs

    def status(self) -> list[ServiceStatus]:
        return [
            ServiceStatus(service=name, state=state, address=None, pid=None, log="log")  # type: ignore[arg-type]
            for name, state in zip(("kafka", "postgres"), self.states, strict=True)
        ]


@pytest.fixture(autouse=True)
def _said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "LocalCluster", Said)


def test_up_prints_json_lines_in_a_pipe() -> None:
    said = run("cluster", "up", "--partitions", "2", "--kafka-port", "1")
    assert said.exit_code == 0
    assert [json.loads(line) for line in said.stdout.splitlines()] == [
        {"service": "kafka", "address": ADDRESSES.kafka},
        {"service": "postgres", "address": ADDRESSES.postgres},
    ]


def test_up_prints_lines_for_a_shell_that_it_can_trust() -> None:
    said = run("cluster", "up", "--partitions", "2", "--kafka-port", "1", "--format", "table")
    assert said.stdout == (
        "export GUANXI_KAFKA=127.0.0.1:1\nexport GUANXI_LOG='postgresql://guanxi:a'\"'\"'b@127.0.0.1:2/postgres'\n"
    )


def test_status_ends_with_1_unless_both_run(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("cluster", "status").exit_code == 0
    for states in (("running", "died"), ("stopped", "stopped")):
        monkeypatch.setattr(Said, "states", states)
        said = run("cluster", "status")
        assert said.exit_code == 1
        assert [json.loads(line)["state"] for line in said.stdout.splitlines()] == list(states)


def test_down_says_whether_anything_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("cluster", "down").stderr == "guanxi: stopped\n"
    monkeypatch.setattr(Said, "runs", False)
    said = run("cluster", "down", "--folder", "here")
    assert (said.exit_code, said.stderr) == (0, "guanxi: nothing runs in here\n")


def test_trouble_is_one_line_and_a_wrong_call(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Said, **_: object) -> Addresses:
        raise ClusterTrouble("could not", "there", "do this")

    monkeypatch.setattr(Said, "up", fails)
    said = run("cluster", "up")
    assert (said.exit_code, said.stderr) == (2, "guanxi: there: could not; do this\n")
