"""The way in on a real log in files: identities at any distance and through restarts, and what becomes of odd bytes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import msgspec
import pytest

from aggregates.policy import Policy
from events import codec
from events.decisions import RecordRefused
from events.fields import CustomerRecord, Record
from infra.ids import IdIndex
from infra.sqlite_log import SqliteEventLog
from infra.sqlite_snapshots import SqliteSnapshots
from infra.sqlite_views import SqliteViews
from infra.vault import Vault
from processors.erased import open_refused
from processors.intake import Origin
from processors.keeper import Keeper
from processors.ports import LostShard
from processors.stored import decode_lines
from tests.dsl.records import close, deposit, matured, money, opened, record, reversal, valued, withdrawal
from tests.proof.world import digest

ORIGIN = Origin(("file:a.jsonl", 0), "a.jsonl")
NAME, ACCOUNT, MEMO = "张小明", "6222021234567890", "三月房租"


class House:
    """A log in files with all that belongs to it. Every batch is one block."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.at = folder, 0
        self._open()
        self.keeper.activate(Policy())

    def _open(self) -> None:
        at = str(self.folder / "bank.db")
        self.log = SqliteEventLog(at, write=True)
        self.ids, self.vault = IdIndex(f"{at}-ids"), Vault(f"{at}-vault", b"k" * 32)
        self.views = SqliteViews(f"{at}-views", write=True)
        snapshots = SqliteSnapshots(f"{at}-snapshot")
        self.keeper = Keeper(self.log, self.ids, self.vault, snapshots, self.views, lambda: "2026-01-01T00:00:00.000Z")
        self.keeper.recover()
        self.intake = self.keeper.intake

    def close(self) -> None:
        for each in (self.views, self.ids, self.vault, self.log):
            each.close()

    def crash(self) -> None:
        """Opened again without a checkpoint."""
        self.close()
        self._open()

    def restart(self) -> None:
        """Opened again after one."""
        self.keeper.checkpoint()
        self.crash()

    def flush(self) -> None:
        """Put the ids on pages, as after half a million."""
        self.ids.flush(self.log.head().block)

    def nothing(self) -> None:
        """Go on."""

    def send(self, *sent: Record | bytes) -> tuple[int, int, int]:
        """One batch -> taken, duplicate, refused of it."""
        before = self.counts
        lines = [each if isinstance(each, bytes) else codec.encode(each) for each in sent]
        self.intake.take(ORIGIN, self.at, b"".join(line + b"\n" for line in lines))
        self.at += len(lines)
        taken, duplicate, refused = (now - then for now, then in zip(self.counts, before, strict=True))
        return taken, duplicate, refused

    @property
    def counts(self) -> tuple[int, int, int]:
        counts = self.intake.counts
        return counts.taken, counts.duplicate, counts.refused

    def refusals(self) -> list[RecordRefused]:
        return [
            line for block in self.log.blocks() for line in decode_lines(block.body) if isinstance(line, RecordRefused)
        ]

    def reasons(self) -> list[str]:
        return [refused.reason for refused in self.refusals()]

    def balance(self, customer_id: str = "C1", account_id: str = "A1") -> int:
        customer = self.keeper.shard.customers.get(customer_id)
        assert customer is not None
        return customer.accounts[account_id].balance


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    found = House(tmp_path)
    found.send(opened("C1", "A1", on="2026-01-01", id="open-1"), opened("C2", "A2", on="2026-01-01", id="open-2"))
    yield found
    found.close()


BETWEEN: list[Callable[[House], None]] = [House.nothing, House.flush, House.crash, House.restart]
between = pytest.mark.parametrize("between", BETWEEN, ids=["at once", "flushed", "after a crash", "after a restart"])
D1 = deposit("C1", "A1", "10.00", on="2026-01-05", id="d1")


# ------------------------------------------------------------------------------------------ identity


def test_twice_in_one_batch(house: House) -> None:
    assert house.send(D1, D1, D1) == (1, 2, 0)
    assert house.balance() == 1000


@between
def test_twice_in_two_batches(house: House, between: Callable[[House], None]) -> None:
    assert house.send(D1) == (1, 0, 0)
    between(house)
    assert house.send(D1) == (0, 1, 0)
    assert house.balance() == 1000


def test_at_a_distance(house: House) -> None:
    house.send(D1)
    for batch in range(30):
        house.send(*(deposit("C2", "A2", "1.00", on="2026-02-05", id=f"{batch}-{at}") for at in range(40)))
        house.flush()
    house.restart()
    assert house.send(D1) == (0, 1, 0)
    assert house.send(deposit("C2", "A2", "1.00", on="2026-02-05", id="0-0")) == (0, 1, 0)


