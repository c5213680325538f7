"""What the demo shows of triggers: what stands, a manager's day, why one is there, who takes it on, what rules are worth."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

import click

from aggregates.triggers.catalog import RULES
from guanxi.bootstrap import open_bank
from guanxi.cli.asking import Page
from guanxi.cli.demo_answers import heading
from guanxi.cli.render import Column, Look, Row, amount, put_sentences, put_table, term, text
from guanxi.cli.trigger import record_of
from guanxi.cli.triggers import named
from guanxi.cli.words import COUNTERPARTIES, LINES, STEPS, Words
from guanxi.cli.worklist import placed, rule_in_two_lines, why_here
from guanxi.settings import Settings
from guanxi.simulator.person import Truth
from guanxi.simulator.warned import raised_of, scores
from processors.faults import CommandUnfit
from projections.worklist import first_to_do
from projections.worth import AFTER_DAYS, worth_rows

FIRST_SHOWN: Final = 4
"""Customers of a manager's worklist."""
BEHIND_SHOWN: Final = 5
"""Records behind a trigger, the last ones."""
GONE: Final = ("left", "moved_out", "fell", "not_renewed")
"""Stakes that are money which has moved: there are records to look at."""
NOBODY, OTHER = "M01", "M02"
"""Managers of a bank that named none."""


class Case(NamedTuple):
    """A trigger that one manager takes on and another one wants to."""

    customer_id: str
    trigger_id: str
    manager_id: str
    other_id: str


def put_triggers(on: Page) -> Case | None:
    """What stands, a manager's worklist, and why one of its triggers is there; None where nothing stands."""
    work = list(on.views.worklist())
    if not work:
        return None
    people = {row["customer_id"] for row in work}
    heading(
        Words("预警与商机", "Whom to call, and why"),
        f" · {len(work):,} triggers of {len(people):,} customers stand today",
    )
    put_table(standing_now(work), STANDING_NOW, on.look)
    ladder = [rung.code for policy in on.basis.policies for rung in policy.ladder]
    ordered = first_to_do(work, ladder)
    chosen = case_of(ordered)
    whose = chosen["manager_id"]
    put_worklist([row for row in ordered if row["manager_id"] == whose], whose, on.look)
    put_why(chosen, on)
    own = whose or NOBODY
    others = sorted({row["manager_id"] for row in work} - {own, None})
    return Case(chosen["customer_id"], chosen["id"], own, others[0] if others else OTHER)


def case_of(ordered: Sequence[Row]) -> Row:
    """The trigger to tell of: the first of money that has moved of a customer with a manager, else the first there is."""
    gone = [row for row in ordered if row["stake"] in GONE]
    return next((row for row in gone if row["manager_id"] is not None), next(iter(gone), ordered[0]))


# ---------------------------------------------------------------------------------------------- what stands


def standing_now(work: Iterable[Row]) -> list[Row]:
    """A row a rule, in the order of the rules: how many stand, of how many customers, and how much these hold."""
    count: Counter[str] = Counter()
    held: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in work:
        count[row["code"]] += 1
        held[row["code"]][row["customer_id"]] = row["aum"]
    known = [rule.code for rule in RULES]
    return [
        {"code": code, "standing": count[code], "customers": len(held[code]), "aum": sum(held[code].values())}
        for code in sorted(count, key=lambda code: (known.index(code) if code in known else len(known), code))
    ]


STANDING_NOW: Final = (
    Column(Words("预警", "Trigger"), named),
    Column(Words("待办", "Stand"), lambda row, _: f"{row['standing']:,}", right=True),
    Column(Words("客户数", "Customers"), lambda row, _: f"{row['customers']:,}", right=True),
    Column(Words("其金融资产", "Their AUM"), lambda row, look: look.money(row["aum"]).partition(".")[0], right=True),
)

# ---------------------------------------------------------------------------------------------- one manager's day


def put_worklist(own: Sequence[Row], manager_id: str | None, look: Look) -> None:
    """The first customers whom a manager has to call. own: triggers in their order; manager_id: None for nobody's customers."""
    whose = f"The worklist of manager {manager_id}" if manager_id else "The worklist of customers without a manager"
    people = by_customer(own)
    called = f"{len(people):,} customer{'' if len(people) == 1 else 's'}"
    heading(Words("今日待办", whose), f" · {len(own):,} triggers of {called}, the first of each")
    put_table(people[:FIRST_SHOWN], WORK, look)
    put_sentences(
        [
            "涉及金额大者在前，其次等级高者，再次等待久者",
            "Most money at stake first, then the higher level, then who waits longer.",
        ]
    )


def by_customer(own: Iterable[Row]) -> list[dict[str, Any]]:
    """The first trigger of each customer, its place in the whole list, and how many more of this customer stand."""
    found: dict[str, dict[str, Any]] = {}
    for row in placed(map(dict, own)):
        first = found.setdefault(row["customer_id"], {**row, "more": -1})
        first["more"] += 1
    return list(found.values())


