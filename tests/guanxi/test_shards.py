"""The shards that a process writes on PostgreSQL: opened, lost, opened again, beside other processes."""

import json
import uuid
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import psycopg
import pytest

from guanxi.errors import UserError
from guanxi.settings import Settings
from guanxi.shards import Shards, data_folder, make_log
from infra.master_key import VaultError
from infra.postgres_answers import PostgresAnswers
from infra.postgres_schema import create_log
from infra.postgres_session import Session, address_of
from processors.intake import Origin
from processors.keeper import Keeper
from processors.ports import LostShard

Open = Callable[..., Shards]
TOPIC = ("bank.transactions.v1", 0)


def record(customer_id: str, event_id: str, **more: object) -> bytes:
    """An account opened by a customer, with something personal in it."""
    envelope = {"source": "core", "schema_version": 1, "occurred_at": "2026-01-05T10:00:00+08:00", "currency": "CNY"}
    what = {"type": "account_opened", "event_id": event_id, "value_date": "2026-01-05", "category": "deposit"}
    who = {"customer_id": customer_id, "account_id": f"A-{event_id}", "ext": {"name": "王小明"}}
    return json.dumps({**envelope, **what, **who, **more}).encode() + b"\n"


def take(keeper: Keeper, first: int, *records: bytes) -> None:
    keeper.intake.take(Origin(TOPIC), first, b"".join(records))


@pytest.fixture
def url(postgres_url: str) -> str:
    """A new log of two shards."""
    made = f"{postgres_url}?schema=log_{uuid.uuid4().hex[:12]}"
    create_log(made, shards=2)
    return made


@pytest.fixture
def process(url: str, tmp_path: Path) -> Iterator[Open]:
    """Begins a process, as one of several on a machine."""
    begun: list[Shards] = []

    def begin(machine: str = "machine", **more: object) -> Shards:
        settings = Settings(log=url, policy=more.pop("policy", None))  # type: ignore[arg-type]
        begun.append(Shards(settings, data=tmp_path / machine, environ=more.pop("environ", {}), **more))  # type: ignore[arg-type]
        return begun[-1]

    yield begin
    for each in begun:
        each.close()


def test_a_shard_goes_on_from_its_folder(process: Open) -> None:
    shards = process()
    assert (shards.count, shards.folder.name) == (2, "0")
    keepers = [shards.open(number) for number in range(2)]
    assert [keeper.log.head().block for keeper in keepers] == [1, 1]  # the built-in policy
    take(keepers[0], 0, record("C1", "e1"), record("C2", "e2"))
    keepers[0].checkpoint()
    take(keepers[0], 2, record("C3", "e3"))
    shards.close()
    again = process().open(0)
    assert again._state_block == 3
    assert (len(again.shard.customers), len(again.ids), again.log.head().block) == (3, 3, 3)
    take(again, 3, record("C1", "e1"), record("C1", "e4"))
    assert (again.intake.counts.duplicate, again.intake.counts.taken) == (1, 1)


def test_processes_of_a_machine_have_folders_of_their_own(process: Open) -> None:
    one, other = process(), process()
    assert (one.folder.name, other.folder.name) == ("0", "1")
    one.close()
    assert process().folder.name == "0"
    assert process("another machine", environ={"GUANXI_KEY": key_of(other)}).folder.name == "0"


def key_of(shards: Shards) -> str:
    return (shards.folder.parent / "master.key").read_text().strip()


def test_the_first_append_of_a_second_owner_takes_the_shard_from_the_first(process: Open) -> None:
    one, other = process(), process()
    first = one.open(0)
    take(first, 0, record("C1", "e1"))
    second = other.open(0)
    take(first, 1, record("C2", "e2"))
    with pytest.raises(LostShard):
        take(second, 1, record("C2", "e2"))
    second = other.open(0)
    take(second, 2, record("C3", "e3"))
    with pytest.raises(LostShard):
        take(first, 2, record("C3", "e3"))
    first = one.open(0)
    assert first.log.head().inputs == {TOPIC: 3}
    assert (len(first.shard.customers), len(first.ids)) == (3, 3)


def test_a_key_that_the_other_owner_made_first_loses_the_shard_and_nothing_else(process: Open) -> None:
    one, other = process(), process()
    first, second = one.open(0), other.open(0)
    second.intake.vault.seal("C2", b"", b"")  # has read all keys that there are
    first.intake.vault.seal("C1", b"", b"")
    first.intake.vault.commit()  # and died before its block
    with pytest.raises(LostShard, match="made keys"):
        take(second, 0, record("C1", "e1"))
    second = other.open(0)
    take(second, 0, record("C1", "e1"))
    assert second.log.head().block == 2


HARMED = ("deleted", "cut", "not a database", "of another shard", "all of another shard")


