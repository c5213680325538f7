"""Views on PostgreSQL made anew beside the live ones, which others read and tell meanwhile."""

from pathlib import Path

import pytest

from infra.sqlite_views import SqliteViews
from processors.keeper import rebuild
from processors.ports import ViewsUnusable
from tests.infra.a_postgres_bank import PostgresBank, alive
from tests.projections.world import money, opened, rows


def test_a_rebuild_takes_over_whole_while_others_tell(both: PostgresBank, tmp_path: Path) -> None:
    worlds = [alive(both, tmp_path, number) for number in (0, 1)]
    for number, world in enumerate(worlds):
        world.tell(opened(f"C{number}", "A1", "2026-01-01", 5), opened(f"D{number}", "A1", "2026-01-01", 5), b"bad")
    world, answers = worlds[0], both.answers()
    both.run("UPDATE {}.view_aum SET spot = 77")
    both.run("DELETE FROM {}.view_aum WHERE customer_id LIKE 'D%'")
    assert rows(answers.aum(), "spot") == [(77,), (77,)]
    log = world.log
    beside = both.beside(0)
    behind = rebuild(log, beside)
    assert rows(answers.aum(), "spot") == [(77,), (77,)]
    world.tell(money("deposit", "C0", "A1", 2, "2026-01-02"), b"bad")  # nobody waits for a rebuild
    caught_up: list[int] = []

    def catch_up(until: int) -> None:
        caught_up.append(until)
        if len(caught_up) == 1:
            world.tell(b"worse")  # nobody waits for this either
        rebuild(log, beside, until=until, behind=behind)

    with answers.page():
        before = list(answers.aum())
        beside.swap(catch_up)
        assert caught_up == [3, 4]
        assert list(answers.aum()) == before
    assert rows(answers.aum(), "customer_id", "spot") == [("C0", 7), ("C1", 77), ("D0", 5)]
    assert answers.counts()["refused"] == {"not_json": 4}
    world.tell(money("deposit", "D0", "A1", 2, "2026-01-02"))
    assert rows(answers.aum(customer="D0"), "spot") == [(7,)]
    with world.rebuilt(tmp_path / "file") as file:
        assert [str(each) for each in answers.shard(0).differences(file)] == []
    with worlds[1].rebuilt(tmp_path / "file") as file:
        [spot, missing] = [str(each) for each in answers.shard(1).differences(file)]
    assert spot == "aum C1 spot: 77, rebuilt 5"
    assert missing.startswith("aum D1: missing")


def test_a_rebuild_that_did_not_catch_up_changes_nothing(bank: PostgresBank, tmp_path: Path) -> None:
    world = alive(bank, tmp_path)
    world.tell(opened("C1", "A1", "2026-01-01", 5))
    beside = bank.beside()
    rebuild(world.log, beside)
    world.tell(money("deposit", "C1", "A1", 2, "2026-01-02"))
    with pytest.raises(ViewsUnusable, match="rebuilt up to block 2, the live rows stand on 3"):
        beside.swap(lambda _: None)
    assert rows(bank.answers().aum(), "spot") == [(7,)]
    assert bank.answers().freshness.block == 3


def test_a_check_catches_up_with_the_page_that_it_compares(bank: PostgresBank, tmp_path: Path) -> None:
    world = alive(bank, tmp_path)
    world.tell(opened("C1", "A1", "2026-01-01", 5))
    with SqliteViews(tmp_path / "file", write=True) as file:
        behind = rebuild(world.log, file)
        world.tell(money("deposit", "C1", "A1", 2, "2026-01-02"))
        found = (
            bank.answers()
            .shard(0)
            .differences(file, catch_up=lambda until: rebuild(world.log, file, until=until, behind=behind))
        )
        assert list(found) == []
        assert file.basis().block == 3


def test_rows_of_another_version_are_forgotten_and_told_anew(bank: PostgresBank, tmp_path: Path) -> None:
    world = alive(bank, tmp_path)
    world.tell(opened("C1", "A1", "2026-01-01", 5), b"bad")
    answers = bank.answers()
    bank.run('UPDATE {}.view SET definitions = replace(definitions, \'"counts":"1 \', \'"counts":"0 \')')
    with pytest.raises(ViewsUnusable, match=r"another version \(counts\); run: guanxi rebuild"):
        answers.counts()
    views = bank.open()
    assert (views.stale, views.stands) == (("counts",), 0)
    views.forget()
    assert (views.stale, views.stands, list(answers.tiers())) == ((), 0, [])
    rebuild(world.log, views)
    assert answers.counts()["refused"] == {"not_json": 1}
    assert rows(answers.aum(), "spot") == [(5,)]
