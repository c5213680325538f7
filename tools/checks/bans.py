"""Names and operations that have no place in a package, found in the syntax tree.

One log gives one result on every machine and in every year. So the packages that decide and fold know no clock, no
randomness and no environment; and where money is counted there is no float and no door to files or devices.
An alias does not help: names are followed through `import … as` and `from … import`.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.checks.findings import Finding, files, tell

PURE = ("events", "aggregates")
CORE = (*PURE, "projections", "processors")
PRODUCT = (*CORE, "infra", "guanxi")


class Ban(NamedTuple):
    """Dotted names (with all below them) that may not be used in some packages, and why."""

    packages: tuple[str, ...]
    names: tuple[str, ...]
    why: str
    except_below: tuple[str, ...] = ()


_TIME = (
    "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns thread_time "
    "thread_time_ns clock_gettime clock_gettime_ns localtime gmtime ctime asctime strftime"
)
BANS = (
    Ban(
        CORE,
        (
            *(f"time.{name}" for name in _TIME.split()),
            "datetime.datetime.now",
            "datetime.datetime.utcnow",
            "datetime.datetime.today",
            "datetime.date.today",
        ),
        "a clock: time is an event here; clocks belong in infra/ or guanxi/",
    ),
    Ban(
        CORE,
        ("random", "secrets", "uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom", "numpy.random", "hash"),
        "randomness: the result must be the same every time; it belongs in infra/ or guanxi/",
    ),
    Ban(CORE, ("os.environ", "os.getenv"), "the environment: settings are handed in by guanxi/"),
    Ban(
        PURE,
        ("float", "complex", "round", "statistics", "operator.truediv", "numpy"),
        "a float: money and shares are integers (DOMAIN §2)",
    ),
    Ban(PURE, ("open", "input", "importlib", "__import__", "exec", "eval"), "a way out: this package is pure"),
    Ban(
        PRODUCT,
        ("print", "sys.stdout", "sys.stderr"),
        "output: only the command line speaks to the terminal",
        except_below=("guanxi/cli",),
    ),
)
_INTEGER_MATH = frozenset({"gcd", "lcm", "isqrt", "comb", "perm", "factorial", "prod"})


class _Names(ast.NodeVisitor):
    """Collects every use of a name, as the dotted name it stands for, and every operation on floats."""

    def __init__(self) -> None:
        self.aliases: dict[str, str] = {}
        self.uses: list[tuple[int, str]] = []
        self.floats: list[tuple[int, str]] = []

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            top = alias.name.partition(".")[0]
            self.aliases[alias.asname or top] = alias.name if alias.asname else top
            self.uses.append((node.lineno, alias.name))

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level or node.module is None:
            return
        for alias in node.names:
            self.aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            self.uses.append((node.lineno, f"{node.module}.{alias.name}"))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.uses.append((node.lineno, self.aliases.get(node.id, node.id)))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        dotted = self._dotted(node)
        if dotted is None:
            self.generic_visit(node)
        else:
            self.uses.append((node.lineno, dotted))

    def _dotted(self, node: ast.expr) -> str | None:
        """`a.b.c` for an imported `a`; None for an attribute of anything else, which may be any object."""
        if isinstance(node, ast.Name):
            return self.aliases.get(node.id)
        if isinstance(node, ast.Attribute) and (base := self._dotted(node.value)):
            return f"{base}.{node.attr}"
        return None

    def visit_Call(self, node: ast.Call) -> None:
        called = self._dotted(node.func)
        keywords = {keyword.arg for keyword in node.keywords}
        if called in ("json.loads", "json.load") and "parse_float" not in keywords:
            self.floats.append((node.lineno, f"{called} without parse_float"))
        if isinstance(node.func, ast.Name) and node.func.id == "isinstance":
            # Asking whether something is a float, in order to refuse it, is allowed.
            self.visit(node.args[0])
            return
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if isinstance(node.op, ast.Div):
            self.floats.append((node.lineno, "true division"))
        self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, ast.Div):
            self.floats.append((node.lineno, "true division"))
        self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, float | complex):
            self.floats.append((node.lineno, repr(node.value)))


def _quoted_annotations(tree: ast.Module) -> Iterator[ast.expr]:
    """The expressions inside annotations written as strings."""
    for node in ast.walk(tree):
        annotation = getattr(node, "returns", None) or getattr(node, "annotation", None)
        for part in ast.walk(annotation) if annotation else ():
            if isinstance(part, ast.Constant) and isinstance(part.value, str):
                try:
                    quoted = ast.parse(part.value, mode="eval").body
                except SyntaxError:
                    continue  # Text inside Annotated[…], no annotation.
                yield ast.increment_lineno(quoted, part.lineno - 1)


def _under(name: str, banned: str) -> bool:
    return name == banned or name.startswith(banned + ".")


def findings_in(path: Path, source: str) -> Iterator[Finding]:
    """Every break of a ban in one file; `path` is relative to the root and decides which bans hold."""
    package = path.parts[0]
    tree = ast.parse(source, filename=str(path))
    names = _Names()
    names.visit(tree)
    for quoted in _quoted_annotations(tree):
        names.visit(quoted)
    for ban in BANS:
        if package not in ban.packages or any(_below(path, part) for part in ban.except_below):
            continue
        for line, name in names.uses:
            if any(_under(name, banned) for banned in ban.names):
                yield Finding(path, line, f"{name}: {ban.why}")
    if package in PURE:
        for line, what in names.floats:
            yield Finding(path, line, f"{what}: a float: money and shares are integers (DOMAIN §2)")
        for line, name in names.uses:
            if name.startswith("math.") and name.removeprefix("math.") not in _INTEGER_MATH:
                yield Finding(path, line, f"{name}: a float: of math only {', '.join(sorted(_INTEGER_MATH))}")


def _below(path: Path, part: str) -> bool:
    return path == Path(part + ".py") or Path(part) in path.parents


def findings(root: Path) -> tuple[list[Finding], int]:
    """All breaks of a ban under `root`, and how many files were looked at."""
    paths = [path for path in files(root, ".py") if path.parts[0] in PRODUCT]
    found = {finding for path in paths for finding in findings_in(path, (root / path).read_text("utf-8"))}
    return sorted(found), len(paths)


if __name__ == "__main__":
    sys.exit(tell("bans", *findings(Path.cwd())))
