"""`guanxi tiers`: every customer's tier."""

import click

from aggregates.dates import Day
from guanxi.cli.asking import page
from guanxi.cli.options import Asked, common
from guanxi.cli.past import any_day
from guanxi.cli.render import Column, Listing, count, show, standing, text
from guanxi.cli.words import Words
from projections.moment import KnownAt

LISTING = Listing(
    ("customer_id", "state", "level", "watch", "below_entry", "grace_left", "until", "since", "policy_version"),
    (
        Column(Words("客户", "Customer"), text("customer_id")),
        Column(Words("等级", "Level"), standing),
        Column(Words("降级关注期", "Watch"), count("watch"), right=True),
        Column(Words("低于门槛", "Below entry"), count("below_entry"), right=True),
        Column(Words("宽限", "Grace left"), count("grace_left"), right=True),
        Column(Words("特殊至", "Until"), text("until")),
        Column(Words("自", "Since"), text("since")),
        Column(Words("政策", "Policy"), text("policy_version")),
    ),
)


@click.command("tiers")
@any_day
@common
@click.pass_obj
def command(asked: Asked, as_of: Day, known_at: KnownAt | None) -> None:
    """Every customer's tier: the newest decision, even if it takes effect tomorrow, or that in effect on a date.

    Watch: months in a row below the own level. Below entry: months in a row below the lowest one.
    """
    with page(asked, as_of, known_at) as on:
        show(on.views.tiers(at=on.at), LISTING, asked, on.look, on.footer)