@between
def test_other_content(house: House, between: Callable[[House], None]) -> None:
    house.send(D1)
    between(house)
    assert house.send(msgspec.structs.replace(D1, amount=1001)) == (0, 0, 1)
    assert house.send(withdrawal("C1", "A1", "10.00", on="2026-01-05", id="d1")) == (0, 0, 1)
    assert house.reasons() == ["id_reused_with_other_content"] * 2
    assert house.balance() == 1000


def test_other_content_in_the_same_batch(house: House) -> None:
    assert house.send(D1, msgspec.structs.replace(D1, amount=1001), D1) == (1, 1, 1)
    assert house.balance() == 1000


def test_the_same_content_in_other_words_is_a_duplicate(house: House) -> None:
    house.send(D1)
    spaced = codec.encode(D1).replace(b",", b" , ").replace(b":1000", b": 1000")
    fields = msgspec.json.decode(codec.encode(D1))
    backwards = msgspec.json.encode(dict(reversed(fields.items())))
    booked = msgspec.structs.replace(D1, booked_on="2026-01-05")
    assert house.send(spaced, backwards, booked) == (0, 3, 0)


@between
def test_another_customer_or_month_is_another_record(house: House, between: Callable[[House], None]) -> None:
    other = deposit("C2", "A2", "10.00", on="2026-01-05", id="d1")
    later = deposit("C1", "A1", "10.00", on="2026-01-05", at="2026-02-01", id="d1")
    assert house.send(D1) == (1, 0, 0)
    between(house)
    assert house.send(other, later) == (2, 0, 0)
    between(house)
    assert house.send(D1, other, later) == (0, 3, 0)
    assert house.send(msgspec.structs.replace(other, amount=7), msgspec.structs.replace(later, amount=7)) == (0, 0, 2)
    assert (house.balance(), house.balance("C2", "A2")) == (2000, 1000)


def test_the_month_is_that_of_the_own_offset(house: House) -> None:
    house.send(msgspec.structs.replace(D1, occurred_at="2026-01-31T23:30:00-05:00"))
    assert house.send(msgspec.structs.replace(D1, occurred_at="2026-02-01T04:30:00Z")) == (1, 0, 0)
    assert house.send(msgspec.structs.replace(D1, occurred_at="2026-01-31T23:30:00-05:00")) == (0, 1, 0)


@between
def test_refused_and_sent_again_is_judged_anew(house: House, between: Callable[[House], None]) -> None:
    early = deposit("C1", "A9", "10.00", on="2026-01-05", id="early")
    assert house.send(early, early) == (0, 0, 2)
    between(house)
    assert house.send(opened("C1", "A9", on="2026-01-01", id="open-9"), early, early) == (2, 1, 0)
    assert house.balance("C1", "A9") == 1000


@between
def test_a_close_sent_again(house: House, between: Callable[[House], None]) -> None:
    assert house.send(close("2026-01-01")) == (1, 0, 0)
    between(house)
    assert house.send(close("2026-01-01"), close("2026-01-01")) == (0, 2, 0)
    assert house.send(close("2026-01-01", id="other")) == (0, 0, 1)
    assert house.reasons() == ["day_already_closed"]


# ------------------------------------------------------------------------------------------ reversals


@between
def test_a_record_of_an_earlier_block_is_reversed_once(house: House, between: Callable[[House], None]) -> None:
    house.send(D1)
    between(house)
    undo = reversal("C1", "d1", at="2026-01-06", id="r1")
    assert house.send(undo) == (1, 0, 0)
    assert house.balance() == 0
    between(house)
    assert house.send(undo) == (0, 1, 0)
    assert house.send(reversal("C1", "d1", at="2026-01-06", id="r2")) == (0, 0, 1)
    assert house.reasons() == ["already_reversed"]
    assert house.balance() == 0


def test_a_record_of_the_same_batch_is_reversed(house: House) -> None:
    undo = reversal("C1", "d1", at="2026-01-06", id="r1")
    assert house.send(D1, undo, D1, undo) == (2, 2, 0)
    assert house.balance() == 0


def test_of_several_the_one_taken_last_is_reversed(house: House) -> None:
    house.send(D1)
    house.send(deposit("C1", "A1", "3.00", on="2026-01-05", at="2026-02-01", id="d1"))
    house.send(reversal("C1", "d1", at="2026-02-02", id="r1"))
    assert house.balance() == 1000


