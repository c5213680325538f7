from pathlib import Path

import pytest

from tests.architecture.conftest import Tree
from tools.checks import bans, findings

CLOCKS = [
    "import time\nx = time.time()",
    "import time as t\nx = t.monotonic()",
    "from time import perf_counter\nx = perf_counter()",
    "from time import time as now",
    "import datetime\nx = datetime.datetime.now()",
    "from datetime import datetime\nx = datetime.now().date()",
    "from datetime import datetime as dt\nx = dt.utcnow()",
    "from datetime import date\nf = date.today",
]
RANDOMNESS = [
    "import random",
    "from random import Random",
    "import secrets",
    "import uuid\nx = uuid.uuid4()",
    "from uuid import uuid1",
    "import os\nx = os.urandom(8)",
    "import numpy as np\nx = np.random.default_rng()",
    "x = hash('a')",
]
FLOATS = [
    "x = 0.5",
    "x = 1e3",
    "x = float('1')",
    "def f(x: float) -> None: ...",
    "def f() -> 'float | None': ...",
    "x: list[float] = []",
    "x = 1 / 2",
    "x = 1\nx /= 2",
    "x = round(2)",
    "import json\nx = json.loads('1.5')",
    "from json import loads\nx = loads('1.5')",
    "import math\nx = math.sqrt(4)",
    "import statistics",
    "from operator import truediv",
]
OUTPUT = ["print('x')", "import sys\nsys.stdout.write('x')", "from sys import stderr"]
FINE = [
    "import time\ntime.sleep",
    "from datetime import date\nx = date.fromisoformat('2026-01-01')",
    "import uuid\nx = uuid.uuid5",
    "x = 7 // 2",
    "def f(x: object) -> bool:\n    return isinstance(x, float)",
    "import json\nx = json.loads('1.5', parse_float=str)",
    "import math\nx = math.gcd(4, 6)",
    "class A:\n    def time(self) -> int:\n        return self.now.today.random",
    "'a text with 0.5 and random.random() in it'",
]


def lines(package: str, source: str) -> list[int]:
    return [finding.line for finding in bans.findings_in(Path(package) / "a.py", source)]


@pytest.mark.parametrize("package", ["events", "aggregates", "projections", "processors"])
@pytest.mark.parametrize("source", CLOCKS + RANDOMNESS)
def test_no_clock_and_no_randomness_where_things_are_decided(package: str, source: str) -> None:
    assert lines(package, source)


@pytest.mark.parametrize("package", ["infra", "guanxi"])
@pytest.mark.parametrize("source", CLOCKS + RANDOMNESS)
def test_clocks_and_randomness_at_the_doors(package: str, source: str) -> None:
    assert not lines(package, source)


@pytest.mark.parametrize("package", ["events", "aggregates"])
@pytest.mark.parametrize("source", FLOATS)
def test_no_float_where_money_is(package: str, source: str) -> None:
    assert lines(package, source)


@pytest.mark.parametrize("source", FLOATS)
def test_floats_elsewhere(source: str) -> None:
    assert not lines("infra", source)


@pytest.mark.parametrize("package", ["events", "projections", "infra", "guanxi"])
@pytest.mark.parametrize("source", OUTPUT)
def test_no_output_but_from_the_command_line(package: str, source: str) -> None:
    assert lines(package, source)
    assert not lines("guanxi/cli", source)


@pytest.mark.parametrize("source", FINE)
def test_what_only_looks_alike_is_left_alone(source: str) -> None:
    assert not lines("aggregates", source)


def test_says_where() -> None:
    (finding,) = bans.findings_in(Path("events/a.py"), "import json\n\n\nx = 1 / 2\n")
    assert str(finding).startswith("events/a.py:4: true division")


def test_the_environment_is_read_by_the_front_door() -> None:
    source = "import os\nx = os.environ['A']"
    assert lines("processors", source) == [2]
    assert not lines("guanxi", source)


def test_an_empty_tree_is_no_clean_tree(tree: Tree) -> None:
    for path in tree.root.glob("*/*.py"):
        path.unlink()
    found, looked_at = bans.findings(tree.root)
    assert (found, looked_at) == ([], 0)
    assert findings.tell("bans", found, looked_at) == 1
