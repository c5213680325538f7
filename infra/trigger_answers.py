"""What the views of one shard answer about triggers: their steps, what stands, whose it is, what became of it and the money."""

from collections.abc import Iterator
from typing import Any

from aggregates.dates import first_day, iso
from infra.store import Store
from projections.customers import Aum
from projections.moment import Moment
from projections.trigger_steps import STANDING, TriggerSteps, step_rows
from projections.worklist import work_rows
from projections.worth import Told, add_money, told


class TriggerAnswers(Store):
    """See the module; part of ``infra.answers.Answers``."""

    def triggers(
        self, customer: str | None = None, code: str | None = None, at: Moment | None = None, *, standing: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Steps of triggers as published (CONTRACT §5), by customer_id bytes, sequence.

        code: those of one rule; at: those decided by then, with a business date up to its own. standing: of each trigger
        that still asks for something to be done then the last step alone.
        """
        with self._standing():
            at = at or self.moment()
            by, values = "block <= ?", list[object]([at.known.basis.block])
            if at.as_of:
                by, values = f"{by} AND business_date <= ?", [*values, iso(at.as_of)]
            where, asked = f"WHERE {by}", list(values)
            for name, value in (("customer_id", customer), ("code", code)):
                if value is not None:
                    where, asked = f"{where} AND kept.{name} = ?", [*asked, value]
            if standing:
                where, asked = f"{where} AND {self._stands} AND {by})", asked + values
            sql = self._select(TriggerSteps.table, ("content",), where)
            contents: Any = self._rows(sql, asked, few=customer is not None)
            yield from step_rows(contents)

    @property
    def _stands(self) -> str:
        """That a step asks for something and no later one of its trigger is there; goes on with what counts, and `)`."""
        return (
            f"kept.step IN ({', '.join(map(repr, STANDING))}) AND NOT EXISTS (SELECT 1 FROM {self._from('trigger_steps')} "
            f"AS later WHERE {_same_trigger('later')} AND later.sequence > kept.sequence"
        )

    def worklist(
        self, manager: str | None = None, branch: str | None = None, *, unassigned: bool = False
    ) -> Iterator[dict[str, Any]]:
        """What stands of whom, in no order of importance (``projections.worklist``): by customer_id bytes, sequence.

        manager: what this one has: triggers taken on, and those of the own customers that nobody else took on; branch: of
        the customers of a branch; unassigned: what nobody has.
        """
        with self._standing():
            where, values = "", list[object]()
            if manager is not None:  # first whose triggers these may be, as most are somebody else's
                may_be = " UNION ".join(
                    f"SELECT customer_id FROM {self._from(table)} AS w WHERE w.manager_id = ?"
                    for table in ("managers", "trigger_steps")
                )
                where = f" AND kept.customer_id IN ({may_be}) AND COALESCE(kept.manager_id, m.manager_id) = ?"
                values += [manager, manager, manager]
            if branch is not None:
                where, values = f"{where} AND m.branch = ?", [*values, branch]
            if unassigned:
                where += " AND kept.manager_id IS NULL AND m.manager_id IS NULL"
            beside = "".join(
                f" LEFT JOIN {self._from(table)} AS {name} ON {name}.customer_id = kept.customer_id"
                for table, name in (("aum", "a"), ("tiers", "t"), ("managers", "m"))
            )
            sql = (
                "SELECT kept.content, began.business_date, a.spot, t.level, COALESCE(kept.manager_id, m.manager_id), "
                f"m.branch FROM {self._from('trigger_steps')} AS kept JOIN {self._from('trigger_steps')} AS began "
                f"ON {_same_trigger('began')} AND began.step = 'raised'{beside} WHERE {self._stands}){where} "
                "ORDER BY kept.customer_id, kept.sequence"
            )
            yield from work_rows(self._rows(sql, values), self.basis().closed_through)

    def told_triggers(self, code: str | None = None) -> list[Told]:
        """What became of each trigger, and of the money (``projections.worth``), by customer_id bytes. code: of one rule."""
        with self._standing():
            known = self.moment().known
            where, values = ("WHERE kept.code = ?", [code]) if code is not None else ("", [])
            steps, managers = self._from("trigger_steps"), self._from("managers")
            found = told(
                self._rows(
                    "SELECT kept.customer_id, code, key, step, business_date, kept.manager_id, m.history "
                    f"FROM {steps} AS kept LEFT JOIN {managers} AS m ON m.customer_id = kept.customer_id {where} "
                    "ORDER BY kept.customer_id, sequence",
                    values,
                )
            )
            asked = f"WHERE customer_id IN (SELECT customer_id FROM {steps} AS kept {where})"
            states: Any = self._rows(self._select(Aum.table, ("customer_id", "state"), asked), values)
            moves: Any = self._rows(f"SELECT columns FROM {self._from('moves')} AS m ORDER BY block")
            basis = known.basis
            first = first_day(basis.first_month) if basis.first_month else 0
            add_money(found, states, moves, known.accounts, first, basis.closed_through)
            return found


def _same_trigger(name: str) -> str:
    """That a row of steps is of the same trigger as `kept`."""
    return " AND ".join(f"{name}.{column} = kept.{column}" for column in ("customer_id", "code", "key"))
