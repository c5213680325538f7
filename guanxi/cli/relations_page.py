"""The part of a customer's page about loans, and about what happened between the customer and the bank."""

from typing import Any, Final

from aggregates.customer import Customer
from aggregates.dates import Day, iso
from aggregates.instants import instant
from aggregates.relations import Contact, Identity, Relations
from events.codec import DAYS
from events.decisions import Decision, LoanReversed
from events.fields import Record
from events.interactions import TYPES as INTERACTIONS
from events.transactions import LoanClassified, LoanMovement, LoanOpened, LoanOverdue
from guanxi.cli.words import CATEGORIES, CONTACTS, Words
from projections.loans import rows_of

Row = dict[str, Any]
Rows = list[tuple[Words, str]]

_LOANS: Final = (LoanOpened, LoanMovement, LoanOverdue, LoanClassified, LoanReversed)


def is_later(line: Record | Decision, as_of: Day) -> bool:
    """Whether a line is about a loan or an interaction of a day after this one: by value date, or by `occurred_at`."""
    if isinstance(line, _LOANS):
        return DAYS[line.value_date] > as_of
    return isinstance(line, INTERACTIONS) and DAYS[line.occurred_at[:10]] > as_of


def loans_and_relations(customer: Customer, as_of: Day, now: str) -> Row:
    """`loans` and `relations` of the page of a customer, the latter null where nothing ever happened.

    customer: folded from the lines that are not later; as_of: the day asked about, 0 for today; now: the moment that is
    today's, RFC 3339, at which an identity is valid or not. Of another day that is its last second.
    """
    loans = [{key: value for key, value in row.items() if key != "customer_id"}
             for row in rows_of(customer.id, customer.loans or {})]  # fmt: skip
    return {"loans": loans, "relations": _relations(customer.relations, as_of, now) if customer.relations else None}


def _relations(known: Relations, as_of: Day, now: str) -> Row:
    rating = known.last_rating()
    return {
        "last_in": _contact(known.last_in),
        "last_out": _contact(known.last_out),
        "channels": {name: {"in": came, "out": went} for name, (came, went) in sorted(known.channels.items())},
        "complaints": [
            {"complaint_id": each.complaint_id, "severity": each.severity, "filed_on": iso(each.filed_on)}
            for each in known.open_complaints()
        ],
        "rating": None
        if rating is None
        else {"score": rating.score, "on": iso(rating.day), "about": rating.about or None},
        "identity": None if known.identity is None else _identity(known.identity, as_of, now),
        "enquiries": [
            {"on": iso(each.day), "category": each.category, "product": each.product or None}
            for each in known.enquiries
        ],
        "campaigns": {
            name: {
                "contacted_on": iso(each.contacted_on) if each.contacted_on else None,
                "responded_on": iso(each.responded_on) if each.responded_on else None,
                "response": each.response or None,
            }
            for name, each in known.campaigns.items()
        },
    }


def _contact(contact: Contact | None) -> Row | None:
    return None if contact is None else {"at": contact.at, "how": contact.how, "by": contact.by or None}


def _identity(identity: Identity, as_of: Day, now: str) -> Row:
    offset = identity.at[-1:] if identity.at[-1] in "Zz" else identity.at[-6:]
    moment = instant(f"{iso(as_of)}T23:59:59{offset}" if as_of else now)
    return {
        "operator": identity.operator,
        "method": identity.method,
        "at": identity.at,
        "valid_minutes": identity.valid_minutes,
        "is_valid": identity.is_valid(moment),
    }


# ------------------------------------------------------------------------------------------------------ on the screen


def relations_lines(found: Row) -> Rows:
    """What `relations` of a page say, a line each; what never happened is left out."""
    rows: Rows = []
    for key, words in (
        ("last_in", Words("客户最近来访", "Last heard from")),
        ("last_out", Words("银行最近联系", "Last reached out")),
    ):
        if contact := found[key]:
            by = f" · {contact['by']}" if contact["by"] else ""
            rows.append((words, f"{_time(contact['at'])} · {_how(contact['how'])}{by}"))
    if found["channels"]:
        counted = (f"{_how(name)} {each['in']} 进 in {each['out']} 出 out" for name, each in found["channels"].items())
        rows.append((Words("渠道习惯", "Channels"), "; ".join(counted)))
    for complaint in found["complaints"]:
        said = f"{complaint['complaint_id']} · {complaint['severity']} 级 severity · {complaint['filed_on']}"
        rows.append((Words("未结投诉", "Open complaint"), said))
    if rating := found["rating"]:
        about = f" · {rating['about']}" if rating["about"] else ""
        rows.append((Words("最近评价", "Last rating"), f"{rating['score']}/5 · {rating['on']}{about}"))
    if identity := found["identity"]:
        valid = "有效 valid" if identity["is_valid"] else "已过期 expired"
        told = f"{valid} · {_time(identity['at'])} + {identity['valid_minutes']} 分钟 min"
        rows.append((Words("身份核实", "Identity verified"), f"{told} · {identity['operator']} · {identity['method']}"))
    if found["enquiries"]:
        last = found["enquiries"][-1]
        product = f" {last['product']}" if last["product"] else ""
        category = CATEGORIES.get(last["category"], last["category"])
        rows.append((Words("商机", "Opportunity"), f"{category}{product} · {last['on']}"))
    for name, campaign in found["campaigns"].items():
        if campaign["response"]:
            rows.append((Words("营销反馈", "Response"), f"{name}: {campaign['response']} · {campaign['responded_on']}"))
    return rows


def _how(word: str) -> str:
    return str(CONTACTS.get(word, word))


def _time(at: str) -> str:
    """Date and time to the minute, with the offset they were said in."""
    return f"{at[:10]} {at[11:16]}" + (" Z" if at[-1] in "Zz" else f" {at[-6:]}")
