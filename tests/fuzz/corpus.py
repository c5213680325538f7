"""The corpus of a target: the inputs that are kept, packed into one file of text, so that a change can be read.

A line is {"name": first 16 hex digits of the SHA-256 of the bytes, "why": "reaches" a branch or "broke" a promise, "data":
the bytes as code points 0 to 255}; lines stand in order of names, so that two people's additions merge. What once broke a
promise stays for ever; what reaches a branch makes room for something shorter that does.
"""

import json
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"


def name_of(data: bytes) -> str:
    """What an input is called."""
    return sha256(data).hexdigest()[:16]


def read(target: str, why: str | None = None, folder: Path = FOLDER) -> dict[str, bytes]:
    """Name -> input, in order of names; those kept for this reason, if one is given. None if nothing was kept yet."""
    path = folder / f"{target}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return {row["name"]: row["data"].encode("latin-1") for row in rows if why in (None, row["why"])}


def write(target: str, reach: Iterable[bytes], broke: Iterable[bytes], folder: Path = FOLDER) -> None:
    """Keep these inputs and no others."""
    by_name = {name_of(data): (why, data) for why, inputs in (("reaches", reach), ("broke", broke)) for data in inputs}
    folder.mkdir(exist_ok=True)
    (folder / f"{target}.jsonl").write_text(
        "".join(
            json.dumps({"name": name, "why": why, "data": data.decode("latin-1")}) + "\n"
            for name, (why, data) in sorted(by_name.items())
        )
    )
