"""The set-up: a lock dealt out to several pips, every file checked by its hash."""

import hashlib
import re
import zipfile
from pathlib import Path

import pytest

from tools import libraries

ROOT = Path(__file__).parents[2]
LOCK = """\
# comment
Some_Lib==1.0 \\
    --hash=sha256:aa
    # via other
other==2.0 ; python_version < "3.13" \\
    --hash=sha256:bb
third==3.0 --hash=sha256:cc
"""


def locked(name: str) -> dict[str, str]:
    found = libraries.entries((ROOT / name).read_text("utf-8"))
    return {entry.split("==")[0]: entry.split("\n    # via")[0] for entry in found}


def test_a_lock_is_read_by_library() -> None:
    assert [entry.split("==")[0] for entry in libraries.entries(LOCK)] == ["Some_Lib", "other", "third"]
    assert "--hash=sha256:aa" in libraries.entries(LOCK)[0]


def test_what_is_held_in_the_pinned_version_is_not_fetched() -> None:
    held = {"some-lib": "1.0", "other": "1.9"}
    assert [entry[:5] for entry in libraries.missing(libraries.entries(LOCK), held)] == ["other", "third"]


def test_all_are_dealt_out_and_no_hand_is_empty() -> None:
    assert libraries.dealt(["a", "b", "c", "d"], 3) == ["ad", "b", "c"]
    assert libraries.dealt(["a"], 3) == ["a"]
    assert libraries.dealt([], 3) == []


def test_the_lock_for_development_holds_the_one_for_running_as_it_is() -> None:
    run, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert run.items() <= dev.items()
    assert {"setuptools", "msgspec"} <= run.keys()
    assert {"pytest", "mypy", "faust-streaming"} <= dev.keys() - run.keys()


def test_every_library_of_a_lock_has_hashes() -> None:
    for name in ("requirements.lock", "requirements-dev.lock"):
        assert all(re.search(r"--hash=sha256:[0-9a-f]{64}", entry) for entry in locked(name).values())


def wheel(folder: Path) -> str:
    """A library of one module; -> its hash."""
    file = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny.py", "")
        archive.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        archive.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr("tiny-1.0.dist-info/RECORD", "")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_that_is_not_the_locked_one_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = wheel(tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    environment, lock = tmp_path / "env", tmp_path / "a.lock"
    lock.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n")
    assert libraries.main([str(environment), str(lock)]) == 1
    assert "DO NOT MATCH THE HASHES" in capsys.readouterr().err
    assert libraries.held_in(environment).keys() <= {"pip", "setuptools"}
    lock.write_text(f"tiny==1.0 --hash=sha256:{good}\n")
    assert libraries.main([str(environment), str(lock)]) == 0
    assert libraries.held_in(environment)["tiny"] == "1.0"
