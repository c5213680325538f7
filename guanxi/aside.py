"""One thread for calls that wait for a server."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

Result = TypeVar("Result")


class Aside:
    """Runs calls behind one another in a thread of its own, for one event loop.

    Nobody waits for the thread when the program ends: a server that is stopped in the middle of an answer may keep it for
    as long as it likes, and whoever tells the program to end is not kept by that.
    """

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def _work(self) -> None:
        while (asked := self._calls.get()) is not None:
            call, done = asked
            if done.set_running_or_notify_cancel():
                try:
                    result = call()
                except BaseException as error:
                    done.set_exception(error)
                else:
                    done.set_result(result)

    async def run(self, call: Callable[[], Result]) -> Result:
        """What a call returns or raises."""
        done: Future[Result] = Future()
        self._calls.put((call, done))
        return await asyncio.wrap_future(done)

    def close(self) -> None:
        """End the thread behind the calls that were asked for."""
        self._calls.put(None)
