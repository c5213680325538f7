"""A process that copies the calendar and kills itself behind so many copies."""

import asyncio
import os
import signal
import sys
from typing import Any

from processors.calendar_copy import CalendarCopy


class Mortal(CalendarCopy):
    left: int

    async def _send(self, *sent: Any) -> None:
        await super()._send(*sent)
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), signal.SIGKILL)


async def main(address: str, log: str, topics: str, shards: str, calendar: str, copies: str) -> None:
    service = Mortal(address, log, topics.split(","), int(shards), calendar)
    service.left = int(copies)
    await service.start()
    await service.wait_until_stopped()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
