"""The bulk path of a worker: from the broker into the logs of the shards that the group gave to it.

A Faust service with a consumer of its own. It reads whole fetches while the worker's one thread folds what came before, so
that the group hears of it also during the close of a month. Positions are those in the log: when shards are given, each input
is read from where its log stands, wherever the broker believes it to be. How much is read ahead is bounded in bytes.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

import mode

from processors import cycles
from processors.inputs import InputLost, Inputs, InputsUnusable, Unfit, against, missing_of
from processors.pace import Pace
from processors.ports import Input, LogNewer, LogUnusable
from processors.positions import Found, Stand
from processors.shard_writer import RECORDS_A_PIECE, Shards, ShardWriter
from processors.slot import BUSY_BYTES, Slot

QUIET_S: Final = 0.1
CHECKPOINT_S: Final = 300.0
SAY_S: Final = 5.0
COLLECT_S: Final = 0.5
COMMANDS_S: Final = 1.0
LISTEN_S, SILENT_S = 1.0, 5.0
OPENED_TOGETHER: Final = 8
TRY_AGAIN_S, TRY_AGAIN_AT_MOST_S = 0.25, 30.0
READ_AHEAD_BYTES: Final = 64 << 20
"""Of all inputs together; each has its part, one of those below at least."""
READ_AHEAD_INPUT_BYTES: Final = 1 << 20, 8 << 20
RECORDS_A_POLL: Final = 20_000
POLL_S, POLL_FULL_S = 0.2, 0.02
ASIDE_S: Final = 0.02
"""So long nothing is polled while records wait to be folded, or are, which one interpreter does no faster for being
interrupted. What came meanwhile comes in one fetch then, while the log waits for the disk."""

logger = logging.getLogger("guanxi.worker")
Done = TypeVar("Done")


class Taking(mode.Service):
    """See the module.

    name: the log's; inputs: of the topics of records; shards: of the log, from now on for the worker's thread alone; now: the
    clock, ISO text; give_up: called where the worker has to end, which is then up to the caller.
    """

    def __init__(
        self,
        name: str,
        inputs: Inputs,
        topics: tuple[str, ...],
        shards: Shards,
        now: Callable[[], str],
        give_up: Callable[[Unfit], None],
    ) -> None:
        super().__init__()
        self._name, self._inputs, self._topics, self._shards = name, inputs, topics, shards
        self._now, self._give_up = now, give_up
        self._slots: dict[int, Slot] = {}
        self._thread = ThreadPoolExecutor(1, "guanxi-shards")
        self._views_thread = ThreadPoolExecutor(1, "guanxi-views")
        self._alone = asyncio.Lock()
        self._wake, self._free = asyncio.Event(), asyncio.Event()
        self._free.set()
        self._given, self._times_given = False, 0
        self._folding: asyncio.Event | None = None
        self._quiet = False
        """Whether there is nothing to take, and was not for a moment."""
        self._showing = False
        """Whether the views of some shard are being written: of one at a time, for the rows of each take memory until then."""
        self._silent, self._pace = False, Pace(BUSY_BYTES)
        self._not_joined: InputsUnusable | None = None
        self.trouble = ""
        """Why nothing at all is read; empty while all is well."""

    # ------------------------------------------------------------------------------------------ life

    async def on_start(self) -> None:
        """Join the group, now or when the broker is there again. Raises Unfit."""
        try:
            await self._join()
        except InputsUnusable as unusable:
            self._not_joined = unusable

    async def _join(self) -> None:
        await self._check_partitions()
        await self._inputs.join(self._revoked, self._assigned)

    async def _check_partitions(self) -> None:
        found = await self._inputs.partitions()
        if missing := missing_of(found):  # which is also what a broker says that has just been started
            raise InputsUnusable(missing)
        if set(found.values()) != {self._shards.count}:
            said = ", ".join(f"{topic} has {n}" for topic, n in found.items())
            raise Unfit(
                f"partitions: {said}, the log {self._name} has {self._shards.count} shards, and all have to be the same; "
                "make the topics with as many partitions as the log has shards"
            )

    async def on_stop(self) -> None:
        """Finish what is under way, write what is derived, leave the group."""
        self._given = False
        if self._folding is not None:
            await self._folding.wait()
        await self._say()
        for slot in self._slots.values():
            await _shown(slot)
            if slot.reading:
                slot.reading = False
                await self._try(slot, slot.writer.checkpoint)
        await self._inputs.leave()
        await self._in_thread(self._shards.close)
        self._thread.shutdown()
        self._views_thread.shutdown()

    # ------------------------------------------------------------------------------------------ what the group decides

    async def _revoked(self, _: frozenset[Input]) -> None:
        self._given = False
        for slot in self._slots.values():
            await _shown(slot)
            if slot.reading:
                await self._try(slot, slot.writer.show)
        await self._say()

    async def _assigned(self, inputs: frozenset[Input]) -> None:
        numbers = {number for _, number in inputs}
        if (unfit := against(inputs, self._topics, self._shards.count, self._name)) is not None:
            self._give_up(unfit)
            return
        for number in self._slots.keys() - numbers:
            slot = self._slots.pop(number)
            await _shown(slot)
            await self._in_thread(slot.writer.drop)
        for number in sorted(numbers):
            if number not in self._slots:
                self._slots[number] = Slot(ShardWriter(number, self._shards, self._topics, self._now))
            slot = self._slots[number]
            slot.reading, slot.try_at = False, 0.0
        logger.info("shards: %s", ", ".join(map(str, sorted(numbers))) or "none")
        self._given = True
        self._times_given += 1
        self._wake.set()

    # ------------------------------------------------------------------------------------------ reading

    @mode.Service.task
    async def _read(self) -> None:
        if self._not_joined is not None:
            await self._join_anew(self._not_joined)
        while not self.should_stop:
            full = any(slot.full for slot in self._slots.values())
            if not self._free.is_set():
                await self._wait_for(self._free, ASIDE_S)
            await asyncio.sleep(self._pace.left_s(self.loop.time()))
            try:
                found = await self._inputs.poll(list(self._readable()), POLL_FULL_S if full else POLL_S, RECORDS_A_POLL)
            except InputLost as lost:
                await self._failed(self._slots[lost.input[1]], lost)
                continue
            except InputsUnusable as unusable:
                await self._join_anew(unusable)
                continue
            self._pace.has_read(sum(fetched.size for fetched in found), self.loop.time())
            for fetched in found:
                slot = self._slots.get(fetched.input[1])
                if slot is not None and slot.reading:
                    slot.writer.put(fetched)
                    self._free.clear()
                    self._wake.set()

    @mode.Service.timer(LISTEN_S)
    async def _listen(self) -> None:
        """Say so where the broker is away: its client tries again by itself and says nothing."""
        silent = self._inputs.silent_s() > SILENT_S and next(self._readable(), None) is not None
        if silent and not self.trouble:
            self.trouble = "the broker does not answer"
            logger.warning("%s; trying again until it does", self.trouble)
        elif self._silent and not silent:
            self.trouble = ""
            logger.info("the broker answers again")
        self._silent = silent

    def _readable(self) -> Iterator[Input]:
        """The inputs of which more may be read: a part of the memory each, given free at the half."""
        if not self._given:
            return
        least, most = READ_AHEAD_INPUT_BYTES
        limit = min(max(READ_AHEAD_BYTES // max(len(self._slots) * len(self._topics), 1), least), most)
        for slot in self._slots.values():
            if not slot.reading:
                continue
            for source in slot.writer.inputs:
                if source in slot.writer.figures.unfit:
                    continue
                waits = slot.writer.waiting_bytes(source)
                if waits >= (limit // 2 if source in slot.full else limit):
                    slot.full.add(source)
                else:
                    slot.full.discard(source)
                    yield source

    def _ending(self) -> bool:
        """Whether the worker ends; asked anew behind each wait."""
        return bool(self.should_stop)

    async def _join_anew(self, why: InputsUnusable) -> None:
        """Leave the group and join it again, as often as it needs; the shards stay as they are meanwhile."""
        failures = 0
        while not self._ending():
            failures += 1
            self.trouble = str(why)
            logger.warning("%s; trying again in %.1f s", why, wait_s(failures))
            if failures == 1:
                await self._revoked(frozenset())
                for slot in self._slots.values():
                    slot.reading = False
            await self._inputs.leave()
            await self.sleep(wait_s(failures))
            if self._ending():
                return
            try:
                await self._join()
            except Unfit as unfit:
                self._give_up(unfit)
                return
            except InputsUnusable as again:
                why = again
            else:
                self.trouble = ""
                return

    # ------------------------------------------------------------------------------------------ folding

    @mode.Service.task
    async def _fold(self) -> None:
        self._folding = asyncio.Event()
        try:
            while not self.should_stop:
                self._wake.clear()
                await self._open_due()
                busy = await self._round()
                self._quiet = self._quiet and not busy
                for slot in sorted(self._slots.values(), key=lambda slot: slot.shown_at):
                    if slot.reading and self._given and not self.should_stop and await self._derive(slot):
                        busy = True
                        break  # one behind a round, so that what comes in does not wait for all of them
                if not busy:
                    await self._wait_for(self._wake, QUIET_S)
                    self._quiet = self._quiet or not self._wake.is_set()
        finally:
            self._folding.set()

    async def _wait_for(self, event: asyncio.Event, timeout_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), timeout_s)

    async def _round(self) -> bool:
        """Take what came in for the shards, written together -> whether there was anything to take."""
        slots = [slot for slot in self._slots.values() if slot.reading and slot.writer.has_work]
        if not slots or not self._given or self.should_stop:
            return False
        slots.sort(key=lambda slot: slot.worked_at)
        writers = [slot.writer for slot in slots]
        async with self._alone:
            self._free.clear()
            self._pace.begins(self.loop.time())
            try:
                done = await self._in_thread(
                    partial(_take, writers, partial(self.loop.call_soon_threadsafe, self._free.set))
                )
            except BaseException:
                self._free.set()
                raise
            self._pace.ends(self.loop.time())
            for slot in slots[: len(done)]:
                slot.has_worked(self.loop.time())
                error = done[slot.writer.number]
                if error is not None:
                    await self._failed(slot, error)
                else:
                    slot.writer.figures.failures = 0
                    slot.writer.figures.trouble = ""
        return True

    async def _derive(self, slot: Slot) -> bool:
        """Write the views of a shard, or all that is derived, where it is time -> whether it was."""
        writer, now = slot.writer, self.loop.time()
        block = writer.figures.block
        if slot.is_shown or self._showing:
            return False
        if now - slot.kept_at >= CHECKPOINT_S:
            if await self._try(slot, writer.checkpoint):
                slot.kept_at = slot.shown_at = self.loop.time()
                slot.shown_block = writer.figures.block
            return True
        moved, full = writer.figures.touched, writer.figures.full
        every_s = slot.cost.every_s(moved, len(self._slots), behind=slot.is_behind(now), quiet=self._quiet, full=full)
        if now - slot.shown_at < every_s:
            return False
        made: list[Callable[[], None]] = []
        began = self.loop.time()
        if await self._try(slot, lambda: made.append(writer.showing())):
            slot.cost.made(moved, self.loop.time() - began)
            self._showing = True
            slot.showing = asyncio.create_task(self._show(slot, made[0], block, moved))
        return True

    async def _show(self, slot: Slot, write: Callable[[], None], block: int, moved: int) -> None:
        """Write the views of a shard up to a block, of so many customers, beside what goes on."""
        began = self.loop.time()
        try:
            await asyncio.get_running_loop().run_in_executor(self._views_thread, write)
        except Exception as error:  # as in ``_try``
            await self._failed(slot, error)
        else:
            slot.shown_at, slot.shown_block = self.loop.time(), block
            slot.cost.written(moved, slot.shown_at - began)
        finally:
            slot.showing, self._showing = None, False
            self._wake.set()

    async def _open_due(self) -> None:
        """Open some shards, or go on with them, and read on from where their logs stand, if the broker has what follows."""
        now = self.loop.time()
        due = [slot for slot in self._slots.values() if not slot.reading and now >= slot.try_at and self._given]
        opened = [(slot, stands) for slot in due[:OPENED_TOGETHER] if (stands := await self._again(slot)) is not None]
        if not opened:
            return
        given = self._times_given
        try:
            found = await self._inputs.look({source: stand for _, stands in opened for source, stand in stands.items()})
        except InputsUnusable as error:
            for slot, _ in opened:
                self._rest(slot, error)
            return
        if not self._given or given != self._times_given:
            return  # the group decided anew meanwhile
        for slot, stands in opened:
            self._read_on(slot, stands, found)

    async def _again(self, slot: Slot) -> Mapping[Input, Stand] | None:
        """Open a shard or go on with it -> where its log stands; None: it failed, or was taken away meanwhile."""
        found: list[Mapping[Input, Stand]] = []
        await _shown(slot)

        def again() -> None:
            found.append(slot.writer.again())

        return found[0] if self._given and await self._try(slot, again) else None

    def _read_on(self, slot: Slot, stands: Mapping[Input, Stand], found: Mapping[Input, Found]) -> None:
        writer = slot.writer
        told = writer.figures.unfit
        starts = writer.reads_from(stands, found)
        for source, why in writer.figures.unfit.items():
            if told.get(source) != why:
                logger.warning("%s", why)
        self._inputs.seek(starts)
        slot.full.clear()
        slot.shown_block = writer.figures.shown  # views may be behind: they are told on, whether anything comes or not
        slot.shown_at = slot.kept_at = self.loop.time()
        writer.figures.trouble = ""
        slot.reading = True
        self._wake.set()

    async def _try(self, slot: Slot, job: Callable[[], None]) -> bool:
        """Do a piece of work in the thread -> whether it went well. What fails drops the shard; it is tried again later."""
        async with self._alone:
            try:
                await self._in_thread(job)
            except Exception as error:  # whatever it is: the state is dropped and read again from the log
                await self._failed(slot, error)
                return False
        return True

    async def _failed(self, slot: Slot, error: Exception) -> None:
        """Let go of a shard's state, and try again later."""
        self._rest(slot, error)
        await self._in_thread(slot.writer.drop)  # what failed in the thread was dropped there, at once

    def _rest(self, slot: Slot, error: Exception) -> None:
        figures = slot.writer.figures
        figures.failures += 1
        figures.trouble = " ".join(str(error).split()) or type(error).__name__
        slot.reading, slot.try_at = False, self.loop.time() + wait_s(figures.failures)
        if isinstance(error, LogNewer):  # that never goes away here; a newer worker may take the shard
            self._give_up(Unfit(f"shard {slot.writer.number}: {figures.trouble}"))
            return
        logger.warning(
            "shard %d: %s; trying again in %.1f s", slot.writer.number, figures.trouble, wait_s(figures.failures)
        )
        logger.debug("shard %d", slot.writer.number, exc_info=error)

    async def _in_thread(self, job: Callable[[], Done]) -> Done:
        return await asyncio.get_running_loop().run_in_executor(self._thread, job)

    # ------------------------------------------------------------------------------------------ now and then

    @mode.Service.timer(SAY_S)
    async def _say_now_and_then(self) -> None:
        await self._say()

    async def _say(self) -> None:
        """Tell the broker how far the shards are, for its tools."""
        positions: dict[Input, int] = {}
        for slot in self._slots.values():
            block = slot.writer.figures.block
            if slot.reading and block > slot.said_block:
                slot.said_block = block
                positions.update({source: n for source, n in slot.writer.figures.positions.items() if n})
        if positions:
            await self._inputs.say(positions)

    @mode.Service.timer(COMMANDS_S)
    async def _obey(self) -> None:
        """Do what was asked of the owners of the shards, each exactly once."""
        after = {number: slot.writer.figures.commanded for number, slot in self._slots.items() if slot.reading}
        if not after or not self._given:
            return
        async with self._alone:
            try:
                asked = await self._in_thread(lambda: self._shards.commands.read_all(after))
            except LogUnusable:
                return  # who writes says so
        for command in asked:
            slot = self._slots.get(command.shard)
            if slot is None or not slot.reading or not self._given:
                continue
            if await self._try(slot, partial(slot.writer.command, command.number, command.body)) and slot.writer.moved:
                slot.reading, slot.try_at = False, 0.0  # what was read ahead does not follow any more
                self._wake.set()

    @mode.Service.timer(COLLECT_S)
    async def _collect(self) -> None:
        """Look for cycles among what is new since the last time; in a lull behind the views, for which somebody waits."""
        slots, now = self._slots.values(), self.loop.time()
        busy = any(slot.is_behind(now) or (self._quiet and slot.reading and not slot.is_shown) for slot in slots)
        if cycles.are_due(busy=busy):
            async with self._alone:
                await self._in_thread(cycles.collect)

    # ------------------------------------------------------------------------------------------ looking

    async def status(self) -> dict[str, Any]:
        """Where the worker and each of its shards stand."""
        shards = []
        for _, slot in sorted(self._slots.items()):
            shards.append(slot.status(await self._inputs.unread(slot.writer.inputs) if slot.reading else {}))
        return {"log": self._name, "trouble": self.trouble, "shards": shards}


def _take(writers: Sequence[ShardWriter], folded: Callable[[], object]) -> dict[int, Exception | None]:
    """Have shards take what came in, as many of them as is one piece of work -> by number, why it failed if it did.

    folded: called when what remains is to wait for the disk.
    """
    done: dict[int, Exception | None] = {}
    left = RECORDS_A_PIECE
    for writer in writers:
        if left <= 0:
            break
        done[writer.number] = _failure_of(writer.work)
        left -= writer.worked
    folded()
    for writer in writers:
        if writer.number in done and done[writer.number] is None:
            done[writer.number] = _failure_of(writer.settle)
    return done


def _failure_of(job: Callable[[], None]) -> Exception | None:
    """Do something -> how it failed, whatever that is: the state is dropped then and read again from the log."""
    try:
        job()
    except Exception as error:
        return error
    return None


async def _shown(slot: Slot) -> None:
    """Return when the views of a shard are not being written."""
    if slot.showing is not None:
        await asyncio.wait([slot.showing])


def wait_s(failures: int) -> float:
    """How long to wait before a try behind so many that failed."""
    return float(min(TRY_AGAIN_S * 2 ** min(failures - 1, 20), TRY_AGAIN_AT_MOST_S))