@between
def test_a_refused_record_cannot_be_reversed(house: House, between: Callable[[House], None]) -> None:
    refused = deposit("C1", "A9", "10.00", on="2026-01-05", id="d9")
    assert house.send(refused, reversal("C1", "d9", at="2026-01-06", id="r1")) == (0, 0, 2)
    between(house)
    assert house.send(
        reversal("C1", "d9", at="2026-01-06", id="r1"), reversal("C2", "d9", at="2026-01-06", id="r2")
    ) == (0, 0, 2)
    assert house.reasons()[1:] == ["reversal_unknown"] * 3


@between
def test_a_valuation_that_needs_the_whole_history(house: House, between: Callable[[House], None]) -> None:
    """The first valuation of an account kept by month: judged with what the log says of its earlier days."""
    house.send(opened("C1", "F1", on="2026-01-01", category="fund", id="open-f"))
    house.send(deposit("C1", "F1", "100.00", on="2026-01-03", id="f1"), close("2026-01-31"))
    house.send(*(close(f"2026-02-{day:02d}") for day in range(1, 29)))
    between(house)
    late = valued("C1", "F1", "70.00", on="2026-02-10", at="2026-03-01", id="v1")
    before, behind = (deposit("C1", "F1", "1.00", on="2026-03-01", id=each) for each in ("f2", "f3"))
    batch = [before, late, D1, late, behind]
    assert house.send(*batch) == (4, 1, 0)
    assert house.balance("C1", "F1") == 7200
    state = digest(house.keeper.shard)
    house.crash()
    assert digest(house.keeper.shard) == state
    assert house.send(*batch) == (0, 5, 0)


# ------------------------------------------------------------------------------------------ personal data


PERSONAL = money(
    "transfer_out", "C1", "A1", "5.00", on="2026-01-05", id="p1", memo=MEMO,
    counterparty={"kind": "other_bank", "bank": "ICBC Xuhui", "account": ACCOUNT, "name": NAME},
)  # fmt: skip


@between
def test_personal_fields_are_compared_opened(house: House, between: Callable[[House], None]) -> None:
    assert house.send(PERSONAL, PERSONAL) == (1, 1, 0)
    between(house)
    assert house.send(PERSONAL) == (0, 1, 0)
    assert house.send(msgspec.structs.replace(PERSONAL, memo="四月房租")) == (0, 0, 1)
    other = msgspec.structs.replace(PERSONAL.counterparty, name="李四")  # type: ignore[attr-defined]
    assert house.send(msgspec.structs.replace(PERSONAL, counterparty=other)) == (0, 0, 1)
    assert house.send(msgspec.structs.replace(PERSONAL, memo=msgspec.UNSET)) == (0, 0, 1)


def test_nothing_personal_is_written_in_the_clear(house: House) -> None:
    ext = '{"teller":"王五"}'.encode()
    line = codec.encode(PERSONAL)
    house.send(
        PERSONAL,
        msgspec.structs.replace(D1, ext=msgspec.Raw(ext)),
        line.replace(b'"p1"', b'"p2"').replace(b'"A1"', b'"A9"'),
        line.replace(b'"p1"', b'"p3"').replace(b'"kind":"other_bank"', f'"kind":"{NAME}"'.encode()),
        line.replace(b'"p1"', b'"p4"').replace(b'"amount":500', b'"amount":-5'),
        line[:-20],
        msgspec.structs.replace(PERSONAL, memo="李四的房租"),
        record("special_vip_granted", "C1", at="2026-01-05", level="gold", value_date="2026-01-05", id="g1",
               reason="own brother of 赵六", granted_by="M7"),
    )  # fmt: skip
    house.keeper.checkpoint()
    assert len(house.refusals()) == 5
    stored = b"".join(block.body for block in house.log.blocks())
    for path in house.folder.iterdir():
        stored += path.read_bytes()
    frame, chunks = SqliteSnapshots(str(house.folder / "bank.db-snapshot")).load() or (b"", iter(()))
    stored += frame + b"".join(chunks)
    for text in (NAME, ACCOUNT, MEMO, "王五", "李四", "赵六", "ICBC Xuhui"):
        assert text.encode() not in stored, text
        assert msgspec.json.encode(text)[1:-1] not in stored
        assert text.encode("ascii", "backslashreplace") not in stored


# ------------------------------------------------------------------------------------------ odd bytes


def test_a_line_of_ten_megabytes(house: House) -> None:
    long = codec.encode(D1).replace(b'"d1"', b'"' + b"x" * 10_000_000 + b'"')
    assert house.send(long, D1) == (1, 0, 1)
    assert house.reasons() == ["too_large"]
    assert house.log.stored_bytes() < 200_000


