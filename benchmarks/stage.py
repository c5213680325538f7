"""What the benchmarks of one run share: options, files made once, and a folder that goes away at the end."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec

from benchmarks import workload
from benchmarks.measure import Figures, alone
from benchmarks.workload import Shape

QUICK_RECORDS = 200_000
QUICK_CUSTOMERS = 10_000
MANY_CUSTOMERS = 1_000_000
QUICK_MANY_CUSTOMERS = 100_000


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How a run was asked for.

    records: money records of the standard input, None: the default; runs: of each part; rules: of triggers are on where a
    benchmark does not measure both.
    """

    quick: bool = False
    records: int | None = None
    runs: int = 3
    rules: bool = True


class Stage:
    """See the module. inputs: folder of generated files, kept; work: folder for everything else."""

    def __init__(self, options: Options, inputs: Path, work: Path) -> None:
        self.options, self.inputs, self.work = options, inputs, work
        self.runs: dict[str, list[Figures]] = {}
        self._banks: dict[str, Path] = {}
        self._folders = 0

    @property
    def shape(self) -> Shape:
        """The standard input."""
        quick = self.options.quick
        records = self.options.records or (QUICK_RECORDS if quick else Shape().records)
        return Shape(records=records, customers=QUICK_CUSTOMERS if quick else Shape().customers)

    @property
    def many_customers(self) -> int:
        """Customers where there are to be many."""
        return QUICK_MANY_CUSTOMERS if self.options.quick else MANY_CUSTOMERS

    def source(self, shape: Shape | None = None) -> Path:
        """The file of a shape, the standard input without one."""
        return workload.cached(shape or self.shape, self.inputs)

    def folder(self) -> Path:
        """A new empty folder."""
        self._folders += 1
        made = self.work / str(self._folders)
        made.mkdir()
        return made

    def alone(self, part: str, **parameters: object) -> Figures:
        """Run a part in a process of its own and keep its figures for the file of results."""
        figures = alone(part, **parameters)
        self.runs.setdefault(part, []).append(figures | {"parameters": parameters})
        return figures

    def take_runs(self) -> dict[str, list[Figures]]:
        """Figures of all parts since the last call."""
        runs, self.runs = self.runs, {}
        return runs

    def bank(self, name: str, build: Callable[[Path], None]) -> Path:
        """The folder of a bank that several benchmarks look at, built when it is asked for first; not to be changed."""
        if name not in self._banks:
            folder = self.folder()
            build(folder)
            self._banks[name] = folder
        return self._banks[name]

    def standard_bank(self) -> Path:
        """A bank that took the standard input."""
        return self.bank("standard", self._build_standard)

    def has_standard_bank(self, folder: Path) -> None:
        """The bank in this folder took the standard input; it need not be built again."""
        self._banks.setdefault("standard", folder)

    def _build_standard(self, folder: Path) -> None:
        alone("intake:ours", source=self.source(), folder=folder)

    def copy(self, bank: Path) -> Path:
        """A copy of a bank's folder that may be changed."""
        made = self.folder()
        shutil.copytree(bank, made, dirs_exist_ok=True)
        return made

    def drop(self, folder: Path) -> None:
        """Delete a folder that no one needs any more; that of a shared bank stays."""
        if folder not in self._banks.values():
            shutil.rmtree(folder)
