"""What warnings are worth where it is known who left: made-up banks with people in episodes, and the truth kept aside.

The seeds were chosen before any rule or story was written and looked at for the first time when the table was made.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.measure import Figures, Watch
from benchmarks.report import Row
from benchmarks.stage import Stage
from events.decisions import TriggerMoved
from guanxi.bank import Bank
from guanxi.settings import Settings
from guanxi.simulator import POLICY_FILE, blocks
from guanxi.simulator.person import Truth
from guanxi.simulator.warned import Raised, raised_of, scores
from infra.sqlite_log import SqliteEventLog
from processors.stored import decode_lines

SEEDS = (90_210, 31_337, 86_028_121)
CUSTOMERS, QUICK_CUSTOMERS = 1_000, 300
DAYS = 400


def lived(seed: int, customers: int, folder: Path) -> tuple[list[Truth], list[Raised], int]:
    """A bank lived through and taken into a log -> the truth, what was raised, how many records."""
    truth: list[Truth] = []
    log = folder / f"{seed}.db"
    with Bank(Settings(log=f"sqlite:///{log}", policy=POLICY_FILE), write=True) as bank:
        lines = (line for block in blocks(customers, DAYS, seed, truth=truth) for line in block.splitlines())
        counts = bank.ingest_lines("bank", lines)
    if counts.refused:
        raise RuntimeError(f"{counts.refused} records of the made-up bank were refused")
    return truth, raised_in(log), counts.taken


def raised_in(log: Path) -> list[Raised]:
    """Every raise of a log, from its lines."""
    lines = (line for block in SqliteEventLog(str(log)).blocks() if block.lines != block.facts
             for line in decode_lines(block.body))  # fmt: skip
    return raised_of(line.published() for line in lines if isinstance(line, TriggerMoved))


def part(seed: int, customers: int, folder: str) -> Figures:
    """One bank: its scores, flat, for the process that asked."""
    with Watch() as watch:
        truth, raised, records = lived(seed, customers, Path(folder))
    flat: dict[str, float] = {"records": records, "episodes": len(truth), "raised": len(raised)}
    for code, score in scores(truth, raised).items():
        for name in ("stories", "warned", "right", "wrong"):
            flat[f"{code}.{name}"] = getattr(score, name)
        for at, days in enumerate(score.days):
            flat[f"{code}.days.{at}"] = days
    return watch.figures(**flat)


def run(stage: Stage) -> Iterator[Row]:
    """Every seed, then a line a code over all of them."""
    customers = QUICK_CUSTOMERS if stage.options.quick else CUSTOMERS
    seeds = SEEDS[:1] if stage.options.quick else SEEDS
    banks = [stage.alone("warnings:part", seed=seed, customers=customers, folder=stage.folder()) for seed in seeds]
    total = {name: sum(bank.get(name, 0) for bank in banks) for name in banks[0]}
    yield Row("warnings", f"{total['episodes']:,.0f} episodes", banks[0], f"{total['raised']:,.0f} raised of everyone")
    for code in sorted({name.split(".")[0] for name in total if "." in name}):
        days = [value for bank in banks for name, value in bank.items() if name.startswith(f"{code}.days.")]
        yield Row(code, _share("recall", total, code), {}, _beside(total, code, days))


def _share(name: str, total: Figures, code: str) -> str:
    stories = total[f"{code}.stories"]
    return f"{name} {total[f'{code}.warned'] / stories:.0%}" if stories else f"{name} -"


def _beside(total: Figures, code: str, days: list[float]) -> str:
    right, wrong = total[f"{code}.right"], total[f"{code}.wrong"]
    precision = f"precision {right / (right + wrong):.0%}" if right + wrong else "precision -"
    warning = f"; {median(days):.0f} days of warning ({min(days):.0f} to {max(days):.0f})" if days else ""
    warned = f"{total[f'{code}.warned']:.0f} of {total[f'{code}.stories']:.0f} stories"
    return f"{precision} ({right:.0f} right, {wrong:.0f} wrong){warning}; {warned}"
