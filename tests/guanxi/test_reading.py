"""Files read in batches, and found again after a run that was cut off; taken in through a bank on files."""

import io
import random
from pathlib import Path

import pytest
from xxhash import xxh3_128_hexdigest

from events import codec
from events.fields import Record
from guanxi import reading
from guanxi.bootstrap import Bank, open_bank
from guanxi.reading import batches, batches_of
from guanxi.settings import Settings, log_url
from processors.intake import Counts
from processors.ports import Mark
from tests.dsl.records import close, deposit, opened

NONE = Mark(0, "", 0)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_BYTES", 64)


def random_file(rng: random.Random) -> bytes:
    lines = (
        bytes(rng.choices(b"ab\r ", k=rng.choice((0, 1, 5, 30, 63, 64, 65, 200)))) for _ in range(rng.randint(0, 30))
    )
    return b"\n".join(lines) + rng.choice((b"", b"\n"))


class Pipe(io.BytesIO):
    """A stream that cannot be read twice."""

    def seekable(self) -> bool:
        return False


# ------------------------------------------------------------------------------------------ batches and marks


@pytest.mark.parametrize("seed", range(60))
def test_every_line_comes_once_and_in_order(seed: int) -> None:
    data = random_file(random.Random(seed))
    found = list(batches(io.BytesIO(data), NONE))
    whole = b"".join(batch.data for batch in found)
    assert whole == data + (b"" if data.endswith(b"\n") or not data else b"\n")
    assert all(batch.data.endswith(b"\n") for batch in found)
    assert [batch.first for batch in found] == [
        sum(before.data.count(b"\n") for before in found[:at]) for at in range(len(found))
    ]


@pytest.mark.parametrize("seed", range(60))
def test_a_mark_anywhere_leads_to_exactly_the_rest(seed: int) -> None:
    data = random_file(random.Random(seed))
    whole = data + (b"" if data.endswith(b"\n") or not data else b"\n")
    lines = (
        whole.splitlines(keepends=True) if b"\r" not in whole else [line + b"\n" for line in whole.split(b"\n")[:-1]]
    )
    for batch in batches(io.BytesIO(data), NONE):
        for taken in range(batch.data.count(b"\n") + 1):
            mark = batch.mark(taken)
            before = b"".join(lines[: mark.lines])
            assert mark == Mark(len(before), xxh3_128_hexdigest(before), batch.first + taken)
            rest = list(batches(io.BytesIO(data), mark))
            assert b"".join(each.data for each in rest) == whole[mark.size :]
            assert [each.first for each in rest][:1] in ([], [mark.lines])
            if rest:
                assert rest[-1].mark(rest[-1].data.count(b"\n")) == Mark(
                    len(whole), xxh3_128_hexdigest(whole), len(lines)
                )


@pytest.mark.parametrize(
    "other", [b"", b"one\ntwX\nthree\n", b"one\ntw", b"\n", b"zero\none\ntwo\nthree\n"],
    ids=["empty", "changed", "shorter", "blank", "longer"],
)  # fmt: skip
def test_a_file_that_begins_otherwise_is_read_from_its_beginning(other: bytes) -> None:
    (first,) = batches(io.BytesIO(b"one\ntwo\nthree\n"), NONE)
    found = list(batches(io.BytesIO(other), first.mark(2)))
    assert b"".join(batch.data for batch in found) == other + (b"" if other.endswith(b"\n") or not other else b"\n")
    assert [batch.first for batch in found][:1] in ([], [0])
    assert [batch.mark(1) for batch in found][:1] == [
        batch.mark(1) for batch in list(batches(io.BytesIO(other), NONE))[:1]
    ]


def test_a_stream_that_cannot_be_read_twice_begins_anew() -> None:
    (first,) = batches(Pipe(b"one\ntwo\n"), NONE)
    (again,) = batches(Pipe(b"two\nthree\n"), first.mark(1))
    assert (again.first, again.data) == (0, b"two\nthree\n")


def test_a_finished_file_that_grew_by_the_missing_newline() -> None:
    *_, last = batches(io.BytesIO(b"one\ntwo"), NONE)
    mark = last.mark(1)
    assert (mark.size, mark.lines) == (8, 2)
    assert list(batches(io.BytesIO(b"one\ntwo"), mark)) == []
    assert [batch.data for batch in batches(io.BytesIO(b"one\ntwo\nthree\n"), mark)] == [b"three\n"]
    assert [batch.data for batch in batches(io.BytesIO(b"one\ntwo, longer\n"), mark)] == [b"one\ntwo, longer\n"]


