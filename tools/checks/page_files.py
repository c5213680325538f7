"""Files that a page of the documentation writes or changes: the code blocks below a line that ends in "`path`:".

A ``diff`` block changes the file: lines marked - or without a mark must stand in it once, in this order and next to one
another, and are replaced by those marked + or without a mark; a line ``@@`` begins another such place. A block in any other
language is the whole file.
"""

import re
from collections.abc import Sequence
from pathlib import Path

_NAMED = re.compile(r"`(?P<path>[\w.-]+(?:/[\w.-]+)*)`:\Z")


class Unfit(Exception):
    """A block cannot be put into a file: what is wrong."""


def named(before: str) -> str | None:
    """The path at the end of the line before a block, or None."""
    found = _NAMED.search(before.rstrip())
    return found["path"] if found and ".." not in found["path"].split("/") else None


def put(folder: Path, path: str, language: str, lines: Sequence[str]) -> None:
    """Write or change a file below a folder. Raises Unfit."""
    file = folder / path
    if language != "diff":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return
    if not file.is_file():
        raise Unfit(f"no such file to change: {path}")
    file.write_text(changed(file.read_text("utf-8"), path, lines), "utf-8")


def changed(text: str, path: str, lines: Sequence[str]) -> str:
    """A text after the changes of a diff. Raises Unfit."""
    for place in _places(lines):
        old = "".join(f"{line[1:]}\n" for line in place if line[:1] != "+")
        new = "".join(f"{line[1:]}\n" for line in place if line[:1] != "-")
        times = f"\n{text}".count(f"\n{old}") if old else 0
        if times != 1:
            raise Unfit(f"stands {times} times in {path}, not once:\n{old.rstrip()}")
        text = f"\n{text}".replace(f"\n{old}", f"\n{new}")[1:]
    return text


def _places(lines: Sequence[str]) -> list[list[str]]:
    found: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("@@"):
            found.append([])
        else:
            found[-1].append(line)
    return [place for place in found if place]
