"""Other releases of the programs, each in a folder of its own: one from before, and one to come."""

import shutil
import subprocess
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Final

from tests.chaos.players import PROJECT

EARLIER: Final = "80181ae330f13779c56362b6609485449b9e9ad2"
"""The commit that is run beside this one: the newest with the same rules that others may run. Moved on with a release."""
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


def later(folder: Path) -> Path:
    """The programs of this release as if they decided by newer rules, in a folder that is made."""
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    block = folder / "infra" / "block.py"
    before, _, behind = block.read_text("utf-8").partition(_RULES)
    rules, _, rest = behind.partition("\n")
    block.write_text(f"{before}{_RULES}{int(rules) + 1}\n{rest}", "utf-8")
    return folder
