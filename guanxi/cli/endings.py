"""How a run that fails ends: one line for the person, and the exit code of CONTRACT §4."""

import errno
from typing import Final

import click

from guanxi.cli import STOPPED
from guanxi.errors import FoundWrong, UserError

FOUND_WRONG: Final = 1
WRONG_CALL: Final = 2

KNOWN: Final[dict[str, int]] = {
    "LogBusy": WRONG_CALL,
    "LogUnusable": WRONG_CALL,
    "LogNewer": WRONG_CALL,
    "LogDamaged": FOUND_WRONG,
    "LostShard": FOUND_WRONG,
    "VaultError": WRONG_CALL,
    "PolicyError": WRONG_CALL,
    "PolicyRefused": WRONG_CALL,
    "BerkaError": WRONG_CALL,
    "ClusterTrouble": WRONG_CALL,
    "Unfit": WRONG_CALL,
    "InputsUnusable": WRONG_CALL,
    "NothingKnown": WRONG_CALL,
    "ViewsUnusable": WRONG_CALL,
    "Fenced": FOUND_WRONG,
    "LogRestored": FOUND_WRONG,
    "OutputAway": WRONG_CALL,
    "OutputUnusable": WRONG_CALL,
    "CannotPark": FOUND_WRONG,
    "CommandUnfit": WRONG_CALL,
}
"""Errors that say themselves what, where and what to do, by name: so that the front door imports no adapter."""

_CHECK_NAME: Final = "check the name"
_CHECK_RIGHTS: Final = "check its permissions, or run this as somebody who has them"
_FREE_SPACE: Final = "free some space, then run the same command again"
_DO: Final[dict[int | None, str]] = {
    errno.ENOENT: _CHECK_NAME,
    errno.ENOTDIR: _CHECK_NAME,
    errno.EISDIR: "a file is wanted there, not a folder",
    errno.EACCES: _CHECK_RIGHTS,
    errno.EPERM: _CHECK_RIGHTS,
    errno.EROFS: _CHECK_RIGHTS,
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EFBIG: _FREE_SPACE,
}


def ending(error: Exception) -> tuple[str, int]:
    """What to tell about an error in one line, and the exit code."""
    line, code = _told(error)
    return " ".join(line.split()), code


def found_wrong(error: Exception) -> FoundWrong:
    """What an owner found wrong with whom a command is about: the call was right (``CommandUnfit``)."""
    what, _, do = str(error).rpartition("; ")
    return FoundWrong(what or do, do=do if what else "")


def file_trouble(error: OSError, where: object = None) -> UserError:
    """An error of the operating system as a person needs it; where: the file, if the error does not name it."""
    do = _DO.get(error.errno, "check the path, its permissions and the space left")
    return UserError(error.strerror or str(error), str(where or error.filename or "standard output or a file"), do)


def _told(error: Exception) -> tuple[str, int]:
    if isinstance(error, click.UsageError):
        command = error.ctx.command_path if error.ctx is not None else "guanxi"
        said = error.format_message().rstrip(".").replace("is not a valid integer range", "is not a whole number")
        return f"{said}; see {command} --help", WRONG_CALL
    if isinstance(error, click.ClickException):
        return error.format_message(), WRONG_CALL
    if isinstance(error, click.Abort):
        return "stopped", STOPPED
    if isinstance(error, UserError):
        return str(error), error.exit_code
    for cls in type(error).__mro__:
        if cls.__name__ in KNOWN:
            return str(error), KNOWN[cls.__name__]
    if isinstance(error, OSError) and error.strerror:
        return str(file_trouble(error)), WRONG_CALL
    return (
        f"{type(error).__name__}: {error}; a fault of this program, please report it (GUANXI_DEBUG=1 shows where)",
        FOUND_WRONG,
    )
