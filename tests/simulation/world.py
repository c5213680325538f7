"""One seed: a history of a bank taken in by the whole system, on a machine on which things go wrong.

The system is what a person starts: a policy taken in, files of records taken in, views looked at, views made anew. What
failed or died is started again, as a person would, until all is done; in between derived files get lost or spoiled.
After each fault a copy of the files is opened and audited; the machine goes on with the files as the fault left them.
"""

import json
import os
import random
import shutil
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from aggregates import closing as closing_of_days
from aggregates.policy import Policies
from aggregates.shard import Shard
from events.decisions import RecordRefused
from events.fields import Record
from guanxi import bootstrap, keeper, reading
from guanxi.bootstrap import open_bank
from guanxi.cli.endings import ending
from guanxi.settings import Settings
from infra.ids import IdIndex
from infra.sqlite_log import SqliteEventLog
from infra.sqlite_snapshots import SqliteSnapshots
from infra.vault import Vault
from processors import intake
from processors.snapshot import shard_from
from processors.stored import decode_lines, opened
from tests.model.histories import History
from tests.model.months import last_day, month_of, plus_months
from tests.proof.world import digest
from tests.simulation.auditor import Auditor, Input, Wrong, expect
from tests.simulation.calls import Calls
from tests.simulation.faults import Fault, Faults
from tests.simulation.ledger import blocks_of, digest_of
from tests.simulation.machine import Died, Machine

LOG = "bank.db"
DERIVED = ("views", "ids", "snapshot")
_CHECKED_SHARE = 0.3
"""Audits that also make every view anew and compare."""
_FAULT_OF_THE_PROGRAM = "a fault of this program"


class Tally(msgspec.Struct):
    """What happened in a run of one seed or of many."""

    seeds: int = 0
    calls: int = 0
    injected: Counter[str] = msgspec.field(default_factory=Counter)
    fired: Counter[str] = msgspec.field(default_factory=Counter)
    reopened: int = 0
    audits: int = 0
    blocks: int = 0
    taken: int = 0
    refused: int = 0
    duplicates: int = 0

    def add(self, other: "Tally") -> None:
        """Count another run in."""
        for name in self.__struct_fields__:
            mine, more = getattr(self, name), getattr(other, name)
            setattr(self, name, mine + more)


class Plan(msgspec.Struct, frozen=True):
    """How a seed is run: everything that is not the history itself."""

    faults: int
    checkpoint_pages: int
    batch_bytes: int
    cut_after_lines: int
    customers_a_step: int
    lines_between: int
    recent_ids: int


def _plan(rng: random.Random) -> Plan:
    return Plan(
        faults=rng.randint(2, 8),
        checkpoint_pages=rng.choice([2, 8, 30, 1000]),
        batch_bytes=rng.choice([700, 2500, 6000, 40_000]),
        cut_after_lines=rng.choice([2, 5, 20, 5000]),
        customers_a_step=rng.choice([1, 2, 3, 10_000]),
        lines_between=rng.choice([15, 40, 100, 500_000]),
        recent_ids=rng.choice([10, 30, 60, 500]),
    )


@contextmanager
def _small_steps(plan: Plan) -> Iterator[None]:
    """Batches, blocks and checkpoints small enough that a short history has many."""
    small: list[tuple[Any, str, Any]] = [
        (reading, "BATCH_BYTES", plan.batch_bytes),
        (intake, "CUT_AFTER_LINES", plan.cut_after_lines),
        (closing_of_days, "CUSTOMERS_A_STEP", plan.customers_a_step),
        (keeper, "LINES_BETWEEN", plan.lines_between),
        (keeper, "_LINES_PER_CUSTOMER", 0),
        (bootstrap, "IdIndex", partial(IdIndex, recent_ids=plan.recent_ids)),
    ]
    patches = [patch.object(owner, name, value) for owner, name, value in small]
    try:
        for each in patches:
            each.start()
        yield
    finally:
        for each in patches:
            each.stop()


