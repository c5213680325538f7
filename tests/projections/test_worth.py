"""What became of triggers and of the money: counted by hand on a small bank, and shares against figures from tables."""

from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest

from aggregates.dates import day_of
from aggregates.profile import Managed, Placed
from projections import moves
from projections.managers import looked_after
from projections.worth import Told, aum_on, kept, share, told, worth_rows
from tests.projections.steps import decided, moved
from tests.projections.world import World, close, money, opened, record

ON = "2026-01-10"


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (5, 10, 0.2366, 0.7634),
        (81, 263, 0.2553, 0.3662),
        (1, 1, 0.2065, 1.0),
    ],
)
def test_wilsons_interval(count: int, of: int, low: float, high: float) -> None:
    """81 of 263 and the ends are the worked examples of Newcombe (1998), table I."""
    assert share(count, of) == {"count": count, "of": of, "share": round(count / of, 4), "low": low, "high": high}


def test_a_share_of_nothing_is_none() -> None:
    assert share(0, 0) == {"count": 0, "of": 0, "share": None, "low": None, "high": None}


def trigger(aum: tuple[int | None, ...], **more: Any) -> Told:
    return Told("C1", "dormant", day_of(ON), aum=aum, **more)


def test_money_kept_is_a_ratio_of_sums_with_the_error_of_one() -> None:
    """Of 100 and 300 are left 50 and 270: 0.8; residuals −30 and 30; √(1800 · 2 ÷ 1) ÷ 400 = 0.15."""
    found = kept([trigger((100, 50, None)), trigger((300, 270, None)), trigger((9, None, None))], 1)
    assert found == {"count": 2, "before": 400, "after": 320, "share": 0.8, "low": 0.506, "high": 1.094}
    assert kept([trigger((100, 50, None))], 1) == {
        "count": 1, "before": 100, "after": 50, "share": 0.5, "low": None, "high": None
    }  # fmt: skip
    nothing = {"share": None, "low": None, "high": None}
    assert kept([trigger((100, 50, None))], 2) == {"count": 0, "before": 0, "after": 0, **nothing}
    assert kept([trigger((0, 50, None))], 1) == {"count": 1, "before": 0, "after": 50, **nothing}


def test_the_difference_has_the_errors_of_both() -> None:
    one, other = (
        [trigger((100, 50, None)), trigger((300, 270, None))],
        [trigger((100, 20, None)), trigger((100, 40, None))],
    )
    for each in one:
        each.reached_on = day_of(ON)
    (found,) = worth_rows([*one, *other], "code")
    assert found["money"][0]["reached"]["share"] == 0.8
    assert found["money"][0]["not_reached"] == {
        "count": 2, "before": 200, "after": 60, "share": 0.3, "low": 0.104, "high": 0.496
    }  # fmt: skip
    # 1.96 · √(0.15² + 0.1²) = 0.3533
    assert found["money"][0]["difference"] == {"share": 0.5, "low": 0.1467, "high": 0.8533}


def test_steps_are_put_together_by_trigger() -> None:
    """Whose customer it was counts, not who took the trigger on; C2's manager came on the 11th."""
    first, second = day_of("2026-01-10"), day_of("2026-01-11")
    one = msgspec.json.encode([[[first, "M1", "B1"], [first + 3, "M2", "B2"]], []])
    two = msgspec.json.encode([[[second, "M3", None]], [[first, "B3"], [second, "B4"]]])
    steps: list[tuple[Any, ...]] = [
        ("C1", "a", "k", "raised", "2026-01-10", None, one),
        ("C1", "a", "l", "raised", "2026-01-11", None, one),
        ("C1", "a", "k", "claimed", "2026-01-12", "M2", one),
        ("C1", "a", "k", "contacted", "2026-01-13", "M3", one),
        ("C1", "a", "k", "lost", "2026-01-14", "M4", one),
        ("C1", "a", "l", "withdrawn", "2026-01-14", None, one),
        ("C2", "b", "k", "raised", "2026-01-10", None, two),
        ("C2", "b", "k", "no_need", "2026-01-11", "M4", two),
        ("C2", "b", "l", "raised", "2026-01-11", None, two),
        ("C3", "b", "k", "raised", "2026-01-10", None, None),
    ]
    assert told(steps) == [
        Told("C1", "a", first, first + 2, first + 3, "M3", "lost", "M1", "B1"),
        Told("C1", "a", second, end="withdrawn", manager_id="M1", branch="B1"),
        Told("C2", "b", first, 0, second, "M4", "no_need", None, "B3"),
        Told("C2", "b", second, manager_id="M3", branch="B4"),
        Told("C3", "b", first),
    ]


