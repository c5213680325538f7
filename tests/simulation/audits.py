"""Files of a log, opened and held against the model; and files of a log damaged, which must not be believed."""

import random
from base64 import b64decode
from contextlib import closing
from pathlib import Path

from aggregates.policy import Policies
from aggregates.shard import Shard
from events.decisions import RecordRefused
from events.fields import Record
from guanxi.bootstrap import open_bank
from guanxi.cli.endings import ending
from guanxi.settings import Settings
from infra.sqlite_log import SqliteEventLog
from infra.sqlite_snapshots import SqliteSnapshots
from infra.vault import Vault
from processors import keeper
from processors.erased import open_refused
from processors.snapshot import shard_from
from processors.stored import decode_lines, opened
from tests.proof.world import digest
from tests.simulation.auditor import Auditor, Wrong, expect
from tests.simulation.ledger import Block, blocks_of, derived_of, digest_of, shard_of

FAULT_OF_THE_PROGRAM = "a fault of this program"
_REBUILT_SHARE = 0.12
"""Audits that also make every view anew and compare."""


def heard(line: str) -> None:
    """Listens to what the program says besides: it should have nothing to say. Raises Wrong."""
    if "a new master key" not in line:
        raise Wrong(f"the program says: {line}")


def audit(log: Path, auditor: Auditor, acknowledged: dict[int, int], rng: random.Random) -> set[str]:
    """Open a log and hold everything that it says against the model. Raises Wrong.

    acknowledged: block -> digest of each block of which the program was told that it is in the log. -> the files of
    records that were taken to their end.
    """
    auditor.audits += 1
    settings = Settings(log=f"sqlite:///{log}")
    with open_bank(settings, write=True, say=heard):
        pass
    blocks = blocks_of(log)
    digests = {block.number: block.digest for block in blocks}
    expect("acknowledged blocks", {number: digests.get(number) for number in acknowledged}, acknowledged)
    auditor.read(blocks)
    auditor.decided(blocks)
    with open_bank(settings, write=False, say=heard) as bank:
        auditor.answers(bank.views, rng)
        for customer_id in auditor.bank.customers()[:2]:
            found = [(block, number) for block, number, _ in bank.lines_of(customer_id)]
            expect(f"lines about {customer_id}", found, _lines_about(customer_id, blocks))
        if rng.random() < _REBUILT_SHARE:
            expect("differences of views from the log", [str(each) for each in bank.rebuild(check=True)], [])
    _compare_states(log)
    return {name for block in blocks for name in block.inputs}.difference(blocks[-1].inputs)


def _lines_about(customer_id: str, blocks: list[Block]) -> list[tuple[int, int]]:
    """(block, number of the line in the log) of everything about a customer."""
    return [
        (block.number, block.first + at)
        for block in blocks
        for at, line in enumerate(block.lines)
        if line.get("customer_id") == customer_id
    ]


def _compare_states(log: Path) -> None:
    """The state is the same from the log and from the snapshot, and what was sealed can be opened. Raises Wrong."""
    shard = Shard(Policies())
    key = b64decode(log.with_name(f"{log.name}-master.key").read_text())
    with closing(SqliteEventLog(str(log))) as opened_log, closing(Vault(f"{log}-vault", key)) as vault:
        for block in opened_log.blocks():
            lines = decode_lines(block.body)
            keeper.evolve(shard, lines)
            for line in lines:
                if isinstance(line, RecordRefused):
                    open_refused(line, vault)
                elif isinstance(line, Record):
                    opened(line, vault)
    kept = SqliteSnapshots(f"{log}-snapshot").load()
    restored = shard_from(*kept) if kept else None
    if restored is None:
        raise Wrong("there is no snapshot")
    expect("the state from the snapshot", digest(restored), digest(shard))


def damage(log: Path, rng: random.Random) -> str:
    """Change or cut a log or its vault in a file: "told" by the program, or "harmless" to it. Raises Wrong.

    A log must be read back as it was; a vault must open what was sealed.
    """
    whole = [block.digest for block in blocks_of(log)]
    is_log = rng.random() < 0.7
    file = log if is_log else log.with_name(f"{log.name}-vault")
    content = bytearray(file.read_bytes())
    if rng.random() < 0.2:
        del content[rng.randrange(len(content)) :]
    else:
        at = content.find(shard_of(log)) if is_log and rng.random() < 0.1 else rng.randrange(len(content))
        end = min(len(content), at + rng.choice([1, 1, 16, 512, 4096]))
        content[at:end] = rng.randbytes(end - at) if rng.random() < 0.5 else bytes(end - at)
    file.write_bytes(content)
    if is_log and rng.random() < 0.5:
        for name in derived_of(log):
            log.with_name(name).unlink()
    said: list[str] = []
    try:
        with open_bank(Settings(log=f"sqlite:///{log}"), write=True, say=said.append) as bank:
            list(bank.rebuild(check=True))
        if not is_log:
            _compare_states(log)
        with closing(SqliteEventLog(str(log))) as believed:
            left = [digest_of(block.body) for block in believed.blocks()]
    except Exception as error:
        line, _ = ending(error)
        if FAULT_OF_THE_PROGRAM in line:
            raise Wrong(f"a damaged {file.name} is not told in plain words: {line}") from error
        return "told"
    if said:
        return "told"
    expect(f"blocks beside a damaged {file.name} that is believed", left[: len(whole)], whole)
    return "harmless"
