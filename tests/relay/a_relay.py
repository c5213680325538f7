"""A relay as a process of its own, to be killed; its batches are small, so that there are many moments between them."""

import asyncio
import sys

from guanxi.relay import Relay
from processors import relay

SMALL = 3


async def main(log: str, kafka: str, *options: str) -> None:
    running = Relay(
        log, kafka, transactions="--no-transactions" not in options, say=lambda line: print(line, flush=True)
    )
    await running.start()
    while not running.published.tier_changes:
        await asyncio.sleep(0.01)
    print("publishes", flush=True)
    await running.ended()


if __name__ == "__main__":
    relay.MOST_MESSAGES = SMALL
    asyncio.run(main(*sys.argv[1:]))
