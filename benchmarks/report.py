"""One line a benchmark on the terminal, and every figure of every run in a file of results."""

from __future__ import annotations

import datetime as dt
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import Figures

RESULTS = Path(__file__).resolve().parent / "results"
_HEAD = f"{'benchmark':<22}{'measured':>23}{'floor · goal':>21}{'CPU s':>9}{'wall s':>9}{'peak MB':>9}   beside"


class Row(NamedTuple):
    """A line of the table. measured: the figure that counts; aim: floor and goal; beside: what else to say."""

    name: str
    measured: str
    figures: Figures
    beside: str = ""
    aim: str = ""


def header() -> None:
    """Print the head of the table."""
    print(_HEAD)
    print("-" * (len(_HEAD) + 50))


def show(row: Row) -> None:
    """Print a line of the table; a figure that was not measured is left blank."""
    columns = ""
    for name, unit, form in (("cpu_s", 1, ",.2f"), ("wall_s", 1, ",.2f"), ("peak_bytes", 1_000_000, ",.0f")):
        columns += f"{format(row.figures[name] / unit, form) if name in row.figures else '':>9}"
    print(f"{row.name:<22}{row.measured:>23}{row.aim:>21}{columns}   {row.beside}".rstrip(), flush=True)


def keep(name: str, asked: dict[str, Any], rows: Sequence[Row], runs: dict[str, list[Figures]]) -> None:
    """Append a result: what was asked, the rows as shown, all runs, and on what they ran."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / ".gitignore").write_text("*\n")
    result = {
        "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "benchmark": name,
        "asked": asked,
        "rows": [row._asdict() for row in rows],
        "runs": runs,
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": os.getloadavg(),
    }
    with open(RESULTS / f"{name}.jsonl", "a", encoding="utf-8") as file:
        file.write(json.dumps(result, default=str) + "\n")


def _commit() -> str | None:
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=RESULTS.parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()


def rate(count: float, seconds: float) -> str:
    """So many a second, in thousands."""
    return f"{count / seconds / 1000:,.1f} k/s" if seconds else "–"


def times(ours: float, theirs: float) -> str:
    """How many times theirs is ours."""
    return f"{ours / theirs:.2f} ×" if theirs else "–"
