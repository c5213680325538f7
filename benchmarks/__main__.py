"""Measure: `python -m benchmarks [NAME …] [--quick] [--lines N]`; where time goes: `… profile intake` or `rebuild`.

Names: intake, memos, rebuild, memory, size, flat, month_end, quiet_day, due_day, start, history, any_day, simulate,
portrait, postgres, fold, stream, catch_up, latency, triggers, warnings;
none: all. What each measures and how to read the table: docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.measure import alone
from benchmarks.stage import Options, Stage

NAMES = (
    "intake", "memos", "rebuild", "memory", "size", "flat", "month_end", "quiet_day", "due_day", "start", "history", "any_day",
    "simulate", "portrait", "postgres", "fold", "stream", "catch_up", "latency",
    "triggers", "warnings",
)  # fmt: skip
PROFILED = ("intake", "rebuild")


def main() -> int:
    """Run what was asked for -> exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything: to see that it works")
    parser.add_argument(
        "--lines", type=int, metavar="N", help="money records of the input (2,000,000; flat and simulate: 10,000,000)"
    )
    parser.add_argument("--runs", type=int, metavar="N", help="runs of which the median is told (3; quick: 1)")
    parser.add_argument("--no-triggers", action="store_true", help="catch_up: every rule of triggers off (all on)")
    parser.add_argument(
        "--dir", type=Path, metavar="FOLDER", help="where big files go (a folder in the temp directory)"
    )
    asked = parser.parse_args()
    quick = bool(asked.quick)
    options = Options(
        quick=quick, records=asked.lines, runs=asked.runs or (1 if quick else 3), rules=not asked.no_triggers
    )
    inputs = asked.dir or Path(tempfile.gettempdir()) / "guanxi-bench"
    names = asked.names or list(NAMES)
    profiled = names[1:] if names[0] == "profile" else []
    wrong = [name for name in profiled or names if name not in (PROFILED if names[0] == "profile" else NAMES)]
    if wrong or (names[0] == "profile" and not profiled):
        known = f"profile {' | '.join(PROFILED)}" if names[0] == "profile" else " ".join(NAMES)
        print(f"no benchmark {' '.join(wrong)!r}; there are: {known}", file=sys.stderr)
        return 2
    inputs.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=inputs, prefix="run-") as work:
        stage = Stage(options, inputs, Path(work))
        if profiled:
            for name in profiled:
                _profile(stage, name)
        else:
            _measure(stage, names)
    return 0


def _measure(stage: Stage, names: list[str]) -> None:
    report.header()
    for name in names:
        rows = []
        for row in importlib.import_module(f"benchmarks.{name}").run(stage):
            report.show(row)
            rows.append(row)
        options = stage.options
        report.keep(name, msgspec.structs.asdict(options), rows, stage.take_runs())


def _profile(stage: Stage, name: str) -> None:
    where = {"source": stage.source()} if name == "intake" else {"bank": stage.standard_bank()}
    for part in ("stages", "calls"):
        began = time.perf_counter()
        folder = stage.folder()
        alone(f"profile:{name}_{part}", folder=folder, **where)
        stage.drop(folder)
        print(f"({time.perf_counter() - began:.0f} s)\n")


if __name__ == "__main__":
    sys.exit(main())
