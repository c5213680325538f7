"""Questions about a day that has passed: everyone of a bank with many customers, and one customer of the standard bank."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

from benchmarks import bank, million
from benchmarks.measure import Figures, Watch
from benchmarks.report import Row
from benchmarks.stage import Stage

CUSTOMERS_ASKED = 200
_SEED = 5


def tiers(folder: str) -> Figures:
    """Every tier as of ten days before the last closed day."""
    return _everyone(folder, "tiers", known=False)


def aum(folder: str) -> Figures:
    """Every balance at the end of that day."""
    return _everyone(folder, "aum", known=False)


def aum_known(folder: str) -> Figures:
    """The same, by what the log knew behind the middle one of its blocks."""
    return _everyone(folder, "aum", known=True)


def _everyone(folder: str, question: str, *, known: bool) -> Figures:
    with bank.opened(folder, write=False) as asked, asked.views.page():
        basis = asked.views.basis()
        with Watch() as watch:
            at = asked.views.moment(basis.closed_through - 10, basis.block // 2 if known else None)
            rows = _count(asked.views.tiers(at=at) if question == "tiers" else asked.views.aum(at=at))
    return watch.figures(rows=rows)


def one(folder: str) -> Figures:
    """One customer folded from its lines, some after the other: the median of their times."""
    with bank.opened(folder, write=False) as asked, asked.views.page():
        at = asked.views.moment(asked.views.basis().closed_through - 10)
        everyone = [row["customer_id"] for row in asked.views.tiers()]
        some = random.Random(_SEED).sample(everyone, min(CUSTOMERS_ASKED, len(everyone)))
        asked.customer_at(some[0], at)  # opens what is opened once
        times = []
        with Watch() as whole:
            for customer_id in some:
                with Watch() as watch:
                    asked.customer_at(customer_id, at)
                times.append(watch.figures()["wall_s"])
    times.sort()
    return whole.figures(median_ms=times[len(times) // 2] * 1e3, slowest_ms=times[-1] * 1e3)


def _count(rows: Iterable[object]) -> int:
    return sum(1 for _ in rows)


def run(stage: Stage) -> Iterator[Row]:
    """Everyone first, then one."""
    many = million.of(stage)
    for name, part in (
        ("tiers as of a day", "tiers"),
        ("balances as of a day", "aum"),
        ("… as once known", "aum_known"),
    ):
        figures = stage.alone(f"any_day:{part}", folder=many)
        yield Row(name, f"{figures['wall_s']:.1f} s", figures, f"{int(figures['rows']):,} customers")
    figures = stage.alone("any_day:one", folder=stage.standard_bank())
    beside = f"median of {CUSTOMERS_ASKED} customers; slowest {figures['slowest_ms']:.0f} ms"
    yield Row("one customer", f"{figures['median_ms']:.1f} ms", figures, beside)
