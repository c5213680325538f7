"""The command `guanxi`: its table of contents, and how every run of it ends."""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, NamedTuple, NoReturn

import click

from guanxi.cli import STOPPED
from guanxi.cli.endings import ending
from guanxi.cli.options import Asked, common


class Entry(NamedTuple):
    """A command: the module below guanxi.cli that defines it as `command`, and what it does in a few words."""

    module: str
    does: str


CONTENTS: Final[dict[str, dict[str, Entry]]] = {
    "To try it": {
        "demo": Entry("demo", "A small bank from records to tier changes."),
        "simulate": Entry("simulate", "Write the records of a made-up Chinese bank."),
    },
    "For core systems, which publish records": {
        "ingest": Entry("ingest", "Take records from files into the log, each exactly once."),
        "publish": Entry("publish", "Publish records from files on Kafka."),
        "import": Entry("import_berka", "Take foreign data in as records: import berka DIR."),
        "rejected": Entry("rejected", "Records that were refused, and why."),
    },
    "For customer managers": {
        "worklist": Entry("worklist", "What to do today, the most important first."),
        "trigger": Entry("trigger", "Claim a trigger, say of the contact, close it."),
        "triggers": Entry("triggers", "Who should be contacted, why, and what came of it."),
        "worth": Entry("worth", "What each rule of triggers is worth."),
        "complaints": Entry("complaints", "Open complaints, the gravest first."),
        "loans": Entry("loans", "Loans, their class, and what is overdue."),
        "customer": Entry("customer", "Everything about one customer on a page."),
        "portfolio": Entry("portfolio", "Customers of a manager, and what they hold."),
        "tiers": Entry("tiers", "Every customer's tier."),
        "aum": Entry("aum", "Balances and month averages."),
    },
    "For auditors": {
        "tier-changes": Entry("tier_changes", "Tier changes with the months they rest on."),
        "replay": Entry("replay", "What happened to a customer, event by event."),
        "diff": Entry("diff", "What changed about a customer between two days."),
        "alerts": Entry("alerts", "What does not add up: balances, totals, days, ids."),
    },
    "For operators": {
        "status": Entry("status", "How far the log and its views are."),
        "redrive": Entry("redrive", "Take what was refused for a reason again."),
        "shred": Entry("shred", "Erase a customer for good, and print the certificate: shred ID."),
        "parked": Entry("parked", "Customers set aside since the program failed on them."),
        "unpark": Entry("unpark", "Take what waits of a parked customer: unpark CUSTOMER_ID."),
        "log": Entry("log", "Make a log on PostgreSQL, or bring its tables up to date."),
        "rebuild": Entry("rebuild", "Make the views anew from the log, or check them."),
        "worker": Entry("worker", "Take records from Kafka into a log on PostgreSQL."),
        "relay": Entry("relay", "Publish tier changes, triggers and refusals on Kafka."),
        "position": Entry("position", "Positions in Kafka beside the log's; read on from another."),
        "cluster": Entry("cluster", "Kafka and PostgreSQL on this machine, to try and test."),
        "policy": Entry("policy_check", "Say whether a policy file is in order: policy check FILE."),
    },
}
"""Every command under the heading of who asks, in the order of the help page; a page shows all within 80 columns."""

COMMANDS: Final[dict[str, Entry]] = {name: entry for group in CONTENTS.values() for name, entry in group.items()}


NOT_BUILT: Final = frozenset(
    {"explain", "export", "publish", "relay", "serve", "shred", "triggers", "verify", "worker"} - COMMANDS.keys()
)
"""Commands of CONTRACT §4 that are to come."""


class Root(click.Group):
    """Loads a command when it is called, and ends every run with one line at most and the exit code of CONTRACT §4."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the help page."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name, its module imported now."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command: click.Command = import_module(f"guanxi.cli.{entry.module}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called; of one that there is not, what comes near."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            ctx.fail(
                f"the command {name} is not built yet"
                if name in NOT_BUILT
                else f"there is no command {name}" + (f", perhaps {near[0]} is meant" if near else "")
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The table of contents, without importing the commands."""
        width = max(map(len, COMMANDS))
        for heading, group in CONTENTS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), entry.does) for name, entry in group.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that went away (`| head`) ends it quietly, Ctrl-C with one line."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Nobody reads any more: let the interpreter's own flush at exit go nowhere instead of complaining.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None
        except KeyboardInterrupt:
            click.echo("guanxi: stopped", err=True)
            raise click.exceptions.Exit(STOPPED) from None
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            command = self.get_command(ctx, name) if error.ctx is None and name else None
            if command is not None:  # of an option without its value nobody said whose it is
                error.ctx = click.Context(command, ctx, name)
            raise
        return result

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run a command line and leave with its exit code."""
        extra.pop("standalone_mode", None)
        extra.setdefault("obj", Asked())
        try:
            result = super().main(args, prog_name, standalone_mode=False, **extra)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(error.exit_code)
        except Exception as error:
            line, code = ending(error)
            if os.environ.get("GUANXI_DEBUG"):
                raise
            click.echo(f"guanxi: {line}", err=True)
            sys.exit(code)
        sys.exit(result if isinstance(result, int) else 0)


def installed_version() -> str:
    """The version of the installed program."""
    try:
        return version("guanxi")
    except PackageNotFoundError:
        return "(not installed)"


@click.command(cls=Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(installed_version(), message="guanxi %(version)s")
@common
def cli() -> None:
    """What a retail bank knows of its customers: balances, month averages, VIP tiers, and why.

    Records go into an append-only log; all answers come from it. `guanxi COMMAND --help` says more.
    """


def occupy_standard_streams() -> None:
    """Open to nowhere whichever of the three the caller closed: a file opened later must not be taken for one of them."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8")  # noqa: SIM115 - as long as the program runs
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8")  # noqa: SIM115


def main() -> NoReturn:
    """The program `guanxi`."""
    occupy_standard_streams()
    cli.main(prog_name="guanxi")
