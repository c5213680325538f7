"""The page for auditors: every kind of tier change, every alert and every file beside the log is explained."""

import re
from pathlib import Path
from typing import get_args

from events.decisions import AlertKind, Kind

PAGE = (Path(__file__).parents[2] / "docs" / "auditor.md").read_text("utf-8")


def first_words(heading: str) -> set[str]:
    """The codes in the first column of the tables below a heading."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", section, re.MULTILINE))


def test_every_kind_of_tier_change_is_explained() -> None:
    assert first_words("Why is this the tier?") == set(get_args(Kind))


def test_every_alert_is_explained() -> None:
    assert first_words("What was refused, and what does not add up?") == set(get_args(AlertKind))