def test_derived_files_that_do_not_fit_are_made_anew(process: Open) -> None:
    shards = process()
    for number, (many, customer) in enumerate(((50, "C"), (200, "D"))):
        keeper = shards.open(number)
        for at in (0, many):
            take(keeper, at, *(record(f"{customer}{n}", f"e{at + n}") for n in range(many)))
        list(keeper.history.lines_of("C1"))
        keeper.checkpoint()
    files = [{each: shards.folder / f"{number}-{each}" for each in ("ids", "snapshot")} for number in (0, 1)]
    for count, (suffix, harm) in enumerate(product(files[0], HARMED)):
        shards.drop(0)
        file = files[0][suffix]
        match harm:
            case "deleted":
                file.unlink()
            case "cut":
                file.write_bytes(file.read_bytes()[:5000])
            case "not a database":
                file.write_bytes(b"nothing that anybody wrote" * 1000)
            case "of another shard":
                file.write_bytes(files[1][suffix].read_bytes())
            case _:
                for each, own in files[0].items():
                    own.write_bytes(files[1][each].read_bytes())
        again = shards.open(0)
        assert sorted(again.shard.customers.all) == sorted(f"C{at}" for at in range(50)), (suffix, harm)
        take(again, 100 + count, record("C1", "e1"))
        assert (again.intake.counts.duplicate, len(again.ids)) == (1, 100), (suffix, harm)
        assert len(list(again.history.lines_of("C1"))) == 2
        again.checkpoint()


def test_a_policy_is_taken_once_a_shard(process: Open, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('version = "house-1"\n')
    for _ in range(2):
        shards = process(policy=policy)
        for number in range(2):
            keeper = shards.open(number)
            assert [each.version for each in keeper.shard.policies] == ["house-1"]
            assert keeper.log.head().block == 1
    assert process().open(0).log.head().block == 1


def test_the_master_key_is_the_same_on_every_machine(process: Open) -> None:
    said: list[str] = []
    shards = process(say=said.append)
    assert "a new master key; keep a copy" in said[0]
    take(shards.open(0), 0, record("C1", "e1"))
    with pytest.raises(VaultError, match=r"master.key is missing.*set GUANXI_KEY.*none is made"):
        process("another machine")
    assert process("another machine", environ={"GUANXI_KEY": key_of(shards)}).open(0).log.head().block == 2
    with pytest.raises(VaultError, match="under another master key"):
        process("a third", environ={"GUANXI_KEY": "A" * 43 + "="}).open(0)


def test_a_folder_that_cannot_be_used_is_named(process: Open, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="give another --data"):
        process("file")


def test_folders_are_apart_by_log_and_incarnation(process: Open) -> None:
    identity = process().identity
    assert data_folder(identity, {"XDG_DATA_HOME": "/d"}) == Path(
        f"/d/guanxi/worker/{identity.name}-{identity.incarnation}"
    )
    assert data_folder(identity, {}).is_relative_to(Path.home())


def test_a_log_is_made_where_there_is_none_and_left_where_there_is_one(postgres_url: str) -> None:
    url, said = f"{postgres_url}?schema=log_{uuid.uuid4().hex[:12]}", list[str]()
    for shards in (3, 5):
        make_log(url, shards, say=said.append)
    assert len(said) == 1
    assert "a new log of 3 shards" in said[0]


# ------------------------------------------------------------------------------------------ views


@pytest.fixture
def answers(url: str) -> Iterator[PostgresAnswers]:
    found = PostgresAnswers(Session(address_of(url), read_only=True))
    yield found
    found.close()


def known(answers: PostgresAnswers) -> list[str]:
    return [row["customer_id"] for row in answers.tiers()]


def test_rows_of_all_shards_are_read_whoever_owns_them(process: Open, answers: PostgresAnswers) -> None:
    one, other = process(), process()
    first, second = one.open(0), other.open(1)
    take(first, 0, record("C2", "e1"))
    take(second, 0, record("C1", "e2"), b"bad\n")
    assert known(answers) == []
    first.show()
    second.checkpoint()
    assert known(answers) == ["C1", "C2"]
    assert answers.freshness.blocks == (2, 2)
    second = one.open(1)  # on a folder that knows nothing of it
    take(second, 2, record("C3", "e3"))
    second.show()
    assert known(answers) == ["C1", "C2", "C3"]
    assert answers.counts() == {
        "taken": {"account_opened": 3}, "duplicate": {}, "refused": {"not_json": 1}
    }  # fmt: skip


def test_who_lost_a_shard_and_does_not_know_yet_tells_nothing_old(process: Open, answers: PostgresAnswers) -> None:
    one, other = process(), process()
    first = one.open(0)
    take(first, 0, record("C1", "e1"))
    second = other.open(0)
    take(second, 1, record("C2", "e2"))
    second.show()
    first.show()  # block 2, after block 3
    assert known(answers) == ["C1", "C2"]
    assert answers.counts()["taken"] == {"account_opened": 2}
    assert answers.freshness.blocks == (3, 0)


def test_rows_that_another_version_made_or_that_are_ahead_are_told_anew(
    process: Open, answers: PostgresAnswers, url: str
) -> None:
    shards = process()
    keeper = shards.open(0)
    take(keeper, 0, record("C1", "e1"), b"bad\n")
    keeper.checkpoint()
    schema = address_of(url).schema
    for harm in (
        'UPDATE {}.view SET definitions = replace(definitions, \'"counts":"\', \'"counts":"x\')',
        "UPDATE {}.view SET block = 77 WHERE block > 0",
    ):
        with psycopg.connect(address_of(url).conninfo) as owner:
            owner.execute(harm.format(schema))  # type: ignore[arg-type]
        shards.open(0).show()
        assert known(answers) == ["C1"]
        assert answers.counts()["refused"] == {"not_json": 1}
        assert answers.freshness.blocks == (2, 0)
