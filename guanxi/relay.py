"""The relay as it runs: reads the log in a thread of its own, publishes on the event loop, and starts anew after trouble.

    relay = Relay("postgresql://…", "host:9092")
    await relay.start()      # returns at once
    await relay.ended()      # raises Fenced, LogRestored, … or returns once it was stopped
    await relay.stop()

Nothing is kept but where it stands, and that stands in Kafka: whatever fails, both sides are opened again and the work
goes on from there.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Final

import msgspec

from events.catalog import REJECTED, RETENTION_TRIGGERS, TIER_CHANGES
from guanxi.aside import Aside, Result
from infra.kafka_client import is_nowhere
from infra.kafka_output import KafkaOutput
from infra.postgres_tail import PostgresTail
from processors.handover import Handover
from processors.ports import LogUnusable, NotYet
from processors.relay import Batch, Fenced, LogTail, NotWritten, Output, OutputAway, OutputUnusable, Position, Reading

LOOK_SECONDS: Final = 1.0
"""A writer that dies right behind its commit wakes nobody: the log is looked at this often."""
LITTLE_BYTES: Final = 64 << 10
"""Blocks of so much are read at once where they are handed over: sooner done than given to a thread."""
LOOK_BUSY_SECONDS: Final = 5.0
"""While blocks are handed over, the log is looked at only so often."""
STANDING_SECONDS: Final = 5.0
"""A position behind which nothing was published is written this often: it saves reading again."""
STOP_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
TURN_SECONDS: Final = 1.0
"""Who waits for its turn looks this often whether the other one is gone."""
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 15.0


class Published(msgspec.Struct):
    """What a relay has done since it started.

    trouble: why it waits to try again, None when it does not; waits: whether another one publishes the log meanwhile.
    """

    tier_changes: int = 0
    trigger_steps: int = 0
    refusals: int = 0
    trouble: str | None = None
    waits: bool = False


class _Stopped(Exception):
    """Stopped while it waited."""


class Relay:
    """See the module. log, kafka: addresses.

    patient: wait for a broker, a database or a log that is not there yet; once: end when everything in the log is published;
    transactions: publish each message exactly once; say: told of trouble, and of its end, in one line each. waits: for its
    turn while another relay publishes the log, else that one is shut out. accept_restored: publish from the beginning what a
    restored log no longer holds as it was published. handover: of who writes the log in this process; the same loop's.
    """

    def __init__(
        self,
        log: str,
        kafka: str,
        *,
        transactions: bool = True,
        accept_restored: bool = False,
        patient: bool = False,
        once: bool = False,
        waits: bool = True,
        handover: Handover | None = None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.published = Published()
        self._url, self._kafka, self._transactions = log, kafka, transactions
        self._accept_restored, self._patient, self._once = accept_restored, patient, once
        self._waits, self._say, self._handover = waits, say, handover
        self._thread = Aside("relay")
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._began = self._at_work = False
        self._looked_at = 0.0
        self._pause = FIRST_PAUSE_S

    async def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._run())

    async def ended(self) -> None:
        """Wait until it ends -> nothing when it was stopped.

        Raises what a person has to see to: Fenced, LogRestored, LogDamaged, OutputUnusable; and, unless patient,
        LogUnusable and OutputAway where it could not even begin.
        """
        if self._task is not None:
            await asyncio.wait([self._task])
            if not (self._task.cancelled() and self._stopping.is_set()):
                self._task.result()

    async def stop(self) -> None:
        """End it, behind the batch that is being published unless that takes long; see `ended` for what went wrong."""
        self._stopping.set()
        if self._task is not None:
            _, late = await asyncio.wait([self._task], timeout=STOP_SECONDS if self._at_work else 0)
            for task in late:
                task.cancel()
                await asyncio.wait([task])

    # ------------------------------------------------------------------------------------------ running

    async def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    async with self._opened() as (log, output, reading):
                        await self._relay(log, output, reading)
                except NotWritten:
                    pass  # what was published ends before; the log says how it goes on
                except (LogUnusable, OutputAway) as error:
                    if not self._began:
                        await self._look_whether_it_may_come(error)
                    self._troubled(str(error))
                    await self._rest()
                except _Stopped:
                    return
        finally:
            self._thread.close()

    @contextlib.asynccontextmanager
    async def _opened(self) -> AsyncIterator[tuple[LogTail, Output, Reading]]:
        log = await self._aside(lambda: PostgresTail(self._url))
        output = KafkaOutput(self._kafka, log.name, transactions=self._transactions)
        try:
            await self._turn(log)
            reading = Reading(log, await output.open())
            restored = await self._aside(lambda: reading.check(accept_restored=self._accept_restored))
            if restored:
                await output.put([], restored)
            self._accept_restored = False  # what was accepted is what a person saw
            yield log, output, reading
        finally:
            if self._handover is not None:
                self._handover.leave()
            self._at_work = False
            await output.close()
            with contextlib.suppress(TimeoutError):  # its thread may wait for a server that stands still
                await asyncio.wait_for(self._aside(log.close), CLOSE_SECONDS)

    async def _look_whether_it_may_come(self, error: LogUnusable | OutputAway) -> None:
        """Raises what is not worth waiting for before anything was published: the error, or what is behind it."""
        if not (self._patient and isinstance(error, NotYet)):
            raise error
        if isinstance(error, OutputAway) and await is_nowhere(self._kafka):
            raise OutputUnusable(f"{self._kafka}: there is no host of this name; give another --kafka") from error

    async def _turn(self, log: PostgresTail) -> None:
        """Wait until no other relay of the log is at work. Raises Fenced where it is to end instead, _Stopped."""
        while self._waits and not await self._aside(log.claim):
            if self._once:
                raise Fenced(f"{log.where}: another relay publishes this log, and goes on publishing it")
            if not self.published.waits:
                self._say("another relay publishes this log; waiting to take over when it ends")
            self.published.waits = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), TURN_SECONDS)
            if self._stopping.is_set():
                raise _Stopped
        self.published.waits = False

    async def _relay(self, log: LogTail, output: Output, reading: Reading) -> None:
        """Publish what there is and what comes, until stopped."""
        unwritten: dict[int, Position] = {}
        written_at = time.monotonic()
        self._recovered()
        self._at_work = True
        waits = False
        handover = self._handover
        if handover is not None:
            handover.join()
        while True:
            if waits and handover is not None and handover.whole:
                batch = await self._handed(handover, log, reading)
            else:
                batch = await self._aside(partial(_next, log, reading, waits=waits))
            unwritten |= batch.positions
            due = time.monotonic() - written_at >= STANDING_SECONDS or self._stopping.is_set()
            if batch.messages or (unwritten and due):
                await output.put(batch.messages, unwritten, None if handover is None else handover.sure)
                unwritten, written_at = {}, time.monotonic()
                self._count(batch)
            if self._stopping.is_set():
                return
            if not batch.positions and self._once:
                self._stopping.set()
                continue
            waits = reading.at_end and not self._once

    async def _handed(self, handover: Handover, log: LogTail, reading: Reading) -> Batch:
        """What comes next, as it is handed over; what is not, the log tells, at which it is looked now and then."""
        blocks = await handover.take(LOOK_SECONDS / 2)
        if handover.failed:
            raise NotWritten
        now = time.monotonic()
        if blocks and now - self._looked_at < LOOK_BUSY_SECONDS and reading.take(blocks):
            if sum(len(block.stored) for block in blocks) <= LITTLE_BYTES:
                return reading.read()
            return await self._aside(reading.read)
        if not await handover.sure():
            raise NotWritten
        self._looked_at = now
        return await self._aside(partial(_next, log, reading, waits=False, looks=True))

    def _count(self, batch: Batch) -> None:
        topics = Counter(message.topic for message in batch.messages)
        self.published.tier_changes += topics[TIER_CHANGES]
        self.published.trigger_steps += topics[RETENTION_TRIGGERS]
        self.published.refusals += topics[REJECTED]
        self._pause = FIRST_PAUSE_S

    def _troubled(self, why: str) -> None:
        if self.published.trouble != why:
            self._say(f"{why}; trying again until then")
        self.published.trouble = why

    def _recovered(self) -> None:
        self._began = True
        if self.published.trouble is not None:
            self._say("publishing again")
        self.published.trouble = None

    async def _rest(self) -> None:
        """Wait a little longer each time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE_S)

    async def _aside(self, call: Callable[[], Result]) -> Result:
        """Run what waits for the database in the relay's own thread."""
        return await self._thread.run(call)


def _next(log: LogTail, reading: Reading, *, waits: bool, looks: bool = False) -> Batch:
    """What comes next, in one call of the relay's thread. waits: for it, if need be; looks: where the log ends now."""
    if waits:
        log.wait(LOOK_SECONDS / 2)
    elif looks:
        log.rest()  # until who writes hands over no more
    if waits or looks:
        reading.look()
    return reading.read()
