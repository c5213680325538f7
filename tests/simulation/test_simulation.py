"""The torture in short: 100 seeds; the same seed is the same run. The long one: make torture."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.faults import KINDS
from tests.simulation.vfs import NotReachable, library

ROOT = Path(__file__).parents[2]
SEEDS, PARTS = 100, 2

try:
    library()
except NotReachable as why:
    pytestmark = pytest.mark.skip(reason=str(why))


def simulated(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *options, "--jobs", "1", "--quiet"]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    environment.pop("GUANXI_KEY", None)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("part", range(PARTS))
def test_seeds(part: int) -> None:
    each = SEEDS // PARTS
    run = simulated("--seeds", f"{part * each}:{(part + 1) * each}")
    assert run.returncode == 0, run.stdout + run.stderr
    print(run.stdout)
    assert f"{each} seeds" in run.stdout
    assert "lost 0, twice 0" in run.stdout
    for kind in (*KINDS, "clock jumps", "derived file lost", "derived file rubbish"):
        assert re.search(f"{kind} [1-9]", run.stdout), f"{kind}: never happened"


def test_the_same_seed_is_the_same_run() -> None:
    first, second = (simulated("--seeds", "17:19", "--show") for _ in range(2))
    assert first.returncode == 0, first.stdout
    assert first.stdout == second.stdout
    assert first.stdout.count("\n") > 500
