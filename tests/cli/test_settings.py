"""Which log and which policy: options, environment, defaults."""

from pathlib import Path

import pytest

from guanxi.errors import UserError
from guanxi.settings import Settings, log_file, log_url, settings_from, shown


def test_options_go_before_the_environment_and_that_before_the_defaults() -> None:
    environ = {"GUANXI_LOG": "sqlite:///env.db", "GUANXI_POLICY": "env.toml"}
    assert settings_from({}) == Settings(log="sqlite:///guanxi.db", policy=None)
    assert settings_from(environ) == Settings(log="sqlite:///env.db", policy=Path("env.toml"))
    found = settings_from(environ, log="sqlite:///own.db", policy="own.toml")
    assert found == Settings(log="sqlite:///own.db", policy=Path("own.toml"))


@pytest.mark.parametrize("file", ["guanxi.db", "a/b.db", "/var/lib/bank.db"])
def test_the_url_of_a_file_names_the_file(file: str) -> None:
    assert log_file(log_url(Path(file))) == Path(file)


@pytest.mark.parametrize(
    "url", ["guanxi.db", "sqlite://", "sqlite:///", "sqlite:////", "sqlite://host/x.db", "mysql://x/y"]
)
def test_what_names_no_log_is_refused_with_a_way_out(url: str) -> None:
    with pytest.raises(UserError, match=r"not the URL of a log; write it like sqlite:///guanxi\.db"):
        settings_from({}, log=url)


@pytest.mark.parametrize("url", ["postgresql://bank/log", "postgres://owner@bank:5432/log?schema=guanxi"])
def test_a_log_may_be_on_postgresql(url: str) -> None:
    settings = settings_from({"GUANXI_LOG": url})
    assert (settings.on_postgres, settings.log, settings.log_shown) == (True, url, url)
    with pytest.raises(UserError, match="needs a log in a file"):
        log_file(url)
    assert not settings_from({}).on_postgres


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("postgresql://owner:secret@bank/log", "postgresql://owner@bank/log"),
        ("postgresql://owner:se@cr/et?@bank/log", "postgresql://owner@bank/log"),
        ("postgresql://bank/log?password=secret&schema=s", "postgresql://bank/log?schema=s"),
        ("mysql://owner:secret@bank/log", "mysql://owner@bank/log"),
    ],
)
def test_a_password_is_never_shown(url: str, seen: str) -> None:
    assert shown(url) == seen
    with pytest.raises(UserError) as refused:
        log_file(url)
    assert "secret" not in str(refused.value)
