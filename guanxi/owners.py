"""Asking the owners of a log's shards on PostgreSQL to do something, and reading in the log what came of it."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from typing import Any, Final

import msgspec

from events.decisions import (
    CommandRefused,
    CustomerUnparked,
    Decision,
    RecordParked,
    RecordRedriven,
    TriggerMoved,
)
from guanxi.errors import UserError
from guanxi.shards import data_folder
from infra.master_key import MASTER_VARIABLE, master_key
from infra.postgres_commands import PostgresCommands, commands_input
from infra.postgres_log import PostgresEventLog
from infra.postgres_schema import identity_of
from infra.postgres_session import Session, address_of
from infra.postgres_vault import PostgresVault, is_destroyed
from processors.commands import Command, ErasureAsked, RedriveAsked, UnparkAsked, body_of
from processors.faults import CommandUnfit
from processors.partition import partition_of
from processors.ports import Block
from processors.stored import decode_lines
from processors.trigger_life import TriggerAsked, sealed

WAIT_S: Final = 30.0
"""An owner that is there answers within a second."""


_LOOK_S: Final = 0.02


class Unparked(msgspec.Struct, frozen=True):
    """What came of unparking a customer: so many records were judged, so many of them are parked again."""

    records: int
    parked: int


class Owners:
    """The owners of a log's shards. url: of the log; wait_s: how long to wait for an answer. Raises LogUnusable, LogDamaged."""

    def __init__(self, url: str, wait_s: float = WAIT_S) -> None:
        self._url, self._wait_s, address = url, wait_s, address_of(url)
        self._where = address.shown
        self._session = Session(address)
        try:
            self._identity = identity_of(self._session, address.shown)
            self._shards = self._identity.shards
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the connection."""
        self._session.close()

    def __enter__(self) -> "Owners":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def unpark(self, customer_id: str) -> Unparked:
        """Let a parked customer go on. Raises CommandUnfit, and UserError where nobody answers."""
        number = partition_of(customer_id, self._shards)
        found = [line for _, line in self._ask({number: UnparkAsked(customer_id)})]
        # What is parked again stands behind the last line that unparked.
        own = [each for each in found if getattr(each, "customer_id", None) == customer_id]
        at = max((at for at, each in enumerate(own) if isinstance(each, CustomerUnparked)), default=0)
        records = max((each.records for each in own[at:] if isinstance(each, CustomerUnparked)), default=0)
        return Unparked(records, sum(isinstance(each, RecordParked) for each in own[at:]))

    def erase(self, customer_id: str, event_id: str, occurred_at: str, reason: str | None = None) -> None:
        """Erase a customer (``Bank.erase``); the key is destroyed when this returns.

        Raises CommandUnfit, and UserError where nobody answers.
        """
        number = partition_of(customer_id, self._shards)
        self._ask({number: ErasureAsked(customer_id, event_id, occurred_at, reason)})
        ends = time.monotonic() + self._wait_s
        while not is_destroyed(self._session, number, customer_id):  # the owner does so right behind the block
            if time.monotonic() > ends:
                raise UserError(
                    "erased in the log, and the key is not destroyed yet",
                    customer_id,
                    f"the worker that opens shard {number} next does it; guanxi shred {customer_id} --certificate then says so",
                )
            time.sleep(_LOOK_S)

    def redrive(self, reason: str) -> list[tuple[int, RecordRedriven]]:
        """Take what was refused for a reason again, in all shards -> (shard, what came of one) in log order.

        Raises CommandUnfit, and UserError where nobody answers.
        """
        found = self._ask(dict.fromkeys(range(self._shards), RedriveAsked(reason)))
        return [(number, line) for number, line in found if isinstance(line, RecordRedriven)]

    def manage(self, record: dict[str, Any], environ: Mapping[str, str] = os.environ) -> list[TriggerMoved]:
        """Take what a manager does about a trigger (``processors.trigger_life``) -> the steps that came of it.

        environ: where the master key is looked for, which a note needs. Raises CommandUnfit, and UserError where nobody
        answers or there is no key.
        """
        number = partition_of(record["customer_id"], self._shards)
        with closing(self._vault(number, environ)) if "note" in record else nullcontext(None) as vault:
            asked = TriggerAsked(record) if vault is None else sealed(record, vault)
        steps = (line for _, line in self._ask({number: asked}) if isinstance(line, TriggerMoved))
        return [step for step in steps if step.id == record["trigger_id"] and step.manager_id == record["manager_id"]]

    def _vault(self, number: int, environ: Mapping[str, str]) -> PostgresVault:
        """The keys of the customers of a shard. Raises UserError without the master key."""
        file = data_folder(self._identity, environ) / "master.key"
        if MASTER_VARIABLE not in environ and not file.exists():
            raise UserError(
                "a note is personal and is sealed before it is laid down, and the master key is not here",
                str(file),
                f"set {MASTER_VARIABLE} to what the workers have, or leave out --note",
            )
        master, _ = master_key(environ, file, vault_has_keys=True)
        return PostgresVault(self._session, f"{self._where}, shard {number}", number, master)

    def _ask(self, commands: Mapping[int, Command]) -> list[tuple[int, Decision]]:
        """Lay commands down, a shard each, and wait until all were taken -> (shard, decision) of the blocks written since."""
        found: list[tuple[int, Decision]] = []
        laid = PostgresCommands(self._session)
        asked = {}
        for number, command in commands.items():
            with closing(PostgresEventLog(self._url, number, session=self._session)) as log:
                since = log.head().block
            asked[number] = since, laid.put(number, body_of(command))
        ends = time.monotonic() + self._wait_s
        for number, (since, command_number) in asked.items():
            with closing(PostgresEventLog(self._url, number, session=self._session)) as log:
                self._wait(log, number, command_number, ends)
                for line in (line for block in log.blocks(since) for line in _decisions(block)):
                    if isinstance(line, CommandRefused) and line.number == command_number:
                        raise CommandUnfit(line.why)
                    found.append((number, line))
        return found

    def _wait(self, log: PostgresEventLog, number: int, command_number: int, ends: float) -> None:
        while log.head().inputs.get(commands_input(number), 0) < command_number:
            if not log.wait(max(ends - time.monotonic(), 0)):
                raise UserError(
                    f"no worker owns shard {number}",
                    self._where,
                    "start one: guanxi worker; it will do what was asked, which is laid down",
                )
            log.refresh()


def _decisions(block: Block) -> Iterator[Decision]:
    return (line for line in decode_lines(block.body) if isinstance(line, Decision))
