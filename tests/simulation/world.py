"""One seed: a history of a bank taken in by the whole system, on a machine on which things go wrong.

The system is what a person starts: a policy taken in, files of records taken in, views looked at, views made anew. What
failed or died is started again, as a person would, until all is done; in between derived files get lost or spoiled.
After each fault a copy of the files is opened and audited; the machine goes on with the files as the fault left them.
"""

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import msgspec

from aggregates import closing as closing_of_days
from guanxi import bank, reading
from guanxi.bootstrap import open_bank
from guanxi.cli.endings import ending
from guanxi.settings import Settings
from infra import history_pages
from infra.ids import IdIndex
from infra.sqlite_log import SqliteEventLog
from processors import closing_days, history, keeper
from tests.model.histories import History
from tests.model.months import last_day, month_of, plus_months
from tests.simulation.auditor import Auditor, Input, Wrong, expect
from tests.simulation.audits import FAULT_OF_THE_PROGRAM, audit, damage, heard
from tests.simulation.calls import Calls
from tests.simulation.faults import Fault, Faults
from tests.simulation.ledger import derived_of, digest_of
from tests.simulation.machine import Died, Machine

LOG = "bank.db"
_TRIES = 60
"""Of one thing to be done: many more than there are faults."""


class Tally(msgspec.Struct):
    """What happened in a run of one seed or of many."""

    seeds: int = 0
    calls: int = 0
    injected: Counter[str] = msgspec.field(default_factory=Counter)
    fired: Counter[str] = msgspec.field(default_factory=Counter)
    reopened: int = 0
    audits: int = 0
    damaged: Counter[str] = msgspec.field(default_factory=Counter)
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
    packed_blocks: int
    run_lines: int
    page_bytes: int


def _plan(rng: random.Random) -> Plan:
    return Plan(
        faults=rng.randint(2, 6),
        checkpoint_pages=rng.choice([2, 8, 30, 1000]),
        batch_bytes=rng.choice([700, 2500, 6000, 40_000]),
        cut_after_lines=rng.choice([2, 5, 20, 5000]),
        customers_a_step=rng.choice([1, 2, 3, 10_000]),
        lines_between=rng.choice([15, 40, 100, 500_000]),
        recent_ids=rng.choice([10, 30, 60, 500]),
        packed_blocks=rng.choice([1, 4, 256]),
        run_lines=rng.choice([20, 100, 500_000]),
        page_bytes=rng.choice([300, 2000, 32_768]),
    )


@contextmanager
def _small_steps(plan: Plan) -> Iterator[None]:
    """Batches, blocks and checkpoints small enough that a short history has many."""
    small: list[tuple[Any, str, Any]] = [
        (reading, "BATCH_BYTES", plan.batch_bytes),
        (closing_days, "CUT_AFTER_LINES", plan.cut_after_lines),
        (closing_of_days, "CUSTOMERS_A_STEP", plan.customers_a_step),
        (keeper, "LINES_BETWEEN", plan.lines_between),
        (keeper, "LINES_PER_CUSTOMER", 0),
        (history, "PACKED_BLOCKS", plan.packed_blocks),
        (history, "RUN_LINES", plan.run_lines),
        (history_pages, "PAGE_BYTES", plan.page_bytes),
        (history_pages, "_LEAST_LEVEL_LINES", 40),
        (bank, "IdIndex", partial(IdIndex, recent_ids=plan.recent_ids)),
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
    if rng.random() < 0.95:
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
            others = [self._look, self._rebuild, self._spoil]
            for job in self._rng.choices(others, k=self._rng.choice([0, 0, 1, 2])):
                jobs += [job] if self._rng.random() < 0.75 else [job, self._at_rest]
        return jobs

    def _settings(self, policy: Path | None = None) -> Settings:
        return Settings(log=f"sqlite:///{LOG}", policy=policy)

    def _activate(self, policy: Path | None) -> None:
        with open_bank(self._settings(policy), write=True, say=heard):
            pass

    def _take(self, name: str) -> None:
        with open_bank(self._settings(), write=True, say=heard) as bank:
            bank.ingest([name])
            list(bank.lines_of("C1"))

    def _look(self) -> None:
        with open_bank(self._settings(), write=False, say=heard) as bank:
            expect("the views stand at the end of the log", bank.status().views_block, bank.status().blocks)
            for row in list(bank.views.tiers())[:2]:
                list(bank.lines_of(row["customer_id"]))

    def _rebuild(self) -> None:
        with open_bank(self._settings(), write=True, say=heard) as bank:
            expect("told by a rebuild", list(bank.rebuild(check=False)), [])

    def _at_rest(self) -> None:
        """The power goes while nothing runs."""
        self.machine.cut_at_rest()
        self._audit_copy()

    def _spoil(self) -> None:
        """Derived files are lost, cut, or something else."""
        names = derived_of(self._disk / LOG)
        for name in self._rng.sample(names, self._rng.randint(min(1, len(names)), len(names))):
            file = self._disk / name
            size = file.stat().st_size
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
            audit(self._disk / LOG, self.auditor, self._acknowledged, self._rng)
            self.tally.damaged[damage(self._copied(), self._rng)] += 1
            tally, auditor = self.tally, self.auditor
            tally.taken, tally.refused, tally.duplicates = auditor.taken, auditor.refused, auditor.duplicates
            tally.blocks = len(self._acknowledged)
            self._take_again()
            self.calls.end_process()
        machine = self.machine
        tally.audits = auditor.audits
        tally.calls, tally.injected, tally.fired = machine.calls, machine.injected, machine.fired
        return tally

    def _until_done(self, job: Callable[[], None]) -> None:
        for _ in range(_TRIES):
            if self._done(job):
                return
            self.tally.reopened += 1
            over = self._audit_copy()
            if self._takings.get(job) in over:
                return  # to the end, although nobody was told
        raise Wrong(f"started {_TRIES} times, and never came to its end")

    def _audit_copy(self) -> set[str]:
        return audit(self._copied(), self.auditor, self._acknowledged, self._rng)

    def _copied(self) -> Path:
        shutil.rmtree(self._copy, ignore_errors=True)
        shutil.copytree(self._disk, self._copy, symlinks=True)
        return self._copy / LOG

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
            if FAULT_OF_THE_PROGRAM in line:
                raise Wrong(f"not told in plain words: {line}") from error
            return False
        finally:
            self.calls.end_process()
            self.machine.stop()

    def _take_again(self) -> None:
        """Everything once more: nothing is taken twice. Raises Wrong."""
        with open_bank(self._settings(), write=True, say=heard) as bank:
            for name in self._takings.values():
                bank.ingest([name.removeprefix("file:")])
            counts = bank.counts
        expected = self.auditor.again()
        expect("taken again", [counts.taken, counts.duplicate, counts.refused], expected)
