"""The torture: seeds, each a bank on a machine on which things go wrong.

python -m tests.simulation --seeds 0:10000          so many seeds, on all cores
python -m tests.simulation --seeds 17:18 --show     one seed, with every call and fault
python -m tests.simulation --every-call 3           one history, killed or cut off at each of its calls in turn
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from tests.simulation.faults import Fault
from tests.simulation.world import Tally, World

_Part = tuple[Any, ...]
"""A function and what to call it with."""

_SEEDS_AT_ONCE = 10
_CALLS_SHOWN = 40


class Failed(Exception):
    """A seed that did not survive: everything there is to say about it."""


@contextmanager
def _folder() -> Iterator[Path]:
    """An empty folder, in memory where there is one."""
    memory = "/dev/shm"
    here = os.getcwd()
    folder = tempfile.mkdtemp(prefix="guanxi-torture-", dir=memory if os.access(memory, os.W_OK) else None)
    try:
        yield Path(folder).resolve()
    finally:
        os.chdir(here)
        shutil.rmtree(folder, ignore_errors=True)


def _run(seed: int, only: Fault | None = None, show: bool = False) -> Tally:
    """One seed. Raises Failed."""
    world = None
    with _folder() as folder:
        try:
            world = World(seed, folder, only)
            if show:
                world.machine.show()
            return world.run()
        except Exception as error:
            said = "".join(traceback.format_exception(error)) if show else f"{type(error).__name__}: {error}"
            calls = list(world.machine.latest)[-_CALLS_SHOWN:] if world and not show else []
            raise Failed("\n  ".join(["the last calls:", *calls, said])) from None


def run_seeds(start: int, stop: int) -> Tally:
    """Seeds one after the other. Raises Failed at the first that does not survive."""
    total = Tally()
    for seed in range(start, stop):
        try:
            total.add(_run(seed))
        except Failed as failed:
            raise Failed(f"{failed}\n{_how_to_see(f'--seeds {seed}:{seed + 1} --show')}") from None
    return total


def run_calls(seed: int, start: int, stop: int) -> Tally:
    """One history, ended at each of these calls in a run of its own: killed or without power, before it or after it."""
    total = Tally()
    for call in range(start, stop):
        rng = random.Random(call)
        fault = Fault(rng.choice(["killed", "power cut", "power cut"]), call, "", rng.random() < 0.5, 0, 1)
        try:
            total.add(_run(seed, fault))
        except Failed as failed:
            raise Failed(f"{failed}\n{_how_to_see(f'--every-call {seed} --calls {call}:{call + 1}')}") from None
    return total


def _how_to_see(options: str) -> str:
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    commit = found.stdout.strip() or "no repository"
    return f"commit {commit}; to see it again: PYTHONHASHSEED=0 python -m tests.simulation {options}"


def _told(total: Tally) -> str:
    fired = ", ".join(f"{kind} {total.fired[kind]:,}" for kind in sorted(total.fired))
    meant = sum(total.injected.values())
    happened = sum(total.fired[kind] for kind in total.injected)
    return "\n".join(
        (
            f"{total.seeds:,} seeds · {total.calls:,} calls to the disk · {meant:,} faults drawn, {happened:,} happened",
            f"survived: {fired}",
            f"{total.reopened:,} runs that ended badly and were started again · {total.audits:,} audits",
            f"{sum(total.damaged.values()):,} damages done to copies of log and vault: {total.damaged['told']:,} told, "
            f"{total.damaged['harmless']:,} harmless, believed 0",
            f"{total.blocks:,} blocks acknowledged · {total.taken:,} records taken, {total.refused:,} refused, "
            f"{total.duplicates:,} duplicates · lost 0, twice 0",
        )
    )


def _range(text: str) -> tuple[int, int]:
    start, _, stop = text.partition(":")
    return (int(start), int(stop)) if stop else (0, int(start))


def _all(parts: list[_Part], jobs: int, quiet: bool) -> Tally:
    total, began = Tally(), time.monotonic()
    with Pool(jobs) as pool:
        for done, found in enumerate(pool.imap_unordered(_run_part, parts), 1):
            if isinstance(found, Failed):
                raise found
            total.add(found)
            if not quiet and (done % 10 == 0 or done == len(parts)):
                seconds = time.monotonic() - began
                print(f"  {total.seeds:,} seeds, {sum(total.fired.values()):,} faults, {seconds:,.0f} s", flush=True)
    return total


def _run_part(part: _Part) -> Tally | Failed:
    function, *range_ = part
    try:
        found: Tally = function(*range_)
        return found
    except Failed as failed:
        return failed


def main() -> int:
    """Run what is asked for; 0 if everything survived."""
    options = argparse.ArgumentParser(
        prog="python -m tests.simulation", description="Torture the whole system, by seed."
    )
    options.add_argument("--seeds", type=_range, default=(0, 200), metavar="FROM:TO", help="seeds to run (0:200)")
    options.add_argument("--every-call", type=int, metavar="SEED", help="end one history at each of its calls instead")
    options.add_argument("--calls", type=_range, metavar="FROM:TO", help="with --every-call: at these")
    options.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (all cores)")
    options.add_argument("--show", action="store_true", help="print every call and fault, and the whole traceback")
    options.add_argument("--quiet", action="store_true", help="no progress")
    asked = options.parse_args()
    if "PYTHONHASHSEED" not in os.environ:  # else sets of texts are ordered by chance
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation", *sys.argv[1:]],
            os.environ | {"PYTHONHASHSEED": "0"},
        )
    try:
        if asked.show:
            total = Tally()
            for seed in range(*asked.seeds):
                total.add(_run(seed, show=True))
        elif asked.every_call is not None:
            calls = asked.calls or (0, _run(asked.every_call, Fault("killed", 1 << 60, "", True, 0, 1)).calls)
            steps = range(calls[0], calls[1], _SEEDS_AT_ONCE)
            total = _all(
                [(run_calls, asked.every_call, at, min(at + _SEEDS_AT_ONCE, calls[1])) for at in steps],
                asked.jobs, asked.quiet,
            )  # fmt: skip
        else:
            start, stop = asked.seeds
            steps = range(start, stop, _SEEDS_AT_ONCE)
            total = _all([(run_seeds, at, min(at + _SEEDS_AT_ONCE, stop)) for at in steps], asked.jobs, asked.quiet)
    except Failed as failed:
        print(failed)
        return 1
    print(_told(total))
    return 0


if __name__ == "__main__":
    sys.exit(main())