def test_blank_lines_and_returns(house: House) -> None:
    d2 = codec.encode(deposit("C1", "A1", "1.00", on="2026-01-05", id="d2"))
    assert house.send(b"", b"  ", b"\r", codec.encode(D1) + b"\r", b"", d2 + b" \r", D1) == (2, 1, 0)
    assert house.log.head().inputs[ORIGIN.input] == house.at


def test_only_blank_lines_move_the_position(house: House) -> None:
    assert house.send(b"", b"") == (0, 0, 0)
    assert house.log.head().inputs[ORIGIN.input] == house.at


def test_what_is_no_record_is_refused_and_the_rest_goes_on(house: House) -> None:
    bad = [b"\xff\xfe", b"[]", b"null", b"1", b'{"a":' * 2000, b'{"type":"deposit"}', b"{}", b'"\\ud800"', b"\0"]
    assert house.send(*bad, D1, *bad) == (1, 0, 2 * len(bad))
    numbers = [refused.line for refused in house.refusals()]
    assert numbers == [*range(3, 3 + len(bad)), *range(4 + len(bad), 4 + 2 * len(bad))]


def test_a_refusal_keeps_the_bytes_sealed(house: House) -> None:
    line = b'{"type":"deposit","memo":"secret"'
    house.send(line)
    (refused,) = house.refusals()
    assert open_refused(refused, house.vault) == line
    assert b"secret" not in b"".join(block.body for block in house.log.blocks())


# ------------------------------------------------------------------------------------------ blocks


def test_touched_names_who_changed(house: House) -> None:
    house.intake.touched.clear()
    house.send(D1, D1, deposit("C2", "A9", "1.00", on="2026-01-05", id="no"))
    assert house.intake.touched == {"C1"}
    fee = money("fee_charged", "C2", "A2", "1.00", on="2026-01-05", id="fee")
    unknown = matured("C9", "F9", "1.00", on="2026-01-05", id="m")
    house.send(fee, unknown)
    assert house.intake.touched == {"C1", "C2"}


def test_a_batch_of_duplicates_moves_the_position_only(house: House) -> None:
    house.send(D1)
    house.send(D1, D1)
    last = house.log.block(house.log.head().block)
    assert (last.lines, last.facts, last.duplicates) == (0, 0, 2)
    assert house.log.head().inputs[ORIGIN.input] == house.at


def test_every_line_is_found_by_its_customer(house: House) -> None:
    house.send(D1, deposit("C2", "A2", "1.00", on="2026-01-05", id="d2"), b"{", close("2026-01-05"))
    for block in house.log.blocks():
        lines = decode_lines(block.body)
        wanted = b"".join(
            crc32((getattr(line, "customer_id", None) or "").encode()).to_bytes(4, "little") for line in lines
        )
        assert block.customers == wanted
        assert block.facts == sum(isinstance(line, Record) for line in lines)
        assert all(line.customer_id for line in lines if isinstance(line, CustomerRecord))


def test_a_position_already_passed_is_refused_whole(house: House) -> None:
    house.crash()
    blocks = house.log.head().block
    with pytest.raises(LostShard):
        house.intake.take(ORIGIN, 0, codec.encode(D1) + b"\n")
    house.crash()
    assert house.log.head().block == blocks
    assert house.send(D1) == (1, 0, 0)


def test_days_cut_into_blocks_and_taken_up_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stops inside a close goes on with it when the log is opened again."""
    monkeypatch.setattr("processors.closing_days.CUT_AFTER_LINES", 1)
    monkeypatch.setattr("aggregates.closing.CUSTOMERS_A_STEP", 1)
    house.send(deposit("C1", "A1", "300000.00", on="2026-01-02", id="big"), close("2026-01-30"))
    append, left = house.log.append, iter([True, True, False])

    def failing(draft: object) -> int:
        if not next(left):
            raise OSError("no more")
        return append(draft)  # type: ignore[arg-type]

    monkeypatch.setattr(house.log, "append", failing)
    with pytest.raises(OSError, match="no more"):
        house.send(close("2026-01-31"), close("2026-02-05"), D1)
    assert house.keeper.shard.closed_through
    house.crash()
    done = house.log.head().inputs[ORIGIN.input]
    assert house.at < done < house.at + 3
    house.at = done
    assert house.send(close("2026-02-05"), D1)[2] == 0
    ends = [
        line for block in house.log.blocks() for line in decode_lines(block.body) if type(line).__name__ == "DayClosed"
    ]
    assert [line.date for line in ends] == [f"2026-01-{d}" for d in (30, 31)] + [f"2026-02-0{d}" for d in range(1, 6)]
    state = digest(house.keeper.shard)
    house.crash()
    assert digest(house.keeper.shard) == state
