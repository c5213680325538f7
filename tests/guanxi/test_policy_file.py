"""Policy files: what is taken, and every way of being refused with file, line and field (CONTRACT §3, §5)."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aggregates.policy import DEFAULT_LADDER, Policy
from guanxi import policy_file
from guanxi.policy_file import PolicyError, Problem, load, parse

REPOSITORY = Path(__file__).parents[2]
CONTRACT = REPOSITORY.parent / "shared" / "design" / "CONTRACT.md"

EXAMPLE = """\
version = "2026-01"
valid_from = 2026-01-01    # a first of month; absent: always
currency = "CNY"
[calendar]
sources = ["core", "funds"]   # absent: the source of the first close
[[levels]]                 # ascending
code = "gold"
name = { zh = "金卡", en = "Gold" }
threshold = "200000.00"
[windows]
watch_months = 3
exit_months = 6
grace_months = 2
special_years = 1
restatement_months = 12
[triggers.aum_drop]        # one table per trigger code; enabled = false turns it off
share = "0.70"
high_at_least = "50000.00"
window_days = 30
cooldown_days = 30
"""


def refused(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(PolicyError) as caught:
        parse(text, "p.toml")
    assert all(problem.file == "p.toml" for problem in caught.value.problems)
    return [(p.line, p.field, p.problem) for p in caught.value.problems]


def test_the_example_of_the_contract() -> None:
    policy, content = parse(EXAMPLE, "p.toml")
    assert policy == Policy(
        version="2026-01",
        valid_from=739617,
        currency="CNY",
        sources=("core", "funds"),
        ladder=DEFAULT_LADDER[:1],
        triggers={"aum_drop": {"share": [70, 100], "high_at_least": 50_000_00, "window_days": 30, "cooldown_days": 30}},
    )
    assert content["valid_from"] == "2026-01-01"
    assert content["triggers"] == {
        "aum_drop": {"share": "0.70", "high_at_least": "50000.00", "window_days": 30, "cooldown_days": 30}
    }
    if not CONTRACT.is_file():
        pytest.skip("LOUD: the design folder is not there, so the example was not compared with the contract's own")
    assert f"```toml\n{EXAMPLE}```" in CONTRACT.read_text("utf-8")


def test_left_out_means_the_defaults() -> None:
    assert parse('version = "default-1"', "p.toml") == (Policy(), {"version": "default-1"})


def test_the_policies_that_come_along_are_in_order() -> None:
    files = sorted((REPOSITORY / "guanxi").rglob("*.toml"))
    assert len(files) >= 2
    for file in files:
        policy, _ = load(file)
        assert len(policy.ladder) == 4


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(EXAMPLE, "utf-8")
    assert load(file)[0].ladder[0].name_zh == "金卡"
    file.write_bytes(b'version = "a"\n# caf\xe9\n')
    with pytest.raises(PolicyError, match=rf"^{re.escape(str(file))}:2: not UTF-8; save it as UTF-8$"):
        load(file)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("currency", "threshold", "minor"),
    [("CNY", "0.01", 1), ("CNY", "200000", 20_000_000), ("JPY", "200000", 200_000), ("KWD", "1.234", 1234)],
)
def test_thresholds_become_minor_units_exactly(currency: str, threshold: str, minor: int) -> None:
    text = f'version = "a"\ncurrency = "{currency}"\n[[levels]]\ncode = "g"\nthreshold = "{threshold}"'
    assert parse(text, "p")[0].ladder[0].threshold_minor == minor


@pytest.mark.parametrize(("currency", "entry"), [("CNY", 20_000_000), ("JPY", 200_000), ("KWD", 200_000_000)])
def test_the_default_ladder_is_in_whole_units_of_the_currency(currency: str, entry: int) -> None:
    assert parse(f'version = "a"\ncurrency = "{currency}"', "p")[0].entry_minor == entry


@pytest.mark.parametrize(
    ("text", "line", "field", "problem"),
    [
        ('version = "a"\nlevel = 3', 2, "level", "unknown key"),
        ('version = "a"\n[window]\nwatch_months = 3', 2, "window", "unknown key"),
        ('version = "a"\n[windows]\n\nwatch_month = 3', 4, "windows.watch_month", "unknown key"),
        ('version = "a"\nwindows.watch_month = 3', 2, "windows.watch_month", "unknown key"),
        ('version = "a"\nwindows = { exit_months = 6, \'x y\' = 3 }', 2, "windows.x y", "unknown key"),
        ('version = "a"\n[calendar]\nsource = ["core"]', 3, "calendar.source", "unknown key"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold="1"\nname={de="G"}', 5, "levels[0].name.de", "unknown key"),
        ('version = "a"\n[triggers.aum_fall]\nshare = "0.7"', 2, "triggers.aum_fall", "unknown key"),
        ('version = "a"\n[triggers.aum_drop]\ndays = 3', 3, "triggers.aum_drop.days", "unknown key"),
        ('version = "a"\n[triggers.lapsed]\ncooldown_days = 3', 3, "triggers.lapsed.cooldown_days", "unknown key"),
        ("", 1, "version", "missing"),
        ('version = ""', 1, "version", "should"),
        ('version = "  "', 1, "version", "should"),
        ('\nversion = 1', 2, "version", "should be text in quotes"),
        ('version = "a"\nvalid_from = 2026-01-02', 2, "valid_from", "should be a first of month"),
        ('version = "a"\nvalid_from = "2026-01-01"', 2, "valid_from", "without quotes"),
        ('version = "a"\nvalid_from = 2026-01-01T00:00:00', 2, "valid_from", "should be a date"),
        ('version = "a"\ncurrency = "cny"', 2, "currency", "ISO 4217"),
        ('version = "a"\ncurrency = "YUAN"', 2, "currency", "ISO 4217"),
        ('version = "a"\n[calendar]\nsources = []', 3, "calendar.sources", "at least 1"),
        ('version = "a"\n[calendar]\nsources = [\n "core",\n "Funds"]', 5, "calendar.sources[1]", "a-z 0-9"),
        ('version = "a"\n[calendar]\nsources = ["core", "core"]', 3, "calendar.sources", "only once"),
        ('version = "a"\nlevels = []', 2, "levels", "at least 1"),
        ('version = "a"\n[[levels]]\ncode="g"', 2, "levels[0].threshold", "missing"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold=200000', 4, "levels[0].threshold", "text in quotes"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold=2.5', 4, "levels[0].threshold", "text in quotes"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold="2e5"', 4, "levels[0].threshold", "decimal"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold="-1"', 4, "levels[0].threshold", "decimal"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold="٣"', 4, "levels[0].threshold", "decimal"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold="0.00"', 4, "levels[0].threshold", "above 0"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold="1.001"', 4, "levels[0].threshold", "CNY has: 2"),
        ('version="a"\ncurrency="JPY"\n[[levels]]\ncode="g"\nthreshold="1.5"', 5, "levels[0].threshold", "JPY has: 0"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold="5"\n[[levels]]\ncode="h"\nthreshold="5.00"',
         7, "levels[1].threshold", "above the one before"),
        ('version = "a"\n[[levels]]\ncode="g"\nthreshold="5"\n[[levels]]\ncode="g"\nthreshold="6"',
         6, "levels[1].code", "stands twice"),
        ('version = "a"\n[windows]\nspecial_years = true', 3, "windows.special_years", "a whole number"),
        ('version = "a"\n[windows]\ngrace_months = 2.0', 3, "windows.grace_months", "a whole number"),
        ('version = "a"\n[triggers.large_outflow]\ntimes = 0', 3, "triggers.large_outflow.times", "should be"),
        ('version = "a"\n[triggers.large_outflow]\nshare = "1.01"', 3, "triggers.large_outflow.share", "at most"),
        ('version = "a"\n[triggers.large_outflow]\nshare = "0.0"', 3, "triggers.large_outflow.share", "above"),
        ('version = "a"\n[triggers.large_outflow]\nshare = 0.2', 3, "triggers.large_outflow.share", "text in quotes"),
        ('version = "a"\n[triggers.dormant]\naum_at_least = "1.001"', 3, "triggers.dormant.aum_at_least", "CNY has: 2"),
        ('version = "a"\n[triggers.dormant]\nenabled = "no"', 3, "triggers.dormant.enabled", "true or false"),
        ('version = "a"\n[triggers.dormant]\nexpire_days = 0', 3, "triggers.dormant.expire_days", "should be"),
        ('version = "a"\n[triggers.credit_warning]\noverdue = [1, 30, 30]', 3,
         "triggers.credit_warning.overdue", "ascending"),
        ('version = "a"\n[triggers.credit_warning]\noverdue = [\n0]', 4,
         "triggers.credit_warning.overdue[0]", "should be"),
        ('version = "a"\ntriggers = 3', 2, "triggers", "should be"),
        ('version = "a"\n\nx = [', 3, "", "not TOML"),
        ('version = "a"\n\nversion = "b"\n#', 3, "", "not TOML"),
    ],
)  # fmt: skip
def test_what_is_refused_and_where(text: str, line: int, field: str, problem: str) -> None:
    [(found_line, found_field, said)] = refused(text)
    assert (found_line, found_field) == (line, field)
    assert problem in said


WINDOWS = ("watch_months", "exit_months", "grace_months", "special_years", "restatement_months")


@pytest.mark.parametrize("window", WINDOWS)
def test_no_window_is_zero(window: str) -> None:
    [(line, field, _)] = refused(f'version = "a"\n[windows]\n{window} = 0')
    assert (line, field) == (3, f"windows.{window}")
    assert getattr(parse(f'version = "a"\n[windows]\n{window} = 1', "p")[0], window) == 1


@pytest.mark.parametrize(
    ("value", "problem"),
    [("9" * 5000, "a number with too many digits"), ("[" * 5000, "nested too deep"), ("{a=" * 5000, "nested too deep")],
)
@pytest.mark.parametrize("before", ["", "# only words\n\n", 'text = """\nx\n"""\n'])
@pytest.mark.parametrize("after", ["", "\n", "\nversion = 3\n= broken\n"])
def test_what_the_reader_of_toml_cannot_hold_is_told_with_its_line(
    value: str, problem: str, before: str, after: str
) -> None:
    found = refused(f"{before}version = {value}{after}")
    assert found == [(before.count("\n") + 1, "", problem)]


def test_everything_that_is_wrong_is_told_in_order_of_lines() -> None:
    text = 'colour = 1\nversion = ""\n[windows]\nexit_months = 0\n'
    places = [(line, field) for line, field, _ in refused(text)]
    assert places == [(1, "colour"), (2, "version"), (4, "windows.exit_months")]


def test_a_problem_reads_as_file_line_field() -> None:
    assert str(Problem("p.toml", 3, "windows.exit_month", "unknown key")) == "p.toml:3: windows.exit_month: unknown key"
    with pytest.raises(PolicyError, match=r"^p.toml:1: a: unknown key; p.toml:2: b: unknown key$"):
        parse('a = 1\nb = 2\nversion = "c"', "p.toml")


PARAMETERS = {
    "aum_drop": 'share = "0.70"\nhigh_at_least = "50000.00"\nwindow_days = 30\ncooldown_days = 30',
    "large_outflow": 'at_least = "50000.00"\nshare = "0.20"\ntimes = 2\ncooldown_days = 30',
    "outside_platform_drift": 'count = 3\nshare = "0.20"\nwindow_days = 30\ncooldown_days = 30',
    "payroll_stopped": "months = 3\nafter_days = 5\nwindow_days = 25",
    "maturity_upcoming": "days = 7",
    "maturity_unrenewed": 'days = 3\nshare = "0.80"',
    "tier_at_risk": "from_day = 10",
    "near_upgrade": 'from_day = 10\nshare = "0.90"',
    "downgrade_watch": "",
    "lapsed": "",
    "dormant": 'days = 90\naum_at_least = "10000.00"\ncooldown_days = 30',
    "complaint_open": "working_days = 2",
    "dissatisfied": "at_most = 2",
    "relationship_end": "cooldown_days = 30",
    "credit_warning": "overdue = [1, 30, 60, 90, 180]",
    "special_expiring": "days = 30",
}


@pytest.mark.parametrize("code", PARAMETERS)
def test_every_parameter_of_a_trigger_is_known_and_its_default_is_the_contracts(code: str) -> None:
    text = f'version = "a"\n[triggers.{code}]\nenabled = true\nexpire_days = 30\n{PARAMETERS[code]}\n'
    _, content = parse(text, "p")
    defaults = policy_file._File(version="a").triggers.model_dump()
    assert content["triggers"][code] == defaults[code]


def test_the_table_of_parameters_is_the_contracts() -> None:
    assert set(policy_file._Triggers.model_fields) == set(PARAMETERS)
    if not CONTRACT.is_file():
        pytest.skip("LOUD: the design folder is not there, so the parameters were not compared with the contract")
    rows = re.findall(r"^\| (\w+) \| [^|]+ \| [^|]+ \|([^|]*)\|$", CONTRACT.read_text("utf-8"), re.MULTILINE)
    table = {code: said.strip() for code, said in rows if code in PARAMETERS}
    written = {code: text.replace(" = ", " ").replace("\n", ", ") for code, text in PARAMETERS.items()}
    assert table == written


EVERY_FORM = r"""# [not.a] = "table"
text = QQQ
a = 1
[[levels]] # \QQQ no ""
end""QQQ
'lit#eral' = 'C:\' # '
"quo\"ted".'dot.ted' . bare = 1
many = [ # [
  "a]", '''"b
  it's''', [1,
   2], { x = 1, y = [
     3] },
]
at = 2026-01-01 10:00:00 # time
inline = { a.b = 1, "c}" = "}", e = {} }
none = []
[ a . "b" ]
x = 1
[[a.list]]
y = 1
[[a.list]]
y = 2
[a.list.sub]
z = 1
[[a.list.deep]]
w = 1
[[a.list.deep]]
w = 2
""".replace("QQQ", '"' * 3)


def paths(content: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if place:
        yield place
    for key, value in content.items() if isinstance(content, dict) else enumerate(content):
        if isinstance(value, dict | list):
            yield from paths(value, (*place, key))
        else:
            yield (*place, key)


def test_every_key_and_element_has_a_line_in_every_form_of_toml() -> None:
    texts = [EVERY_FORM, EVERY_FORM.replace("\n", "\r\n"), EXAMPLE]
    texts += [
        file.read_text("utf-8") for file in (REPOSITORY / "pyproject.toml", *(REPOSITORY / "guanxi").rglob("*.toml"))
    ]
    for text in texts:
        found = policy_file._Lines(text).found
        arrays_of_tables = {path[:-1] for path in found if isinstance(path[-1], int)}
        assert set(found) | arrays_of_tables == set(paths(tomllib.loads(text)))
    lines = policy_file._Lines(EVERY_FORM).found
    wanted = {
        ("text",): 2, ("lit#eral",): 6, ('quo"ted', "dot.ted", "bare"): 7, ("many",): 8, ("many", 0): 9, ("many", 1): 9,
        ("many", 2): 10, ("many", 2, 1): 11, ("many", 3): 11, ("many", 3, "y", 0): 12, ("at",): 14,
        ("inline", "c}"): 15,
        ("a", "b", "x"): 18, ("a", "list", 0, "y"): 20, ("a", "list", 1): 21, ("a", "list", 1, "sub", "z"): 24,
        ("a", "list", 1, "deep", 0, "w"): 26, ("a", "list", 1, "deep", 1): 27, ("a", "list", 1, "deep", 1, "w"): 28,
    }  # fmt: skip
    assert {path: lines[path] for path in wanted} == wanted