def test_lines_of_a_program() -> None:
    lines = [b"a" * 30, b"", b"b" * 100, *[b"c"] * 50]
    found = list(batches_of(lines))
    assert b"".join(batch.data for batch in found) == b"".join(line + b"\n" for line in lines)
    assert len(found) > 1
    assert list(batches_of([])) == []


# ------------------------------------------------------------------------------------------ through a bank


def _line(record: Record) -> bytes:
    return codec.encode(record)


GOOD = [_line(opened("C1", "A1", on="2026-01-01", id="open-1"))]
GOOD += [_line(deposit("C1", "A1", "1.00", on="2026-01-02", id=f"d{at}")) for at in range(20)]
BAD = _line(deposit("C1", "A9", "1.00", on="2026-01-02", id="bad"))


class House:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "records.jsonl"
        self._settings = Settings(log=log_url(folder / "bank.db"))

    def bank(self) -> Bank:
        return open_bank(self._settings, write=True)

    def ingest(self, lines: list[bytes], end: bytes = b"\n") -> Counts:
        self.file.write_bytes(b"\n".join(lines) + end)
        with self.bank() as bank:
            return bank.ingest([str(self.file)])

    def cut_off(self, lines: list[bytes], after: int) -> None:
        """A run over a file that ends, as if killed, after so many batches."""
        self.file.write_bytes(b"\n".join(lines) + b"\n")

        def stop(*_: object) -> None:
            nonlocal after
            after -= 1
            if not after:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt), self.bank() as bank:
            bank.ingest([str(self.file)], stop)

    def refused(self) -> list[int]:
        with open_bank(self._settings, write=False) as bank:
            return [row["line"] for row in bank.views.rejected()]

    def totals(self) -> tuple[int, int]:
        """Records taken and duplicates, over all runs."""
        with open_bank(self._settings, write=False) as bank:
            counts = bank.views.counts()
        return sum(counts["taken"].values()), counts["duplicate"].get("", 0)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize("after", range(1, 22, 4))
def test_a_file_is_gone_on_with_behind_its_mark(house: House, after: int) -> None:
    lines = [GOOD[0], BAD, *GOOD[1:10], b"", BAD, *GOOD[10:]]
    house.cut_off(lines, after)
    house.ingest(lines)
    assert house.totals() == (21, 0)
    assert house.refused() == [2, 13]


@pytest.mark.parametrize("after", [1, 5, 20])
def test_another_file_under_the_same_name_is_read_from_its_beginning(house: House, after: int) -> None:
    house.cut_off(GOOD, after)
    taken_before = house.totals()[0]
    other = [BAD, GOOD[0], *reversed(GOOD[1:])]
    counts = house.ingest(other)
    assert (counts.taken, counts.duplicate, counts.refused) == (21 - taken_before, taken_before, 1)
    assert house.refused() == [1]


def test_a_finished_file_is_judged_anew(house: House) -> None:
    first = house.ingest([*GOOD[:10], BAD])
    assert (first.taken, first.duplicate, first.refused) == (10, 0, 1)
    repair = _line(opened("C1", "A9", on="2026-01-01", id="open-9"))
    again = house.ingest([repair, *GOOD[:10], BAD, *GOOD[10:]])
    assert (again.taken, again.duplicate, again.refused) == (13, 10, 0)
    assert house.refused() == [11]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n", b"\n \n"])
def test_the_end_of_a_file(house: House, end: bytes) -> None:
    counts = house.ingest(GOOD, end)
    assert (counts.taken, counts.refused) == (21, 0)
    again = house.ingest(GOOD, end)
    assert (again.taken, again.duplicate, again.refused) == (0, 21, 0)


def test_lines_ending_in_carriage_return_and_newline(house: House) -> None:
    counts = house.ingest([line + b"\r" for line in (*GOOD, b"", BAD)])
    assert (counts.taken, counts.refused) == (21, 1)
    assert house.refused() == [23]


def test_an_empty_file(house: House) -> None:
    counts = house.ingest([], b"")
    assert (counts.taken, counts.duplicate, counts.refused) == (0, 0, 0)


def test_a_line_of_ten_megabytes_in_a_file(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH_BYTES", 4 << 20)
    counts = house.ingest([*GOOD, b'{"memo":"' + b"x" * 10_000_000 + b'"}', _line(close("2026-01-01")), BAD])
    assert (counts.taken, counts.refused) == (22, 2)
    assert house.refused() == [22, 24]


def test_two_files_and_the_same_one_twice(house: House, tmp_path: Path) -> None:
    house.file.write_bytes(b"\n".join(GOOD))
    other = tmp_path / "other.jsonl"
    other.write_bytes(BAD)
    with house.bank() as bank:
        counts = bank.ingest([str(house.file), str(other), str(house.file), str(other)])
    assert (counts.taken, counts.duplicate, counts.refused) == (21, 21, 2)
