"""Customer managers: they read triggers as any subscriber does, act on them by command, and have customers erased.

What was asked while broker or database were away may have been laid down or not: the auditor looks at what was.
"""

import random
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from eventsourcing.persistence import PersistenceError
from kafka.errors import KafkaError

from guanxi.errors import UserError
from guanxi.owners import Owners
from infra.master_key import MASTER_VARIABLE
from infra.sealing import KeyDestroyed
from processors.faults import CommandUnfit
from processors.ports import LogUnusable, LostShard
from tests.chaos.auditor import record_in
from tests.chaos.people import MARK
from tests.chaos.written import TRIGGERS, Topics

EVERY_S: Final = 0.5
WAIT_S: Final = 4.0
AT_ONCE: Final = 6
ERASE_SHARE: Final = 0.03
OUTCOMES: Final = (None, None, "retained", "lost", "no_need")
AWAY: Final = (KafkaError, LogUnusable, LostShard, PersistenceError, UserError)


class Managers:
    """A thread that acts while it runs. data: the workers' folder; standing: told ids of triggers that were raised."""

    def __init__(self, kafka: str, log: str, data: Path, seed: int, standing: deque[str]) -> None:
        self._topics, self._log, self._data, self._standing = Topics(kafka, (TRIGGERS,)), log, data, standing
        self._chance = random.Random(seed)
        self._heard: dict[int, int] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed: BaseException | None = None
        self.counts: dict[str, int] = dict.fromkeys(("done", "refused", "not known"), 0)
        """What managers were told of what they did."""
        self.trouble = ""
        """Why it was not known the last time."""
        self.done: list[str] = []
        """Ids of the records of which they were told that they are in the log."""
        self.erased: list[str] = []
        """Customers of whom they were told that they are erased."""

    def begin(self) -> None:
        """Act in the background."""
        self._stop.clear()
        self._thread = threading.Thread(target=self._act)
        self._thread.start()

    def end(self) -> None:
        """Let the last one finish. Raises what went wrong there."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failed is not None:
            raise self._failed

    def _act(self) -> None:
        try:
            while not self._stop.wait(EVERY_S):
                try:
                    self._hear()
                except AWAY:
                    continue
                for _ in range(AT_ONCE):
                    if self._standing and not self._stop.is_set():
                        self._ask()
        except BaseException as error:
            self._failed = error

    def _hear(self) -> None:
        for partition, messages in self._topics.read().of(TRIGGERS).items():
            for message in messages[self._heard.get(partition, 0) :]:
                step = record_in(message.value)
                if step is not None and step["step"] == "raised":
                    self._standing.append(step["id"])
            self._heard[partition] = len(messages)

    def _ask(self) -> None:
        trigger_id = self._chance.choice(self._standing)
        event_id = f"manager-{self._chance.getrandbits(60):x}"
        customer, now = trigger_id.partition(":")[0], datetime.now(UTC).isoformat(timespec="milliseconds")
        record = {
            "event_id": event_id, "source": "guanxi", "schema_version": 1, "occurred_at": now, "customer_id": customer,
            "trigger_id": trigger_id, "manager_id": f"M{self._chance.randint(1, 3)}",
        }  # fmt: skip
        try:
            with Owners(self._log, WAIT_S) as owners:
                if self._chance.random() < ERASE_SHARE:
                    owners.erase(customer, event_id, now, "asked for")
                    self.erased.append(customer)
                    return
                if self._chance.random() < 0.5:
                    owners.manage(record | {"type": "trigger_claimed"}, self._environ())
                else:
                    outcome = self._chance.choice(OUTCOMES)
                    content = {"type": "manager_contact", "note": f"{MARK} {customer}"}
                    owners.manage(record | content | ({"outcome": outcome} if outcome else {}), self._environ())
        except (CommandUnfit, KeyDestroyed):
            self.counts["refused"] += 1
        except AWAY as error:
            self.counts["not known"] += 1
            self.trouble = " ".join(str(error).split())
        else:
            self.done.append(event_id)
        finally:
            self.counts["done"] = len(self.done) + len(self.erased)

    def _environ(self) -> dict[str, str]:
        key = self._data / "master.key"
        return {MASTER_VARIABLE: key.read_text("ascii").strip()} if key.exists() else {}
