"""Policy files (guanxi/policy_file.py): any bytes are a policy, or a `PolicyError` that says file, line and field."""

import tempfile
from datetime import date
from pathlib import Path
from random import Random

from guanxi.policy_file import PolicyError, Problem, load
from tests.fuzz.targets import in_general

_FOLDER = tempfile.TemporaryDirectory(prefix="guanxi-fuzz-")
_FILE = Path(_FOLDER.name) / "policy.toml"


def check(data: bytes) -> set[str]:
    """Read the bytes as a policy file."""
    _FILE.write_bytes(data)
    last = data.count(b"\n") + 1
    problems: list[Problem] | None = None
    try:
        policy, content = load(_FILE)
    except PolicyError as error:
        problems = error.problems
    if problems is not None:
        assert problems, "what is wrong"
        for problem in problems:
            assert problem.file == str(_FILE)
            assert 1 <= problem.line <= last, f"line {problem.line} of {last}"
            assert problem.problem
            assert "\n" not in str(problem), "one line a problem"
        assert [each.line for each in problems] == sorted(each.line for each in problems), "in order of lines"
        return {in_general(each.problem) for each in problems}
    thresholds = [level.threshold_minor for level in policy.ladder]
    assert thresholds, "a ladder"
    assert all(after > before for before, after in zip([0, *thresholds], thresholds, strict=False)), "ascending"
    assert policy.version == content["version"]
    assert policy.valid_from is None or date.fromordinal(policy.valid_from).day == 1
    assert min(policy.watch_months, policy.exit_months, policy.grace_months, policy.special_years) >= 1
    return {"a policy"}


_WHOLE = """\
version = "2026-01"
valid_from = 2026-01-01    # a first of month
currency = "CNY"
[calendar]
sources = ["core", "funds"]
[[levels]]
code = "gold"
name = { zh = "金卡", en = "Gold" }
threshold = "200000.00"
[[levels]]
code = 'platinum'
threshold = "500000"
[levels.name]
zh = "白金"
[windows]
watch_months = 3
exit_months = 6
grace_months = 2
special_years = 1
restatement_months = 12
[triggers.aum_drop]
enabled = false
share = "0.70"
high_at_least = "50000.00"
window_days = 30
cooldown_days = 30
[triggers]
credit_warning = { overdue = [
    1, 30, # and more
    60,
], expire_days = 5 }
large_outflow.times = 2
"""
_VALUES = (
    '"x"', "''", '""', '"""a\nb"""', "'''\n'''", '""""quoted""""', "'a''", "0", "1", "-1", "1_0", "0x10", "9" * 5000, "1e400",
    "nan", "inf", "true", "[]", "[1,2]", "[[]]", "{}", "{a=1}", "{a={b=[1,{c=2}]}}", "1979-05-27", "2026-01-01T00:00:00Z",
    "07:32:00", '"0.5"', '"1.000"', '"99999999999999999999"', '["core","core"]', '"\\u00e9"', '"\\ud800"', "[" * 60 + "]" * 60,
    "[" * 2000, "0001-01-01", "9999-12-01", '"JPY"', '"ZZZ"', '"a\\"b"', '"#"', "[ # ]\n1]", "{a=1,b=2}", "2026-02-30",
)  # fmt: skip
_LINES = (
    "[a]", "[[a]]", "[levels]", "[[levels]]", "[levels.name]", "[[levels.name]]", "[a.b.c]", '["a.b"]', "[ a . b ]",
    "[triggers.lapsed]", "[triggers.unknown]", "a.b.c = 1", '"a.b" = 1', "'' = 1", "version = 1", "x = ", "= 1", "# \x00",
    "\ufeff", "\r", "[]", "[[", "]", ".".join("a" * 1500) + " = 1", "windows = {watch_months = 0}",
    "triggers.credit_warning.overdue = [2, 1]",
    'calendar.sources = ["a", "a"]', 'triggers.aum_drop.share = "0"', 'triggers.aum_drop.high_at_least = "1.234"',
    "levels = [{code='a',threshold='1'}, {code='a',threshold='1'}]",
)  # fmt: skip


def mutated(data: bytes, random: Random) -> bytes:
    """Lines of a policy file with other values, keys and tables."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    match random.randrange(7):
        case 0:
            lines.insert(at, random.choice(_LINES).encode())
        case 1:
            lines.insert(at, random.choice(_WHOLE.split("\n")).encode())
        case 2:
            del lines[at]
        case 3:
            lines.insert(random.randrange(len(lines)), lines[at])
        case 4:
            place = random.randrange(len(data) + 1)
            return (
                data[:place]
                + random.choice([b"", b'"', b"'", b"[", b"}", b"\xff", b"=", b".", b"#", b"\r\n"])
                + (data[place + random.randrange(3) :])
            )
        case _:
            key, equals, value = lines[at].partition(b"=")
            other = random.choice(_VALUES).encode()
            lines[at] = key + equals + random.choice([other, b"[" + value + b"," + other + b"]", b"{k=" + other + b"}"])
    return b"\n".join(lines)


def seeds() -> list[bytes]:
    """A file with everything, one with the least, and what is none."""
    return [
        _WHOLE.encode(), _WHOLE.replace("\n", "\r\n").encode(), b'version = "1"\n', b"", b"\xff",
        *(f'version = "1"\nwindows.watch_months = {value}\n'.encode() for value in _VALUES),
        *(f'version = "1"\n{line}\n'.encode() for line in _LINES),
    ]  # fmt: skip
