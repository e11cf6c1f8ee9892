"""Programs that run until they are done, or until they are told to end: Ctrl-C, SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable

from .lazy import INTERRUPTED

_SILENT = logging.NullHandler()


def run(work: Awaitable[None], *, endless: bool = False) -> None:
    """Run to the end, or until Ctrl-C or SIGTERM: then everything is closed in good order.

    The exit status is 130 then; 0 for what is `endless` and ended in no other way.
    """
    logging.getLogger("slixmpp").addHandler(_SILENT)  # what it warns of, our own error says better
    if not asyncio.run(_run(work)) and not endless:
        sys.exit(INTERRUPTED)


async def _run(work: Awaitable[None]) -> bool:
    """Return whether the work came to its end."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return False
    return True
