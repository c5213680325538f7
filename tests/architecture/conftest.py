"""A small tree under the project's own Makefile, settings and checks, to break one rule at a time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]
PACKAGES = ("events", "aggregates", "projections", "processors", "infra", "guanxi")


class Tree:
    """A copy of the frame with six empty packages and one passing test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("Makefile", "pyproject.toml", "LICENSE"):
            shutil.copy(ROOT / name, root / name)
        shutil.copytree(ROOT / "tools", root / "tools", ignore=shutil.ignore_patterns("__pycache__"))
        for package in PACKAGES:
            self.write(f"{package}/__init__.py", "")
        self.write("README.md", "# Sample\n\n```console\n$ echo hello\nhello\n```\n")
        self.write("tests/test_sample.py", "def test_sample() -> None:\n    assert 1 + 1 == 2\n")
        subprocess.run(["git", "init", "-q", str(root)], check=True)

    def write(self, name: str, text: str) -> None:
        """Put a file into the tree."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def make(self, *target: str) -> subprocess.CompletedProcess[str]:
        """Run one target of the Makefile with this environment's commands, without setting up another."""
        commands = Path(sys.executable).parent
        # Not what an outer make or test run hands down to its own children.
        outer = ("MAKE", "MFLAGS", "ARGS", "DATA", "PYTEST_")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
        return subprocess.run(
            ["make", "-o", "setup", "-o", "dev", f"BIN={commands}", *target],
            cwd=self.root, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
        )  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)
