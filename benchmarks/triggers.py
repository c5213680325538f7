"""What looking for triggers costs intake: a made-up bank's records with all rules on, and with all turned off, in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.bank import log_file
from benchmarks.measure import Figures, Watch, middle
from benchmarks.policies import policy_file
from benchmarks.report import Row, rate
from benchmarks.stage import Stage
from guanxi.bootstrap import open_bank
from guanxi.settings import Settings, log_url
from guanxi.simulator import blocks

CUSTOMERS, QUICK_CUSTOMERS = 4_000, 1_000
DAYS = 120
SEED = 5
AIM = "0.7 of without"


def ours(source: str, folder: str, rules: bool) -> Figures:
    """Take a file into a new bank and leave it. rules: whether they are on."""
    policy = policy_file(Path(folder), rules=rules)
    with Watch() as watch, open_bank(Settings(log=log_url(log_file(folder)), policy=policy), write=True) as door:
        counts = door.ingest([source])
    return watch.figures(
        records=counts.taken + counts.duplicate + counts.refused, refused=counts.refused, decisions=counts.decisions
    )


def run(stage: Stage) -> Iterator[Row]:
    """On and off in turn, the median of each."""
    source = stage.folder() / "bank.jsonl"
    with source.open("wb") as file:
        file.writelines(blocks(QUICK_CUSTOMERS if stage.options.quick else CUSTOMERS, DAYS, seed=SEED))
    found: dict[bool, list[Figures]] = {True: [], False: []}
    for _ in range(stage.options.runs):
        for rules in (False, True):
            folder = stage.folder()
            found[rules].append(stage.alone("triggers:ours", source=source, folder=folder, rules=rules))
            stage.drop(folder)
    off, on = middle(found[False]), middle(found[True])
    for name, each in (("off", off), ("on", on)):
        beside = f"{each['cpu_s'] / each['records'] * 1e6:.1f} µs CPU; {each['decisions']:,.0f} decisions"
        if each is on:
            beside += f"; {off['cpu_s'] / on['cpu_s']:.2f} of the rate without, by CPU"
        yield Row(f"triggers {name}", rate(each["records"], each["wall_s"]), each, beside, AIM if each is on else "")