def _history(rng: random.Random) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Policies and records: some months, seldom years."""
    written = History(rng, rng.randint(15, 45))
    if rng.random() < 0.9:
        written.end = last_day(plus_months(month_of(written.start), rng.randint(1, 6)))
        written.per_month = rng.randint(6, 14)
    written.write()
    return written.policies, written.records


def _toml(policy: dict[str, Any]) -> str:
    """A parsed policy file as the file."""
    lines = [f'version = "{policy["version"]}"', f'currency = "{policy["currency"]}"']
    if "valid_from" in policy:
        lines.append(f"valid_from = {policy['valid_from']}")
    if "calendar" in policy:
        lines += ["[calendar]", f"sources = {json.dumps(policy['calendar']['sources'])}"]
    for level in policy["levels"]:
        lines += ["[[levels]]", f'code = "{level["code"]}"', f'threshold = "{level["threshold"]}"']
    lines += ["[windows]", *(f"{name} = {value}" for name, value in policy["windows"].items())]
    return "\n".join(lines) + "\n"


class World:
    """See the module. folder: an empty one, with its links resolved. only: this fault and no other, at the beginning."""

    def __init__(self, seed: int, folder: Path, only: Fault | None = None) -> None:
        self.seed, self.tally = seed, Tally(seeds=1)
        self._rng = random.Random(seed)
        policies, records = _history(self._rng)
        self._plan = _plan(self._rng)
        self._disk, self._copy, self._input = folder / "disk", folder / "copy", folder / "input"
        for each in (self._disk, self._input):
            each.mkdir()
        self._policies = self._written_policies(policies)
        inputs = self._written_records(records)
        self.auditor = Auditor(policies, inputs)
        self._acknowledged: dict[int, int] = {}
        chance = random.Random(self._rng.random())
        drawn = Faults(chance, self._plan.faults) if only is None else Faults(chance, 0, [only])
        self.machine = Machine(self._disk, self._rng, drawn.draw)
        self.calls = Calls(self.machine, self._plan.checkpoint_pages)
        self._takings: dict[Callable[[], None], str] = {}
        self._over: set[str] = set()
        """Files of which the log says that they were taken to the end."""
        self._jobs = self._all_jobs(inputs)

    def _written_policies(self, policies: list[dict[str, Any]]) -> list[Path | None]:
        files: list[Path | None] = []
        for policy in policies:
            file = self._input / f"{policy['version']}.toml" if policy else None
            if file is not None:
                file.write_text(_toml(policy))
            files.append(file)
        return files

    def _written_records(self, records: list[dict[str, Any]]) -> list[Input]:
        cuts = sorted(self._rng.randint(0, len(records)) for _ in range(self._rng.choice([0, 1, 2])))
        inputs = []
        for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(records)], strict=True)):
            if start == end:
                continue
            name = f"../input/{number}.jsonl"
            lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records[start:end])
            (self._input / f"{number}.jsonl").write_text(lines + self._rng.choice(["", "\n"]))
            inputs.append(Input(f"file:{name}", records[start:end]))
        return inputs

    # ------------------------------------------------------------------------------------------ what a person does

    def _all_jobs(self, inputs: list[Input]) -> list[Callable[[], None]]:
        jobs: list[Callable[[], None]] = [partial(self._activate, file) for file in self._policies]
        for each in inputs:
            taking = partial(self._take, each.name.removeprefix("file:"))
            self._takings[taking] = each.name
            jobs.append(taking)
            jobs += self._rng.choices([self._look, self._rebuild, self._spoil], k=self._rng.choice([0, 0, 1, 2]))
        return jobs

    def _settings(self, policy: Path | None = None) -> Settings:
        return Settings(log=f"sqlite:///{LOG}", policy=policy)

    def _activate(self, policy: Path | None) -> None:
        with open_bank(self._settings(policy), write=True):
            pass

    def _take(self, name: str) -> None:
        with open_bank(self._settings(), write=True, say=self._say) as bank:
            bank.ingest([name])

    def _look(self) -> None:
        with open_bank(self._settings(), write=False) as bank:
            expect("the views stand at the end of the log", bank.status().views_block, bank.status().blocks)

    def _rebuild(self) -> None:
        with open_bank(self._settings(), write=True) as bank:
            expect("told by a rebuild", list(bank.rebuild(check=False)), [])

    def _spoil(self) -> None:
        """Derived files are lost, cut, or something else."""
        for suffix in self._rng.sample(DERIVED, self._rng.randint(1, 3)):
            name = f"{LOG}-{suffix}"
            file = self._disk / name
            if not file.exists():
                continue
            name, size = os.path.basename(os.path.realpath(file)), file.stat().st_size
            how = self._rng.choice(["lost", "empty", "cut", "rubbish"])
            self.machine.fired[f"derived file {how}"] += 1
            spoiled = {
                "lost": None,
                "empty": b"",
                "cut": file.read_bytes()[: self._rng.randint(0, max(0, size - 1))],
                "rubbish": self._rng.randbytes(size),
            }[how]
            for tail in ("-wal", "-shm"):
                if self.machine.disk.holds(name + tail):
                    self.machine.disk.replace(name + tail, None)
            self.machine.disk.replace(name, spoiled)

    # ------------------------------------------------------------------------------------------ the run

    def run(self) -> Tally:
        """All of it. Raises Wrong."""
        append = SqliteEventLog.append

        def appended(log: SqliteEventLog, draft: Any) -> int:
            number = append(log, draft)
            if log.path == LOG and not self.machine.dead:
                self._acknowledged[number] = digest_of(b"\n".join(draft.lines))
            return number

        os.chdir(self._disk)
        with _small_steps(self._plan), self.calls.led(), patch.object(SqliteEventLog, "append", appended):
            for job in self._jobs:
                self._until_done(job)
            self.machine.repair()
            self._until_done(self._look)
            self._audit(self._disk / LOG)
            tally, auditor = self.tally, self.auditor
            tally.taken, tally.refused, tally.duplicates = auditor.taken, auditor.refused, auditor.duplicates
            tally.blocks = len(self._acknowledged)
            self._take_again()
            self.calls.end_process()
        machine = self.machine
        tally.calls, tally.injected, tally.fired = machine.calls, machine.injected, machine.fired
        return tally

    def _until_done(self, job: Callable[[], None]) -> None:
        while not self._done(job):
            self.tally.reopened += 1
            shutil.rmtree(self._copy, ignore_errors=True)
            shutil.copytree(self._disk, self._copy, symlinks=True)
            self._audit(self._copy / LOG)
            if job in self._takings and self._takings[job] in self._over:
                return  # to the end, although nobody was told

    def _done(self, job: Callable[[], None]) -> bool:
        """Run the program once. Whether it came to its end; else it died, or told what is wrong."""
        self.machine.start()
        try:
            job()
            return not self.machine.dead
        except Died:
            return False
        except (Wrong, AssertionError):
            raise
        except Exception as error:
            if self.machine.dead:
                return False
            line, _ = ending(error)
            if not self.machine.spoiled:
                raise Wrong(f"the program gave up though nothing was wrong: {line}") from error
            if _FAULT_OF_THE_PROGRAM in line:
                raise Wrong(f"not told in plain words: {line}") from error
            return False
        finally:
            self.calls.end_process()
            self.machine.stop()

    def _say(self, line: str) -> None:
        if "a new master key" not in line:
            raise Wrong(f"the program says: {line}")

    # ------------------------------------------------------------------------------------------ audits

    def _audit(self, log: Path) -> None:
        """Open a log and hold everything that it says against the model. Raises Wrong."""
        self.tally.audits += 1
        settings = Settings(log=f"sqlite:///{log}")
        with open_bank(settings, write=True, say=self._say) as bank:
            pass
        blocks = blocks_of(log)
        found = {block.number: block.digest for block in blocks}
        expect("acknowledged blocks", {number: found.get(number) for number in self._acknowledged}, self._acknowledged)
        self.auditor.read(blocks)
        self.auditor.decided(blocks, swept=True)
        stands = blocks[-1].inputs if blocks else {}
        self._over = {name for block in blocks for name in block.inputs}.difference(stands)
        with open_bank(settings, write=False) as bank:
            self.auditor.answers(bank.views, self._rng)
            if self._rng.random() < _CHECKED_SHARE:
                expect("differences of views from the log", [str(each) for each in bank.rebuild(check=True)], [])
        self._states(log)

    def _states(self, log: Path) -> None:
        """The state is the same from the log and from the snapshot, and what was sealed can be opened. Raises Wrong."""
        opened_log = SqliteEventLog(str(log))
        with closing(opened_log):
            shard = Shard(Policies())
            key = b64decode(log.with_name(f"{log.name}-master.key").read_text())
            with closing(Vault(f"{log}-vault", key)) as vault:
                for block in opened_log.blocks():
                    lines = decode_lines(block.body)
                    keeper.evolve(shard, lines)
                    for line in lines:
                        if isinstance(line, RecordRefused):
                            vault.open("", b64decode(line.original), b"refused")
                        elif isinstance(line, Record):
                            opened(line, vault)
            kept = SqliteSnapshots(f"{log}-snapshot").load()
            restored = shard_from(*kept) if kept else None
            expect("a snapshot", restored is not None, True)
            expect("the state from the snapshot", digest(restored), digest(shard))

    def _take_again(self) -> None:
        """Everything once more: nothing is taken twice. Raises Wrong."""
        with open_bank(self._settings(), write=True) as bank:
            for name in self._takings.values():
                bank.ingest([name.removeprefix("file:")])
            counts = bank.counts
        expected = self.auditor.again()
        expect("taken again", [counts.taken, counts.duplicate, counts.refused], expected)
