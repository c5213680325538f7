"""The start of a worker: waits until what it needs is there, and says for what."""

import gc
import logging
from collections.abc import Awaitable, Callable, Sequence

import mode

from processors.ports import NotYet

PAUSE_S, PAUSE_AT_MOST_S = 0.25, 5.0

logger = logging.getLogger("guanxi.worker")


class Beginning(mode.Service):
    """See the module.

    make: the services that are to run, called again, ever less often, while it raises NotYet; give_up: called with whatever
    else it, or starting them, raises: waiting would not help.
    """

    mundane_level = "debug"

    def __init__(
        self, make: Callable[[], Awaitable[Sequence[mode.Service]]], give_up: Callable[[Exception], None]
    ) -> None:
        super().__init__()
        self._make, self._give_up = make, give_up
        self.waits_for = ""
        """What is not there, and where; empty before it was looked for, and when all is there."""

    @mode.Service.task
    async def _begin(self) -> None:
        pause_s = PAUSE_S
        while not self.should_stop:
            try:
                services = await self._make()
                self.waits_for = ""
                for service in services:
                    await self.add_runtime_dependency(service)
            except NotYet as missing:
                self._wait_for(missing)
                await self.sleep(pause_s)
                pause_s = min(2 * pause_s, PAUSE_AT_MOST_S)
                gc.collect()  # nobody else does before there is a worker
            except Exception as error:
                self._give_up(error)
                return
            else:
                return

    def _wait_for(self, missing: NotYet) -> None:
        said = " ".join(str(missing).split()) or type(missing).__name__
        if said != self.waits_for:
            logger.warning("%s; waiting until it is there", said)
        self.waits_for = said
