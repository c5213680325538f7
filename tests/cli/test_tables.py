"""Tables on wide and narrow terminals: columns line up, nothing is cut off."""

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from guanxi.cli.tables import Head, Width, fitted, laid_out, widened, widths_of
from guanxi.cli.words import Words

HEADS = (
    Head(Words("客户", "Customer"), False),
    Head(Words("等级", "Level"), False),
    Head(Words("余额", "Balance"), True),
)
CELLS = (("C000001", "特殊VIP Special VIP · 钻石 Diamond", "1,234,567.89"), ("客户二", "-", "0.00"))


def drawn(width: int) -> list[str]:
    out = io.StringIO()
    widths = widened(widths_of(HEADS), CELLS)
    Console(file=out, width=width).print(laid_out(HEADS, CELLS, widths, width, headed=True))
    return out.getvalue().splitlines()


def test_widths_are_those_of_the_widest_line_and_the_longest_word() -> None:
    assert widths_of(HEADS) == [Width(8, 4), Width(5, 4), Width(7, 4)]
    assert widened(widths_of(HEADS), CELLS) == [Width(8, 7), Width(34, 7), Width(12, 12)]
    assert Width(0, 0).with_cell("钻石\n一二三 x") == Width(8, 6)
    assert Width(3, 2).with_cell("") == Width(3, 2)


@pytest.mark.parametrize(
    ("available", "found"),
    [(200, [8, 34, 12]), (58, [8, 34, 12]), (57, [8, 33, 12]), (31, [7, 8, 12]), (30, [7, 7, 12]), (29, None)],
)
def test_the_widest_column_gives_way_down_to_its_longest_word(available: int, found: list[int] | None) -> None:
    assert fitted(widened(widths_of(HEADS), CELLS), available) == found


@pytest.mark.parametrize("width", [200, 58, 50, 40, 31, 25, 16])
def test_nothing_is_lost_however_narrow(width: int) -> None:
    lines = drawn(width)
    assert max(cell_len(line) for line in lines) <= width
    shown = "".join(sorted("".join(lines)))
    for cell in (*CELLS[0], *CELLS[1]):
        for character in cell.replace(" ", ""):
            assert character in shown
            shown = shown.replace(character, "", 1)


def test_columns_line_up_on_a_narrow_terminal() -> None:
    first = next(line for line in drawn(40) if line.startswith("C000001"))
    second = next(line for line in drawn(40) if line.startswith("客户二"))
    assert cell_len(first.rstrip()) == cell_len(second.rstrip()) == 40
    assert cell_len(first[: first.index("特")]) == cell_len(second[: second.index("-")]) == 10