@pytest.mark.parametrize(
    ("day", "expected"),
    [(0, (None, None)), (1, (None, "R1")), (2, ("M1", "B1")), (4, ("M2", "R1")), (5, ("M2", "R2")), (7, (None, "R2")),
     (8, ("M4", "R2")), (9, ("M4", "R2"))],
)  # fmt: skip
def test_of_what_began_by_a_day_the_last_that_the_log_learnt_of_stands(
    day: int, expected: tuple[str | None, str | None]
) -> None:
    """M4 is told last, late: M9, told before, was of the 9th, but what is told last stands, as on a customer's page."""
    managers = [Managed(2, "M1", "B1"), Managed(4, "M2"), Managed(7, None), Managed(9, "M9"), Managed(8, "M4")]
    branches = [Placed(1, "R1"), Placed(5, "R2")]
    assert looked_after((managers, branches), day) == expected


def test_aum_of_any_day_is_that_of_all_moves_up_to_it() -> None:
    chance = Random(5)
    flat = [(chance.randrange(6), chance.randint(90, 140), chance.randint(-99, 99)) for _ in range(200)]
    owners = np.array([0, 1, -1, 0, 2, 1])
    blocks = [(moves.packed(np.array(flat[at : at + 40])),) for at in range(0, 200, 40)]
    asked = [(chance.randrange(4), chance.randint(80, 150)) for _ in range(300)]
    expected = [
        sum(minor for number, day, minor in flat if owners[number] == place and max(day, 100) <= on)
        for place, on in asked
    ]
    assert aum_on(blocks, owners, asked, 100) == expected
    assert len(set(expected)) > 40
    assert aum_on([], owners, [(0, 5)], 1) == [0]


def test_sums_beyond_64_bits_are_exact() -> None:
    most = 2**62
    blocks = [(moves.packed(np.array([(0, 5, most), (1, 5, most), (1, 6, most)])),)]
    assert aum_on(blocks, np.array([0, 0]), [(0, 5), (0, 6)], 1) == [2 * most, 3 * most]


def test_figures_of_a_small_bank(world: World) -> None:
    """C1 was reached and keeps all, C2 was not and keeps half; both are 30 days on, C3 is not."""
    world.take(*(opened(f"C{n}", f"A{n}", "2026-01-01", 1_000_00) for n in range(1, 5)))
    world.take(close("2026-01-01"))
    world.take(record("manager_assigned", "C2", on="2026-01-02", manager_id="M1", branch="B1"))
    world.take(money("withdrawal", "C2", "A2", 500_00, "2026-02-09"), money("withdrawal", "C2", "A2", 1, "2026-02-10"))
    world.take(close("2026-02-09"))
    decided(
        world,
        moved("C1", 1), moved("C1", 2, "claimed", "2026-01-12", manager_id="M1"),
        moved("C1", 3, "retained", "2026-01-20", manager_id="M1"),
        moved("C2", 1), moved("C2", 2, "expired", "2026-02-09"),
        moved("C3", 1, on="2026-02-01"), moved("C3", 2, "claimed", "2026-02-04", manager_id="M2"),
        moved("C4", 1), moved("C4", 2, "withdrawn", "2026-01-11"), moved("C4", 3, code="dormant"),
    )  # fmt: skip
    world.put()
    found = world.views.told_triggers()
    assert [(t.customer_id, t.code, t.aum) for t in found] == [
        ("C1", "aum_drop", (1_000_00, 1_000_00, None)), ("C2", "aum_drop", (1_000_00, 500_00, None)),
        ("C3", "aum_drop", (1_000_00, None, None)), ("C4", "aum_drop", (1_000_00, 1_000_00, None)),
        ("C4", "dormant", (1_000_00, 1_000_00, None)),
    ]  # fmt: skip
    drop, dormant = worth_rows(found, "code")
    assert (drop["code"], drop["raised"], drop["withdrawn"], drop["lost"], drop["no_need"], drop["expired"]) == (
        "aum_drop", 4, 1, 0, 0, 1
    )  # fmt: skip
    counts = {key: (drop[key]["count"], drop[key]["of"]) for key in ("claimed_in_time", "reached", "retained")}
    assert counts == {"claimed_in_time": (1, 3), "reached": (1, 3), "retained": (1, 1)}
    after_30, after_90 = drop["money"]
    assert (after_30["reached"]["share"], after_30["not_reached"]["share"]) == (1.0, 0.5)
    assert after_30["difference"] == {"share": 0.5, "low": None, "high": None}
    assert after_90["reached"]["count"] == after_90["not_reached"]["count"] == 0
    assert dormant["raised"] == 1
    assert [(row["manager"], row["raised"]) for row in worth_rows(found, "manager")] == [("M1", 1), (None, 4)]
    others = {row["manager"]: row["reached_by_others"]["count"] for row in worth_rows(found, "manager")}
    assert others == {"M1": 0, None: 1}
    assert [(row["branch"], row["raised"]) for row in worth_rows(found, "branch")] == [("B1", 1), (None, 4)]
    assert [t.customer_id for t in world.views.told_triggers("dormant")] == ["C4"]
