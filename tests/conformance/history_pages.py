"""The law of ``processors.ports.HistoryPages``, for every adapter: inherit, give the fixtures, add nothing."""

import random
from collections.abc import Callable, Iterator
from zlib import crc32

import numpy as np
import pytest

from processors.ports import Block, FoundLine, HistoryPages

Open = Callable[[], HistoryPages]
Said = list[tuple[str, bytes]]


def stamp(block: Block) -> str:
    return f"of block {block.number}"


def blocks_of(*several: Said) -> list[Block]:
    """Blocks of lines, each with its customer; nobody's has the empty name."""
    found: list[Block] = []
    first = 0
    for number, said in enumerate(several, 1):
        column = np.array([crc32(name.encode()) for name, _ in said], dtype="<u4").tobytes()
        body = b"\n".join(line for _, line in said)
        found.append(Block(number, first, len(said), len(said), 0, "2026-01-01T00:00:00.000Z", 1, column, body))
        first += len(said)
    return found


def scanned(blocks: list[Block], name: str, until: int) -> list[FoundLine]:
    """The lines of a customer, by looking at every line."""
    found: list[FoundLine] = []
    for block in blocks[:until]:
        owners, lines = np.frombuffer(block.customers, dtype="<u4").tolist(), block.body.split(b"\n")
        for at, checksum in enumerate(owners):
            if checksum == crc32(name.encode()):
                found.append((block.number, block.first + at, lines[at]))
    return found


def random_blocks(rng: random.Random, count: int, customers: int = 9) -> list[Block]:
    """Blocks of lines of many shapes and none, empty ones among them."""
    return blocks_of(*([_random_line(rng, customers) for _ in range(rng.choice((0, 1, 7, 40)))] for _ in range(count)))


def _random_line(rng: random.Random, customers: int) -> tuple[str, bytes]:
    name = rng.choice(["", *(f"C{at}" for at in range(customers))])
    match rng.randrange(5):
        case 0:
            line = b'{"a":"%0*d","customer_id":"%s"}' % (rng.choice((3, 4, 9)), rng.randrange(999), name.encode())
        case 1:
            line = b'{"type":"deposit","amount":%d,"on":"2026-01-%02d"}' % (rng.randrange(10**6), rng.randrange(1, 32))
        case 2:
            line = bytes(rng.choices(b',:abc\xe5\x00\xff"', k=rng.randrange(40)))
        case 3:
            line = b"x" * rng.choice((1, 1_000))
        case _:
            line = b""
    return name, line


