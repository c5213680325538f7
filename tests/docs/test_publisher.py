"""The page for publishers: every word of refusal with what to do about it, and an example of each that can occur."""

import re
from pathlib import Path

import pytest

from events.catalog import INACTIVE, TOPIC_OF
from events.refusals import LATER, REASONS
from tools.checks.docs import blocks

PAGE = (Path(__file__).parents[2] / "docs" / "publisher.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` \| (?:[^|]+) \| ([^|]+) \|$", PAGE.partition("## Every word")[2], re.MULTILINE))
SHOWN = "\n".join("\n".join(block.lines) for block in blocks(PAGE) if block.language == "console")


def test_the_table_has_every_word_and_no_other() -> None:
    assert set(ROWS) == set(REASONS)


@pytest.mark.parametrize("word", REASONS)
def test_what_to_do_is_said(word: str) -> None:
    assert len(ROWS[word].split()) >= 3
    said = re.search(rf"^\| `{word}` .*$", PAGE, re.MULTILINE)
    assert said is not None
    assert ("cannot occur yet" in said[0]) == (word in LATER)


@pytest.mark.parametrize("word", sorted(REASONS.keys() - LATER - {"key_mismatch"}))  # lines of a file have no key
def test_what_can_occur_is_shown(word: str) -> None:
    assert re.search(rf"^{word} ", SHOWN, re.MULTILINE)


def test_every_topic_that_is_taken_is_named() -> None:
    taken = {topic for name, topic in TOPIC_OF.items() if name not in INACTIVE}
    assert set(re.findall(r"^\| `(bank\.[a-z.0-9]+)` ", PAGE, re.MULTILINE)) == taken
