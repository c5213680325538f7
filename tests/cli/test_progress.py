"""Progress while a job runs, and the line at its end."""

import io
import re
import sys

import pytest

from guanxi.cli import progress
from guanxi.cli.progress import Running, rate, summary


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_line_at_the_end() -> None:
    assert summary(12_345, 6, 7, 2.0) == "taken 12,345 · duplicate 6 · refused 7 · 2.0 s, 6,179 records/s"


def test_a_job_of_no_time_has_no_rate() -> None:
    assert rate(5, 0.0) == "- records/s"


def run_a_job(monkeypatch: pytest.MonkeyPatch, stderr: io.StringIO, *, quiet_seconds: float) -> str:
    monkeypatch.setattr(sys, "stderr", stderr)
    monkeypatch.setattr(progress, "QUIET_SECONDS", quiet_seconds)
    monkeypatch.setenv("TERM", "xterm")
    with Running("ingest") as running:
        running(50, 100, 1_234)
        running(100, 100, 2_468)
    with Running("rebuild") as running:
        running.blocks(3, 4)
    with Running("records") as running:
        running.days(7, 424)
    assert running.seconds > 0
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", stderr.getvalue())


def test_a_long_job_on_a_terminal_shows_a_bar_with_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = run_a_job(monkeypatch, Terminal(), quiet_seconds=0)
    assert re.search(r"ingest .*━.* 1,234 records, [\d,]+ records/s", shown)
    assert re.search(r"rebuild .*━.* block 3 of 4", shown)
    assert re.search(r"records .*━.* day 7 of 424", shown)


def test_a_short_job_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_a_job(monkeypatch, Terminal(), quiet_seconds=60) == ""


def test_without_a_terminal_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_a_job(monkeypatch, io.StringIO(), quiet_seconds=0) == ""
