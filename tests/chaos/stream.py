"""A whole stream on this machine: broker, database, log, workers, relay, and the load on it."""

import contextlib
import random
import threading
import time
import tomllib
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

import psycopg
from kafka.errors import KafkaError

from infra.cluster.together import LocalCluster
from infra.cluster.trouble import ClusterTrouble
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from infra.postgres_views import PostgresViews
from tests.chaos.auditor import COPY, POLICY_FILE, Tally, audit, is_fact
from tests.chaos.erased import nothing_readable
from tests.chaos.load import Load
from tests.chaos.managers import Managers
from tests.chaos.players import PROJECT, Player, prepare
from tests.chaos.written import CALENDAR, RECORDS, REJECTED, TIER_CHANGES, TRIGGERS, Block, Journal, Topics
from tests.patience import PATIENCE_S, patiently
from tests.simulation.auditor import Wrong, expect

STUCK_AFTER_S: Final = PATIENCE_S
"""So long nothing new may come, neither in the log nor on a topic, while something is still to come."""
LOOK_S: Final = 0.5


class Stream:
    """See the module. folder: for all of it; seed: of the bank, and of what its publisher does wrong.

    relay_inside: in the first worker, as `guanxi worker --relay` has it, and not in a process of its own.
    """

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        workers: int,
        partitions: int,
        customers: int,
        days: int,
        relay_inside: bool = False,
    ) -> None:
        self.folder = folder
        self.cluster = LocalCluster(folder / "cluster")
        self.kafka, self.postgres = (where := self.cluster.up(partitions=partitions)).kafka, where.postgres
        self.log = f"{self.postgres}?schema=chaos"
        create_log(self.log, shards=partitions)
        self._shards = partitions
        self.load = Load(self.kafka, seed, customers, days, partitions)
        self.managers = Managers(self.kafka, self.log, folder / "data", seed, self.load.people.standing)
        self.policy_file = POLICY_FILE
        self.policies: list[dict[str, Any]] = [tomllib.loads(POLICY_FILE.read_text("utf-8"))]
        self.workers = [self.new_worker(f"worker-{number}") for number in range(workers)]
        self.relay = Player("relay", folder, "relay", "--log", self.log, "--kafka", self.kafka)
        if relay_inside:
            self.relay = self.workers[0] = self.new_worker("worker-0", "--relay")
        self._topics, self._journal = Topics(self.kafka), Journal(self.log)
        self._loading: threading.Thread | None = None
        self._failed: BaseException | None = None
        self.stopping = threading.Event()
        self.releases = [PROJECT]
        """Whose programs the players may run."""

    def new_worker(self, name: str, *more: str, project: Path = PROJECT) -> Player:
        """A worker of the log; all of them share a data folder, as on one machine. project: whose program."""
        words = ("worker", "--log", self.log, "--kafka", self.kafka, "--policy", str(self.policy_file))
        return Player(
            name, self.folder, *words, "--data", str(self.folder / "data"), "--web-port", "0", *more, project=project
        )

    # ------------------------------------------------------------------------------------------ running

    def heal(self) -> None:
        """Everything runs, as somebody would see to who looks after it."""
        patiently(self.cluster.up, ClusterTrouble)
        for player in (*self.workers, self.relay):
            player.start()

    def begin_load(self, days: int, a_second: float) -> None:
        """Publish and act in the background."""

        def publish() -> None:
            try:
                self.load.publish_days(days, a_second, self.stopping)
            except BaseException as error:
                self._failed = error

        self._loading = threading.Thread(target=publish)
        self._loading.start()
        self.managers.begin()

    def end_load(self) -> None:
        """Wait until all is published. Raises what went wrong there."""
        if self._loading is not None:
            self._loading.join()
            self._loading = None
        if self._failed is not None:
            raise self._failed

    def may_run(self, project: Path) -> None:
        """Let players run another release's programs, too."""
        prepare(self.folder, project)
        self.releases.append(project)

    def draw_releases(self, chance: random.Random) -> None:
        """Whose programs workers and relay run from here on: those that change end in order, and are not started."""
        for player in (*self.workers, self.relay):
            drawn = chance.choice(self.releases)
            if drawn != player.project:
                player.stop()
                player.project = drawn

    def renew_policy(self) -> str:
        """A new version of the policy, with other parameters of triggers, valid from the month after next -> its name.

        As an operator does it: in good time, a new file, one worker after the other started with it. Raises Wrong.
        """
        lines = [line for blocks in self._journal.read().shards for block in blocks for line in block.lines]
        closed = date.fromisoformat(max(line["date"] for line in lines if line["type"] == "day_closed"))
        begins = date(closed.year + (closed.month + 1) // 12, (closed.month + 1) % 12 + 1, 1)
        number = len(self.policies) + 1
        file, before = self.folder / f"policy-{number}.toml", str(self.policy_file)
        file.write_text(policy_text(number, begins), "utf-8")
        self.policies.append(tomllib.loads(file.read_text("utf-8")))
        self.policy_file = file
        for worker in self.workers:
            worker.stop()
            worker.words = tuple(str(file) if word == before else word for word in worker.words)
            worker.start()

        def without() -> list[str]:
            shards = enumerate(self._journal.read().shards)
            return [f"shard {at} without chaos-{number}" for at, b in shards if not _knows(b, f"chaos-{number}")]

        self.wait_while(without)
        return f"chaos-{number}"

    def come_to_this_release(self) -> None:
        """Everything runs this release's programs."""
        for player in (*self.workers, self.relay):
            if player.project != PROJECT:
                player.stop()
                player.project = PROJECT
                player.start()

    def wait(self) -> None:
        """Until everything was read and published. Raises Wrong."""
        self.wait_while(self._behind)

    def wait_while(self, left: Callable[[], object]) -> None:
        """Until nothing is left, however long it takes while something new comes; who ended is started again meanwhile.

        left: what is still to come. Raises Wrong with that and with everybody's last words.
        """
        stands, until = self._stands(), time.monotonic() + STUCK_AFTER_S
        while found := left():
            if (now := self._stands()) != stands:
                stands, until = now, time.monotonic() + STUCK_AFTER_S
            if time.monotonic() > until:
                words = "\n".join(player.last_words() for player in (*self.workers, self.relay))
                raise Wrong(f"nothing moves on: {found}\n{words}")
            for player in (*self.workers, self.relay):
                player.start()
            time.sleep(LOOK_S)

    def _stands(self) -> int:
        """How much was seen when it was looked at last."""
        return sum(map(len, self._topics.messages.values())) + self._journal.blocks

    def audit(self) -> Tally:
        """Wait until everything was read and published, then hold it against the topics. Raises Wrong."""
        self.wait()
        self.managers.end()  # they heard of everything
        self.wait()
        self._look()
        self.load.check(self._topics.messages)
        tally = audit(self._topics, self._journal, self.policies)
        lines = [line for blocks in self._journal.shards for block in blocks for line in block.lines]
        known = {line["event_id"] for line in lines if is_fact(line)}
        expect("what managers were told is in the log", set(self.managers.done) - known, set())
        erased = {line["customer_id"] for line in lines if line["type"] == "customer_erased"}
        expect("whom managers were told to be erased", set(self.managers.erased) - erased, set())
        nothing_readable(self.log, self._journal, self._topics, self.folder / "data")
        return tally

    def _look(self) -> tuple[Topics, Journal]:
        """All that is there. A broker that did not hear of itself for a moment has no topics for that long."""
        return patiently(self._topics.read, KafkaError), patiently(self._journal.read, psycopg.OperationalError)

    def _behind(self) -> list[str]:
        """What is still to come."""
        topics, journal = self._look()
        found = []
        closes = len(topics.of(CALENDAR)[0])
        for topic in RECORDS:
            for partition, messages in topics.of(topic).items():
                copied = {m.headers[COPY] for m in messages if COPY in m.headers}
                if len(copied) < closes and not (topic == RECORDS[0] and partition == 0):
                    found.append(f"{topic} {partition}: {len(copied)} of {closes} closes")
        for number, head in enumerate(journal.heads()):
            for topic in RECORDS:
                if (at := head.get((topic, number), 0)) < (end := topics.ends[topic, number]):
                    found.append(f"{topic} {number}: at {at} of {end}")
            asked = sum(shard == number for shard, _ in journal.commands)
            if (at := head.get(("commands", number), 0)) < asked:
                found.append(f"commands {number}: at {at} of {asked}")
        for topic, kind in (
            (TIER_CHANGES, "tier_changed"),
            (TRIGGERS, "trigger_moved"),
            (REJECTED, "record_refused"),
        ):
            wanted = sum(line["type"] == kind for blocks in journal.shards for b in blocks for line in b.lines)
            there = sum(map(len, topics.of(topic).values()))
            if there < wanted:
                found.append(f"{topic}: {there} of {wanted}")
        return found

    def check_views(self) -> None:
        """Views stand at the end of the log and are what it says, by the program's own command. Raises Wrong."""
        self.come_to_this_release()  # it tells anew what another one told, as it opens the shard
        self.wait_while(self._untold)
        check = Player("rebuild", self.folder, "rebuild", "--check", "--log", self.log)
        check.start()
        if code := check.ended():
            raise Wrong(f"rebuild --check ends with {code}\n{check.last_words()}")

    def _untold(self) -> list[str]:
        """Shards whose views stand elsewhere than the log."""
        with contextlib.closing(Session(address_of(self.log))) as session:
            found = [
                PostgresViews(session, number).stands for number in range(self.shards)
            ]  # 0 of another release's rows
        ends = map(len, self._journal.read().shards)
        pairs = enumerate(zip(found, ends, strict=True))
        return [f"views of shard {number}: at block {at} of {end}" for number, (at, end) in pairs if at != end]

    def close(self) -> None:
        """End everything; the files stay."""
        self.stopping.set()
        if self._loading is not None:
            self._loading.join()
        with contextlib.suppress(Exception):  # what went wrong first is told
            self.managers.end()
        self.load.close()
        for player in (*self.workers, self.relay):
            player.kill()
        self.cluster.down()

    # ------------------------------------------------------------------------------------------ looking

    @property
    def shards(self) -> int:
        """How many shards the log has."""
        return self._shards

    def any_worker(self, chance: random.Random) -> Player:
        """One of the workers, running or not."""
        return chance.choice(self.workers)


def policy_text(number: int, begins: date) -> str:
    """The policy of the torture as another version: triggers are raised sooner or later than by the one before."""
    text = POLICY_FILE.read_text("utf-8")
    text = text.replace('version = "chaos-1"', f'version = "chaos-{number}"\nvalid_from = {begins}')
    text = text.replace("cooldown_days = 7", f"cooldown_days = {2 + number}")
    text = text.replace('share = "0.10"', f'share = "0.{10 + 3 * number}"')
    return text.replace("days = 20", f"days = {10 + 4 * number}")


def _knows(blocks: Iterable[Block], version: str) -> bool:
    """Whether a shard has a policy version."""
    return any(
        line["type"] == "policy_activated" and line["version"] == version for block in blocks for line in block.lines
    )
