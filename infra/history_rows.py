"""Lines as rows: what a line does not share with the others of its shape, so that a page holds little but digits.

Lines of one shape have the same length and their commas at the same places. Where all of them have the same byte, a
template keeps it once for the whole file; a row is the rest, in order. A template is matched byte for byte, so a line always
comes back as it was; nothing is known here of JSON. Lines whose shape is rare are rows as they are, of template 0.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.uint32]
Offsets = npt.NDArray[np.int64]

RAW = 0
"""The template of lines that are kept as they are."""
MOST_TEMPLATES = 60_000
LEAST_OF_A_SHAPE = 4
"""Fewer lines of a new shape in one block make no template."""
_NEWLINE, _COMMA = 10, 44
_PLACES = 1 << 16
_MIX = np.arange(1, _PLACES + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
_MIX ^= _MIX >> np.uint64(29)
_MIX *= np.uint64(0xBF58476D1CE4E5B9)
_LENGTH_FACTOR = np.uint64(0x94D049BB133111EB)


class Template(NamedTuple):
    """What the lines of one shape share. line: one of them; varies: where the others may differ."""

    number: int
    line: Bytes
    varies: npt.NDArray[np.bool_]

    def restored(self, row: bytes) -> bytes:
        """The line of a row."""
        line = self.line.copy()
        line[self.varies] = np.frombuffer(row, dtype=np.uint8)
        return line.tobytes()


class Rows(NamedTuple):
    """Rows of lines, each where `offsets` and `lengths` say in `flat`."""

    customers: Numbers
    lines: Numbers
    """Number of each line in the block."""
    templates: npt.NDArray[np.uint16]
    lengths: Numbers
    offsets: Offsets
    flat: Bytes


class Templates:
    """The templates of a file, and those made since. Not to be used after an error: what was made is then unknown."""

    def __init__(self, known: Iterable[Template]) -> None:
        self.made: list[Template] = []
        self.by_number: dict[int, Template] = {}
        self._by_shape: dict[int, Template] = {}
        for each in known:
            self._add(each, int(_shapes(each.line)[2][0]))

    def _add(self, template: Template, shape: int) -> None:
        self.by_number[template.number] = self._by_shape[shape] = template

    def rows_of(self, body: bytes, customers: bytes) -> Rows:
        """The rows of a block's lines in their order; lines of checksum 0, which is nobody's, are left out."""
        text = np.frombuffer(body, dtype=np.uint8)
        starts, lengths, shapes = _shapes(text)
        owners = np.frombuffer(customers, dtype="<u4")
        kept = np.flatnonzero(owners)
        if len(kept) < len(starts):
            starts, lengths, shapes = starts[kept], lengths[kept], shapes[kept]
        templates = np.zeros(len(kept), dtype=np.uint16)
        sizes, offsets = lengths.astype(np.uint32), np.zeros(len(kept), dtype=np.int64)
        parts: list[Bytes] = []
        at = 0
        by_shape = np.argsort(shapes, kind="stable")
        ordered = shapes[by_shape]
        cuts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
        for members in np.split(by_shape, cuts) if len(kept) else ():
            length, count = int(lengths[members[0]]), len(members)
            if length and (lengths[members] == length).all():
                windows: Bytes = np.ndarray((len(text) - length + 1, length), np.uint8, body, 0, (1, 1))
                matrix = windows[starts[members]]
                template = self._fitting(int(shapes[members[0]]), matrix)
                if template is not None:
                    rows = matrix[:, template.varies]
                    templates[members] = template.number
                    sizes[members] = rows.shape[1]
                    offsets[members] = at + np.arange(count) * rows.shape[1]
                    parts.append(rows.ravel())
                    at += rows.size
                    continue
            for member in members.tolist():
                start, length = int(starts[member]), int(lengths[member])
                offsets[member] = at
                parts.append(text[start : start + length])
                at += length
        flat = np.concatenate(parts) if parts else np.empty(0, np.uint8)
        return Rows(owners[kept], kept.astype(np.uint32), templates, sizes, offsets, flat)

    def _fitting(self, shape: int, matrix: Bytes) -> Template | None:
        """The template of a shape, mended or made if it can be; None: keep the lines as they are."""
        known = self._by_shape.get(shape)
        if known is not None and len(known.line) != matrix.shape[1]:
            return None
        line = matrix[0] if known is None else known.line
        varies = (matrix != line).any(axis=0)
        if known is not None:
            if not (varies & ~known.varies).any():
                return known
            varies |= known.varies
        elif len(matrix) < LEAST_OF_A_SHAPE:
            return None
        if len(self.by_number) >= MOST_TEMPLATES:
            return None
        made = Template(len(self.by_number) + 1, line.copy(), varies)
        self._add(made, shape)
        self.made.append(made)
        return made


def _shapes(text: Bytes) -> tuple[Offsets, Offsets, npt.NDArray[np.uint64]]:
    """Start and length of each line, and a hash of its length and of the places of its commas.

    There is a newline between two lines, none behind the last.
    """
    marks = np.flatnonzero((text == _COMMA) | (text == _NEWLINE))
    is_end = text[marks] == _NEWLINE
    ends = np.append(marks[is_end], len(text))
    starts = np.concatenate(([0], ends[:-1] + 1))
    lengths = ends - starts
    last = np.append(np.flatnonzero(is_end), len(marks))  # of each line, its newline among the marks
    counts = np.diff(last, prepend=-1)[: len(starts)]
    places = marks - np.repeat(starts, counts)[: len(marks)]  # a newline tells the length
    if len(text) >= _PLACES:
        places &= _PLACES - 1
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(_MIX[places], dtype=np.uint64)))
    shapes = sums[last]
    shapes[1:] -= sums[last[:-1] + 1]
    return starts, lengths, shapes + lengths.astype(np.uint64) * _LENGTH_FACTOR


def gathered(flat: Bytes, offsets: Offsets, lengths: Numbers) -> Bytes:
    """The rows one behind the other, in the order of `offsets`."""
    ends = np.cumsum(lengths, dtype=np.int64)
    total = int(ends[-1]) if len(ends) else 0
    return flat[np.repeat(offsets - (ends - lengths), lengths) + np.arange(total)]
