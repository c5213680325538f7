"""The corpus: every input keeps every promise, and together they reach what they are kept for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from events import codec
from infra import block
from processors import stored
from tests.fuzz import corpus
from tests.fuzz.corpus import FOLDER
from tests.fuzz.reached import Watch, fewest, shortened
from tests.fuzz.targets import WATCHED_BY, target

INPUTS = [(name, each) for name in WATCHED_BY for each in corpus.read(name)]
BEYOND = {
    "return encode(value)": "writes rows",
    "if len(self) < 10_000:": "takes ten thousand texts",
    "if isinstance(extra, Meta):": "runs on import alone; other annotations may have other metadata",
    "except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:": "a second reader after a first: a defence",
    'return refuse("not_json", str(error))': "the same",
    "except (ValueError, RecursionError):": "the standard library after msgspec: a defence",
    "return None": "the same",
}
"""Lines of the codec from which no input of a publisher goes on, or that none reaches, and why."""


@pytest.mark.parametrize(("name", "kept"), INPUTS)
def test_an_input_that_was_kept_breaks_no_promise(name: str, kept: str) -> None:
    target(name).check(corpus.read(name)[kept])


@pytest.mark.parametrize("name", WATCHED_BY)
def test_a_corpus_is_small_and_names_its_inputs_by_their_bytes(name: str) -> None:
    inputs = corpus.read(name)
    assert inputs
    assert list(inputs) == sorted(map(corpus.name_of, inputs.values()))
    assert (FOLDER / f"{name}.jsonl").stat().st_size < 100_000


def test_the_corpus_reaches_every_branch_of_the_codec(tmp_path: Path) -> None:
    measure = [sys.executable, "-m", "coverage"]
    environment = {**os.environ, "COVERAGE_FILE": str(tmp_path / "data"), "COVERAGE_RCFILE": os.devnull}
    run = [*measure, "run", "--branch", f"--include={codec.__file__}", "-m", "tests.fuzz.replay", "codec"]
    subprocess.run(run, check=True, env=environment)
    subprocess.run([*measure, "json", "-q", "-o", str(tmp_path / "said")], check=True, env=environment)
    (said,) = json.loads((tmp_path / "said").read_text())["files"].values()
    lines = Path(codec.__file__).read_text("utf-8").splitlines()
    missing = {*said["missing_lines"], *(before for before, _ in said["missing_branches"])}
    assert {lines[number - 1].strip() for number in missing} == set(BEYOND)


# A broken promise is noticed


def notices(name: str) -> list[str]:
    """What inputs of the corpus are noticed by."""
    noticed = []
    for data in corpus.read(name).values():
        try:
            target(name).check(data)
        except Exception as error:
            noticed.append(repr(error))
    return noticed


def test_a_codec_that_trusts_dates_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "check", lambda _: None)
    assert notices("codec")


def test_a_codec_that_overlooks_a_key_twice_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "twice", lambda _: None)
    assert notices("codec")


def test_a_refusal_that_quotes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec, "_reason_of", lambda message: ("bad_value", f"绝密王小明: {message}", None))
    assert any("the detail says" in each for each in notices("codec"))


def test_a_batch_that_loses_a_line_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = codec.decode_batch
    monkeypatch.setattr(codec, "decode_batch", lambda *given: tuple(each[1:] for each in whole(*given)))
    assert notices("codec")


def test_a_block_whose_header_is_believed_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(block, "_DENSEST", 1 << 60)
    assert any("bytes of memory" in each for each in notices("block"))


def test_a_personal_field_that_stays_readable_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_parted", lambda _: ({}, {}))
    assert any("personal and readable" in each for each in notices("stored"))


# What is kept


def test_the_fewest_inputs_reach_as_much_as_all() -> None:
    def arcs(*lines: int) -> frozenset[tuple[str, int, int]]:
        return frozenset(("file", line, line + 1) for line in lines)

    reached = {b"a": arcs(1), b"bb": arcs(1, 2), b"ccc": arcs(3), b"dddd": arcs(2, 3), b"eeeee": arcs(4)}
    assert fewest(reached) == [b"bb", b"ccc", b"eeeee"]


def test_an_input_is_shortened_to_what_matters() -> None:
    assert shortened(b"some bytes, a key and some more bytes", lambda data: b"key" in data) == b"key"


def test_what_is_reached_is_of_the_watched_module_and_of_this_input() -> None:
    def outcome(data: bytes) -> list[str]:
        return [type(codec.examine(data)).__name__]

    watch = Watch(("events.codec",))
    plain, broken = watch.reached(outcome, b'{"type":7}'), watch.reached(outcome, b"{")
    assert {file for file, _, _ in plain} == {codec.__file__, "Refusal"}
    assert plain - broken
    assert broken - plain


def test_a_corpus_comes_back_as_it_was_written(tmp_path: Path) -> None:
    corpus.write("any", [b"", bytes(range(256)), b"x"], [b"x", b"y"], tmp_path)
    assert set(corpus.read("any", folder=tmp_path).values()) == {b"", bytes(range(256)), b"x", b"y"}
    assert set(corpus.read("any", "broke", tmp_path).values()) == {b"x", b"y"}
    assert corpus.read("none", folder=tmp_path) == {}
