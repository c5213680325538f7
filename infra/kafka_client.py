"""What every producer of ours shares: how it is let go of at once, and what its errors mean."""

import asyncio
import contextlib
import logging
import socket
from typing import Any, Final

from aiokafka import errors

logging.getLogger("aiokafka").addHandler(logging.NullHandler())  # its warnings are for logs, not for a terminal

NEEDS_A_PERSON: Final = (
    errors.ClusterAuthorizationFailedError, errors.GroupAuthorizationFailedError, errors.TopicAuthorizationFailedError,
    errors.TransactionalIdAuthorizationFailed, errors.MessageSizeTooLargeError, errors.RecordListTooLargeError,
    errors.RecordTooLargeError,
)  # fmt: skip
"""Trying again does not help against these."""


_NO_SUCH_HOST: Final = (socket.EAI_NONAME, socket.EAI_NODATA)


async def is_nowhere(address: str) -> bool:
    """Whether no name in an address, `host:port`, several with commas, is that of a host: it was mistyped."""
    for each in address.split(","):
        host, _, port = each.strip().rpartition(":")
        try:
            await asyncio.get_running_loop().getaddrinfo(host.strip("[]"), int(port))
        except socket.gaierror as error:
            if error.errno in _NO_SUCH_HOST:
                continue
        return False
    return True


async def partitions(producer: Any, *topics: str) -> dict[str, int]:
    """Topic -> how many partitions it has, those that are there; makes none."""
    there = await producer.client.fetch_all_metadata()
    found = {topic: len(there.partitions_for_topic(topic) or ()) for topic in topics}
    for topic in topics:
        if found[topic]:
            await producer.partitions_for(topic)
    return {topic: count for topic, count in found.items() if count}


async def drop(producer: Any) -> None:
    """Let go of a producer without waiting for what it could not send.

    Its own ``stop`` waits until everything is sent, for ever if need be; and left alone it would send it behind whatever
    the next producer sends. So the tasks that send are ended, which have no public names.
    """
    producer._closed = True
    sender = producer._sender
    with contextlib.suppress(Exception):
        await producer.client.close()
    # While the broker is away those that the sender waits for look for it without end.
    own = [task for task in asyncio.all_tasks() if _self_of(task) is sender and task is not asyncio.current_task()]
    for task in own:
        task.cancel()
    if own:
        await asyncio.wait(own)
    for task in own:
        heard(task)
    with contextlib.suppress(Exception):
        await producer.client.close()  # of what they opened meanwhile
    await asyncio.sleep(0)  # a transport lets go of its socket a turn later
    left = [producer._txn_manager and producer._txn_manager._transaction_waiter]
    left += [batch._drain_waiter for lane in producer._message_accumulator._batches.values() for batch in lane]
    for future in filter(None, left):
        future.add_done_callback(heard)


def _self_of(task: "asyncio.Task[Any]") -> object:
    """Whose method a task runs."""
    frame = getattr(task.get_coro(), "cr_frame", None)
    return frame.f_locals.get("self") if frame is not None else None


def heard(done: "asyncio.Future[Any]") -> None:
    """Take note of what went wrong, so that nobody complains of it to the terminal."""
    if not done.cancelled():
        done.exception()


def said(error: BaseException) -> str:
    """What an error says, in one line."""
    if isinstance(error, errors.KafkaConnectionError):
        return "no broker answers"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return " ".join(str(error).split()) or type(error).__name__