WORK: Final = (
    Column(Words("序号", "No."), text("place"), right=True),
    Column(Words("客户", "Customer"), text("customer_id")),
    Column(Words("预警", "Trigger"), rule_in_two_lines),
    Column(Words("触发日", "Raised"), text("raised_on")),
    Column(Words("排序依据", "Why in this place"), why_here),
    Column(Words("另有", "And more"), lambda row, _: str(row["more"] or "-"), right=True),
)

# ---------------------------------------------------------------------------------------------- why one of them


def put_why(row: Row, on: Page) -> None:
    """What a trigger says, and the records that it rests on."""
    heading(Words("触发原因", "Why"), f" · {row['customer_id']}, {named(row, on.look)}")
    put_sentences(row["says"].values())
    (step,) = (each for each in on.views.triggers(row["customer_id"], standing=True) if each["id"] == row["id"])
    found = list(behind(on, row["customer_id"], step["evidence"]["records"]))
    if found:
        click.echo("依据记录 The records behind it" + _of_them(len(found)))
        put_table(found[-BEHIND_SHOWN:], BEHIND, on.look)


def _of_them(count: int) -> str:
    return f", the last {BEHIND_SHOWN} of {count}" if count > BEHIND_SHOWN else ""


def behind(on: Page, customer_id: str, records: Iterable[Mapping[str, str]]) -> Iterator[Row]:
    """A row a record that is named, in the order of the log."""
    wanted = {(each["source"], each["event_id"]) for each in records}
    for _, _, line in on.bank.lines_of(customer_id, on.basis.block):
        if (getattr(line, "source", None), getattr(line, "event_id", None)) in wanted:
            other = getattr(line, "counterparty", None)
            day = getattr(line, "value_date", None) or getattr(line, "occurred_at", "")[:10]
            yield {
                "day": day,
                "type": line.__struct_config__.tag,
                "amount": getattr(line, "amount", None),
                "kind": getattr(other, "kind", None),
                "event_id": getattr(line, "event_id", None),
            }


BEHIND: Final = (
    Column(Words("日期", "Date"), text("day")),
    Column(Words("记录", "Record"), term("type", LINES)),
    Column(Words("金额", "Amount"), amount("amount"), right=True),
    Column(Words("对方", "To"), lambda row, _: "-" if row["kind"] is None else str(COUNTERPARTIES[row["kind"]])),
    Column(Words("编号", "Event id"), text("event_id")),
)

# ---------------------------------------------------------------------------------------------- who takes it on


def claim(settings: Settings, case: Case) -> None:
    """One manager takes the trigger on, the other is told who has it since when."""
    heading(Words("认领", "Taken on"), f" · guanxi trigger claim {case.trigger_id}")
    with open_bank(settings, write=True) as bank:
        for manager_id in (case.manager_id, case.other_id):
            said = {"type": "trigger_claimed", "manager_id": manager_id}
            try:
                steps = bank.manage(record_of(case.customer_id, case.trigger_id, said))
            except CommandUnfit as error:
                click.echo(f"  {manager_id}  {str(error).removeprefix(f'{case.trigger_id}: ')}")
                continue
            for step in steps:
                click.echo(f"  {manager_id}  {STEPS[step.step]} · {step.business_date}")


# ---------------------------------------------------------------------------------------------- what rules are worth


def put_worth(on: Page, truth: Sequence[Truth]) -> None:
    """A row a rule: how often it spoke, whom it told of in time where that is known, and what was left of the money."""
    worth = {row["code"]: row for row in worth_rows(on.views.told_triggers(), "code")}
    found = scores(truth, raised_of(on.views.triggers())) if truth else {}
    rows = [
        {
            "code": code,
            "raised": row["raised"],
            "score": found.get(code),
            "left": row["money"][-1]["not_reached"]["share"],
        }
        for code, row in worth.items()
    ]
    heading(Words("预警价值", "What the rules are worth"))
    put_table(rows, WORTH if truth else (*WORTH[:2], WORTH[-1]), on.look)
    if truth:
        leave = sum(each.leaves for each in truth)
        put_sentences(
            [
                "虚拟银行知道谁真的流失：各规则所对应的流失客户中，多少在流失前已预警，提前多少天（中位数）",
                f"A made-up bank knows who left: {leave} people, each in the way one or two of the rules are for. Of a real "
                "one guanxi worth says what became of those who were reached, beside those who were not.",
            ]
        )


def _told(row: Row, _: Look) -> str:
    score = row["score"]
    return "-" if score is None or not score.stories else f"{score.warned} / {score.stories}"


def _ahead(row: Row, _: Look) -> str:
    score = row["score"]
    return f"{median(score.days):.0f}" if score is not None and score.days else "-"


WORTH: Final = (
    Column(Words("预警", "Trigger"), named),
    Column(Words("触发", "Raised"), lambda row, _: f"{row['raised']:,}", right=True),
    Column(Words("流失前预警", "Told in time"), _told, right=True),
    Column(Words("提前天数", "Days ahead"), _ahead, right=True),
    Column(
        Words(f"{AFTER_DAYS[-1]}天后资产", f"AUM {AFTER_DAYS[-1]} days later"),
        lambda row, _: "-" if row["left"] is None else f"{100 * row['left']:.0f}%",
        right=True,
    ),
)
