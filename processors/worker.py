"""The worker's shell: a Faust app around what takes records in (``processors.taking``).

Faust brings the life cycle, timers, the web page and agents for topics with few records. Its streams, tables and
transactions are not used: docs/adr/0013-faust-as-the-shell.md says why.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
import mode
from faust.app.base import BootStrategy
from faust.web import Request, Response, View

from processors.keeper import uncollected

Make = Callable[[Callable[[Exception], None]], Sequence[mode.Service]]
"""Makes the services of a worker inside of its event loop, given what ends it."""


class _Boot(BootStrategy):
    """Starts Faust's own consumer and producer only where there are agents for them."""

    def kafka_consumer(self) -> Any:
        return super().kafka_consumer() if self.app.agents else []

    def kafka_producer(self) -> Any:
        return super().kafka_producer() if self.app.agents else []

    def kafka_conductor(self) -> Any:
        return super().kafka_conductor() if self.app.agents else []

    def agents(self) -> Any:
        return super().agents() if self.app.agents else []

    def tables(self) -> Any:
        return super().tables() if self.app.agents else []


class _App(faust.App):
    BootStrategy = _Boot

    def _create_directories(self) -> None:
        """None: there are no tables."""


class _Shell(faust.Worker):
    """Faust's worker without its words, its logging and its debugger. ended_by: the signal that ended it."""

    ended_by: int | None = None
    _ending: asyncio.Task[None] | None = None

    def end(self) -> asyncio.Task[None]:
        """Stop everything, once; done when all is stopped."""
        if self._ending is None:
            self._ending = asyncio.create_task(self.stop())
        return self._ending

    def _on_sigint(self) -> None:
        self._end_by(signal.SIGINT)

    def _on_sigterm(self) -> None:
        self._end_by(signal.SIGTERM)

    def _end_by(self, by: signal.Signals) -> None:
        if self.ended_by is not None:
            os._exit(128 + by)  # who asks twice does not want to wait; the log needs no goodbye
        self.ended_by = int(by)
        self.end()

    def _on_sigusr1(self) -> None:
        pass

    def _on_sigusr2(self) -> None:
        pass

    def carp(self, msg: str) -> None:
        pass

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        pass


def make_app(name: str, kafka: str, web_host: str, web_port: int) -> faust.App:
    """The app of one process. web_port: 0 for no page."""
    return _App(
        name,
        broker=";".join(f"kafka://{each.strip()}" for each in kafka.split(",")),
        store="memory://",
        topic_disable_leader=True,
        topic_allow_declare=False,
        autodiscover=False,
        web_enabled=web_port > 0,
        web_bind=web_host,
        web_host=web_host,
        web_port=web_port or 6066,
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_router_enabled=False,
        web_tables_enabled=False,
        web_metrics_enabled=False,
        worker_redirect_stdouts=False,
    )


def page(app: faust.App, path: str, status: Callable[[], Awaitable[dict[str, Any]]]) -> None:
    """Answer a path of the web page with JSON."""

    @app.page(path)
    class Status(View):
        async def get(self, request: Request) -> Response:  # noqa: ARG002 - Faust's signature
            return self.json(await status())


def run(app: faust.App, make: Make) -> int | None:
    """Run until a signal ends it -> which one. Raises what it was given up for, or what else ended it."""
    with uncollected():
        return asyncio.run(_run(app, make))


async def _run(app: faust.App, make: Make) -> int | None:
    given_up: list[Exception] = []

    def give_up(why: Exception) -> None:
        given_up.append(why)
        shell.end()

    services = make(give_up)
    loop = asyncio.get_running_loop()
    shell = _Shell(app, *services, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    shell.spinner = None
    try:
        await shell.start()
    finally:
        await shell.end()  # it has only begun to stop: what is left undone now would be cancelled
    if given_up:
        raise given_up[0]
    if shell.crash_reason is not None:
        raise shell.crash_reason
    return shell.ended_by
