"""From a file to the committed log and its projections, everything on, beside a plain script in alternating runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks import bank
from benchmarks.measure import Figures, Watch, middle
from benchmarks.report import Row, rate, times
from benchmarks.stage import Stage

AIM = "80 · 150 k/s"


def ours(source: str, folder: str) -> Figures:
    """Take a file into a new bank and leave the bank: log, ids, snapshot and projections are written."""
    with Watch() as watch, bank.opened(folder, write=True) as door:
        counts = door.ingest([source])
    return watch.figures(
        records=counts.taken + counts.duplicate + counts.refused, refused=counts.refused, decisions=counts.decisions
    )


def run(stage: Stage) -> Iterator[Row]:
    """The standard input through the bank and the plain scripts in turn; then into a bank that has it already."""
    source = stage.source()
    found: dict[str, list[Figures]] = {"intake": [], "plain keyed": [], "plain heap": []}
    for _ in range(stage.options.runs):
        folder = stage.folder()
        found["intake"].append(stage.alone("intake:ours", source=source, folder=folder))
        stage.has_standard_bank(folder)
        stage.drop(folder)
        for name in ("plain keyed", "plain heap"):
            folder = stage.folder()
            keyed = name.endswith("keyed")
            found[name].append(stage.alone("plain:take", source=source, database=folder / "rows.db", keyed=keyed))
            stage.drop(folder)
    figures = {name: middle(runs) for name, runs in found.items()}
    mine = figures["intake"]
    if mine["refused"]:
        raise RuntimeError(f"{mine['refused']} records of the standard input were refused")
    for name, each in figures.items():
        cost = f"{each['cpu_s'] / each['records'] * 1e6:.2f} µs CPU"
        if name == "intake":
            beside, aim = f"{cost}; {each['decisions']:,.0f} decisions", AIM
        else:
            beside, aim = f"{cost}; intake is {_ratio(each, mine, 'wall_s')}, by CPU {_ratio(each, mine, 'cpu_s')}", ""
        yield Row(name, rate(each["records"], each["wall_s"]), each, beside, aim)
    yield _again(stage, source)


def _ratio(theirs: Figures, ours: Figures, by: str) -> str:
    return times(theirs[by] / theirs["records"], ours[by] / ours["records"])


def _again(stage: Stage, source: Path) -> Row:
    folder = stage.copy(stage.standard_bank())
    figures = stage.alone("intake:ours", source=source, folder=folder)
    stage.drop(folder)
    return Row("intake of duplicates", rate(figures["records"], figures["wall_s"]), figures, "the same file once more")
