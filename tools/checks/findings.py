"""What every check shares: the files of the tree, a finding, and how findings are told."""

import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Finding(NamedTuple):
    """One place that breaks a rule."""

    path: Path
    line: int
    says: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.says}"


def files(root: Path, suffix: str = "") -> list[Path]:
    """Files of the tree relative to `root`, sorted: those git tracks and new ones it does not ignore."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = {Path(name) for name in listed.stdout.split("\0") if name.endswith(suffix) and name}
    return sorted(path for path in found if (root / path).is_file())


def tell(what: str, findings: Iterable[Finding], looked_at: int) -> int:
    """Print the findings, or how many files are clean -> exit code. Nothing looked at is a failure too."""
    found = list(findings)
    for finding in found:
        print(finding)
    if found or not looked_at:
        print(f"{what}: {len(found)} found in {looked_at} files")
        return 1
    print(f"{what}: {looked_at} files clean")
    return 0
