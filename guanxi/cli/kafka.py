"""The option --kafka, of commands that speak to a broker."""

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, TypeVar

import click

from guanxi.errors import UserError

KAFKA_VARIABLE: Final = "GUANXI_KAFKA"

Function = TypeVar("Function", bound=Callable[..., Any])


def _address(ctx: click.Context, param: click.Parameter, value: str | None) -> str:  # noqa: ARG001 - click's signature
    found = value or os.environ.get(KAFKA_VARIABLE)
    if not found:
        raise UserError("no broker was named", do=f"give --kafka HOST:PORT, or set {KAFKA_VARIABLE}")
    for each in found.split(","):
        host, colon, port = each.strip().rpartition(":")
        if not (host and colon and port.isdecimal() and 0 < int(port) < 65_536):
            raise UserError("not the address of a broker", each or found, "write it like 127.0.0.1:9092")
    return found


def at_kafka(function: Function) -> Function:
    """Add --kafka to a command."""
    return click.option(
        "--kafka",
        metavar="HOST:PORT",
        callback=_address,
        help=f"The broker; else {KAFKA_VARIABLE}. Several with commas.",
    )(function)


def with_extras(module: str) -> Any:
    """A module of ours whose libraries are installed with extras alone. Raises UserError where they are not."""
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(f"{error.name} is not installed", do="run: pip install 'guanxi[kafka,postgres]'") from error
