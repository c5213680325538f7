"""Settings: which log, which policy. From options, else from the environment, else the defaults (CONTRACT §4)."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from guanxi.errors import UserError

LOG_VARIABLE: Final = "GUANXI_LOG"
POLICY_VARIABLE: Final = "GUANXI_POLICY"
DEFAULT_LOG: Final = "sqlite:///guanxi.db"

_PASSWORD = re.compile(r"(://[^:/?#@]*):.*@")
_PASSWORD_ASKED = re.compile(r"(?<=[?&])(ssl)?password=[^&]*&?")
_SCHEME = re.compile(r"(?P<scheme>[a-z0-9+]+)://(?P<rest>.*)\Z")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What a run of the program works on.

    log: URL of the log, which may hold a password: show ``log_shown``; policy: a policy file to take into the log, None for
    what the log has.
    """

    log: str = DEFAULT_LOG
    policy: Path | None = None

    @property
    def on_postgres(self) -> bool:
        """Whether the log is on PostgreSQL, not in a file."""
        return is_postgres(self.log)

    @property
    def log_shown(self) -> str:
        """The URL of the log without a password."""
        return shown(self.log)

    @property
    def log_file(self) -> Path:
        """The file of a log on SQLite. Raises UserError where the URL names none."""
        return log_file(self.log)


def settings_from(environ: Mapping[str, str], *, log: str | None = None, policy: str | None = None) -> Settings:
    """Options where given, else the environment, else the defaults. Raises UserError for a URL that names no log."""
    url = log or environ.get(LOG_VARIABLE) or DEFAULT_LOG
    file = policy or environ.get(POLICY_VARIABLE)
    if not is_postgres(url):
        log_file(url)
    return Settings(log=url, policy=Path(file) if file else None)


def log_url(file: Path) -> str:
    """The URL of a log in a file."""
    return f"sqlite:///{file}"


def is_postgres(url: str) -> bool:
    """Whether a URL is that of a log on PostgreSQL; what else it says is for the server's client to judge."""
    found = _SCHEME.match(url)
    return found is not None and found["scheme"] in ("postgresql", "postgres")


def shown(url: str) -> str:
    """A URL as it may be shown: without a password."""
    return _PASSWORD_ASKED.sub("", _PASSWORD.sub(r"\1@", url))


def log_file(url: str) -> Path:
    """`sqlite:///relative.db` or `sqlite:////absolute.db` -> the file. Raises UserError for anything else."""
    found = _SCHEME.match(url)
    if is_postgres(url):
        raise UserError(
            "this needs a log in a file, not one on PostgreSQL", shown(url), f"name one, such as {DEFAULT_LOG}"
        )
    if not found or found["scheme"] != "sqlite" or not found["rest"].startswith("/") or found["rest"].strip("/") == "":
        how = f"write it like {DEFAULT_LOG} or postgresql://user@host/database"
        raise UserError("not the URL of a log", shown(url), how)
    return Path(found["rest"][1:])
