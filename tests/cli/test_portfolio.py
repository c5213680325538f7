"""`guanxi portfolio`, and who a customer is on the page of `guanxi customer`."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Line, close, month_closes, opened, record, run, written

SECRETS = ("张小明", "110101199003070011", "13812345678", "1990-03-07")
Rows = Callable[..., list[dict[str, Any]]]


def bank() -> Iterator[Line]:
    document = {"kind": "id_card", "number": "110101199003070011"}
    yield opened("C1", "A1", 300_000_00)
    yield opened("C2", "A2", 100_00)
    yield record("r1", "customer_registered", "2026-04-01", "C1", name="张小明", document=document, branch="B1",
                 phone="13812345678", born_on="1990-03-07")  # fmt: skip
    yield record("m1", "manager_assigned", "2026-04-02", "C1", manager_id="M7", branch="B1")
    yield record("m2", "manager_assigned", "2026-04-02", "C2", manager_id="M7")
    yield record("k1", "consent_changed", "2026-04-03", "C1", purpose="marketing", granted=True)
    yield from month_closes("2026-04", 30)
    yield record("m3", "manager_assigned", "2026-05-04", "C1", manager_id="M8", branch="B2")
    yield record("k2", "consent_changed", "2026-05-05", "C1", purpose="marketing", granted=False)
    yield record("u1", "customer_updated", "2026-05-05", "C1", branch="B2")
    yield close("2026-05-05")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder: Path = tmp_path_factory.mktemp("portfolio")
    found = f"sqlite:///{folder / 'bank.db'}"
    said = run("--log", found, "ingest", "--strict", str(written(folder / "records.jsonl", bank())))
    assert said.exit_code == 0, said.output
    return found


@pytest.fixture
def rows(log: str) -> Rows:
    return lambda *args: [json.loads(line) for line in run("--log", log, *args).stdout.splitlines()]


def test_managers_and_what_they_look_after(rows: Rows, log: str) -> None:
    assert rows("portfolio") == [
        {"manager_id": "M7", "customers": 1, "aum": 100_00},
        {"manager_id": "M8", "customers": 1, "aum": 300_000_00},
    ]
    shown = run("--log", log, "portfolio", "--format", "table").stdout
    assert "客户经理" in shown
    assert "300,000.00" in shown
    assert "business days closed through 2026-05-05" in shown


def test_the_customers_of_a_manager(rows: Rows, log: str) -> None:
    assert rows("portfolio", "--manager", "M8") == [
        {"customer_id": "C1", "state": "vip", "level": "gold", "aum": 300_000_00, "since": "2026-05-04", "branch": "B2"}
    ]
    assert rows("portfolio", "--manager", "M9") == []
    assert "金卡 Gold" in run("--log", log, "portfolio", "--manager", "M8", "--format", "table").stdout


def test_who_a_customer_is_on_the_page(rows: Rows) -> None:
    (page,) = rows("customer", "C1")
    first, second = ({"since": "2026-04-02", "manager_id": "M7", "branch": "B1"},
                     {"since": "2026-05-04", "manager_id": "M8", "branch": "B2"})  # fmt: skip
    assert page["profile"] == {
        "registered_on": "2026-04-01", "branch": "B2", "personal": "sealed", "erased_on": None,
        "manager": second, "managers": [first, second],
        "consents": [{"purpose": "marketing", "granted": False, "since": "2026-05-05"}],
    }  # fmt: skip
    (page,) = rows("customer", "C1", "--as-of", "2026-04-30")
    assert page["profile"] == {
        "registered_on": "2026-04-01", "branch": "B1", "personal": "sealed", "erased_on": None,
        "manager": first, "managers": [first],
        "consents": [{"purpose": "marketing", "granted": True, "since": "2026-04-03"}],
    }  # fmt: skip
    assert rows("customer", "C2", "--as-of", "2026-04-01")[0]["profile"] is None


def test_nothing_personal_is_on_the_screen(log: str) -> None:
    for how in ("table", "jsonl"):
        shown = run("--log", log, "customer", "C1", "--format", how).stdout
        assert not any(secret in shown for secret in SECRETS)
    shown = run("--log", log, "customer", "C1", "--format", "table").stdout
    for each in ("登记 Registered", "2026-04-01", "***", "M8  自 since 2026-05-04", "授权", "撤回 withdrawn", "M7"):
        assert each in shown


def test_the_page_of_an_erased_customer_says_so(tmp_path: Path) -> None:
    log = f"sqlite:///{tmp_path / 'bank.db'}"
    assert run("--log", log, "ingest", str(written(tmp_path / "records.jsonl", bank()))).exit_code == 0
    assert run("--log", log, "shred", "C1").exit_code == 0
    shown = run("--log", log, "customer", "C1", "--format", "table").stdout
    assert "已删除 erased 20" in shown
    assert "***" not in shown
    (page,) = (json.loads(line) for line in run("--log", log, "customer", "C1").stdout.splitlines())
    assert page["profile"]["personal"] == "erased"
    assert page["profile"]["manager"]["manager_id"] == "M8"
