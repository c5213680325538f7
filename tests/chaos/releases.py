"""Other releases of the programs, each in a folder of its own: one from before, and one to come."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final, NamedTuple

from tests.chaos.players import PROJECT

EARLIER: Final = "80181ae330f13779c56362b6609485449b9e9ad2"
"""The commit that is run beside this one: of the same rules, and with tables, state and views of another version than ours,
which is what running beside it tries (``made_of``). To be moved on with a release, or where decisions come to differ."""
PACKAGES: Final = ("aggregates", "events", "guanxi", "infra", "processors", "projections")
_RULES: Final = "\nRULES = "


class HistoryMissing(Exception):
    """This copy of the project does not hold the commit of the earlier release."""


def earlier(folder: Path) -> Path:
    """The programs of the earlier release, in a folder that is made. Raises HistoryMissing."""
    asked = ["git", "-C", str(PROJECT), "archive", "--format=tar", EARLIER, *PACKAGES]
    made = subprocess.run(asked, capture_output=True, check=False)
    if made.returncode:
        raise HistoryMissing(
            f"commit {EARLIER[:9]}, the release that is tried beside this one, is not in this copy of the project "
            f"({made.stderr.decode(errors='replace').strip()}); get the whole history: git fetch --unshallow"
        )
    with tarfile.open(fileobj=BytesIO(made.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder


class MadeOf(NamedTuple):
    """What a release says of itself: by which rules it decides, and the versions of its tables, its state and its views."""

    rules: int
    tables: int
    state: list[int]
    views: list[int]


def made_of(project: Path) -> MadeOf:
    """What the programs of a release say of themselves."""
    environ = {**os.environ, "PYTHONPATH": str(project)}
    said = subprocess.run([sys.executable, "-c", _MADE_OF], env=environ, cwd=project, check=True, capture_output=True)
    return MadeOf(*json.loads(said.stdout))


_MADE_OF: Final = """
import json
from aggregates.packing import STATE_SHAPE, STATE_VERSION
from infra.block import RULES
from infra.postgres_tables import MIGRATIONS
from projections.catalog import PROJECTIONS
print(json.dumps([RULES, MIGRATIONS[-1].version, [STATE_VERSION, STATE_SHAPE], [each.version for each in PROJECTIONS]]))
"""


def later(folder: Path) -> Path:
    """The programs of this release as if they decided by newer rules, in a folder that is made."""
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    block = folder / "infra" / "block.py"
    before, _, behind = block.read_text("utf-8").partition(_RULES)
    rules, _, rest = behind.partition("\n")
    block.write_text(f"{before}{_RULES}{int(rules) + 1}\n{rest}", "utf-8")
    return folder