class HistoryPagesConformance:
    """Fixtures: `pages`, new ones opened to pack; `reader`, opens the same to look at."""

    @pytest.fixture
    def pages(self) -> HistoryPages:
        raise NotImplementedError

    @pytest.fixture
    def reader(self) -> Open:
        raise NotImplementedError

    def test_new_pages_hold_nothing(self, pages: HistoryPages, reader: Open) -> None:
        for seen in (reader(), pages, reader()):
            assert seen.standing() == (0, 0, "")
            assert seen.lines_of(crc32(b"C1"), 9) == (0, [])

    def test_what_was_packed_is_read_by_others_at_once(self, pages: HistoryPages, reader: Open) -> None:
        blocks = blocks_of([("C1", b"a"), ("C2", b"b"), ("C1", b"c")], [("C1", b"d")], [("C2", b"e"), ("C1", b"f")])
        before = reader()
        pages.pack(blocks[:2], stamp)
        for seen in (pages, reader(), before):
            assert seen.standing() == (2, 4, "of block 2")
            assert seen.lines_of(crc32(b"C1"), 2) == (2, [(1, 0, b"a"), (1, 2, b"c"), (2, 3, b"d")])
        pages.pack(iter(blocks[2:]), stamp)
        for seen in (pages, reader(), before):
            assert seen.standing() == (3, 6, "of block 3")
            assert seen.lines_of(crc32(b"C2"), 3) == (3, [(1, 1, b"b"), (3, 4, b"e")])

    def test_one_packs_at_a_time(self, pages: HistoryPages, reader: Open) -> None:
        other = reader()
        with pages.alone() as first, other.alone() as second:
            assert (first, second) == (True, False)
        with other.alone() as again:
            assert again
            other.pack(blocks_of([("C1", b"a")]), stamp)
        blocks = blocks_of([("C1", b"a")], [("C1", b"b"), ("C2", b"c")])
        with pages.alone():
            pages.pack(blocks[1:], stamp)
        for seen in (pages, other, reader()):
            assert seen.lines_of(crc32(b"C1"), 2) == (2, scanned(blocks, "C1", 2))

    @pytest.mark.parametrize("seed", range(3))
    def test_packed_by_turns(self, pages: HistoryPages, reader: Open, seed: int) -> None:
        rng = random.Random(seed)
        several = [pages, reader(), reader()]
        blocks = random_blocks(rng, 40)
        for block in blocks:
            rng.choice(several).pack([block], stamp)
        for seen in several:
            for name in (f"C{at}" for at in range(9)):
                assert seen.lines_of(crc32(name.encode()), 40) == (40, scanned(blocks, name, 40))

    def test_no_blocks_change_nothing(self, pages: HistoryPages) -> None:
        pages.pack(blocks_of([("C1", b"a")]), stamp)
        pages.pack([], stamp)
        assert pages.standing() == (1, 1, "of block 1")

    def test_only_blocks_up_to_the_last_asked_for_are_told(self, pages: HistoryPages) -> None:
        blocks = blocks_of(*([("C1", b"%d" % at)] for at in range(6)))
        pages.pack(blocks[:4], stamp)
        pages.pack(blocks[4:], stamp)
        for until in range(9):
            assert pages.lines_of(crc32(b"C1"), until) == (6, scanned(blocks, "C1", until))

    def test_customers_of_one_checksum_come_together(self, pages: HistoryPages) -> None:
        column = np.array([7, 8, 7, 9], dtype="<u4").tobytes()
        pages.pack([Block(1, 0, 4, 4, 0, "", 1, column, b"a\nb\nc\nd")], stamp)
        assert pages.lines_of(7, 1) == (1, [(1, 0, b"a"), (1, 2, b"c")])

    @pytest.mark.parametrize("seed", range(5))
    def test_every_line_comes_back_in_order_however_it_was_packed(
        self, pages: HistoryPages, reader: Open, seed: int
    ) -> None:
        rng = random.Random(seed)
        blocks = random_blocks(rng, 50)
        early = reader()
        left = iter(blocks)
        while part := list(_some(left, rng.choice((1, 2, 5, 30)))):
            pages.pack(part, stamp)
            name = f"C{rng.randrange(9)}"
            assert early.lines_of(crc32(name.encode()), part[-1].number)[1] == scanned(blocks, name, part[-1].number)
        for seen in (pages, reader()):
            for name in (*(f"C{at}" for at in range(9)), "nobody"):
                for until in (0, 1, 24, 50):
                    assert seen.lines_of(crc32(name.encode()), until) == (50, scanned(blocks, name, until))

    def test_one_customer_with_very_many_lines(self, pages: HistoryPages) -> None:
        lines = [("C1" if at % 3 else "C2", b'{"at":%d,"text":"%s"}' % (at, b"x" * (at % 90))) for at in range(9_000)]
        blocks = blocks_of(lines[:5_000], lines[5_000:])
        pages.pack(blocks, stamp)
        for name in ("C1", "C2"):
            assert pages.lines_of(crc32(name.encode()), 2) == (2, scanned(blocks, name, 2))

    def test_a_pack_that_fails_leaves_what_was(self, pages: HistoryPages, reader: Open) -> None:
        blocks = blocks_of(*([(f"C{at % 2}", b'{"at":%d}' % (at * each)) for at in range(40)] for each in range(1, 7)))
        pages.pack(blocks[:2], stamp)

        def broken() -> Iterator[Block]:
            yield blocks[2]
            raise OSError("the log cannot be read")

        def no_stamp(block: Block) -> str:
            raise OSError("no stamp")

        for several, made in ((broken(), stamp), (iter(blocks[2:4]), no_stamp)):
            with pytest.raises(OSError, match=r"log|stamp"):
                pages.pack(several, made)
            for seen in (pages, reader()):
                assert seen.standing() == (2, 80, "of block 2")
                assert seen.lines_of(crc32(b"C1"), 6) == (2, scanned(blocks, "C1", 2))
        pages.pack(blocks[2:], stamp)
        assert pages.lines_of(crc32(b"C1"), 6) == (6, scanned(blocks, "C1", 6))

    def test_discarded_pages_begin_anew(self, pages: HistoryPages, reader: Open) -> None:
        pages.pack(blocks_of([("C1", b"old")]), stamp)
        pages.discard()
        assert pages.standing() == (0, 0, "")
        blocks = blocks_of([("C1", b"new")], [("C1", b"newer")])
        pages.pack(blocks, stamp)
        for seen in (pages, reader()):
            assert seen.lines_of(crc32(b"C1"), 2) == (2, scanned(blocks, "C1", 2))


def _some(left: Iterator[Block], count: int) -> Iterator[Block]:
    for _, block in zip(range(count), left, strict=False):
        yield block
