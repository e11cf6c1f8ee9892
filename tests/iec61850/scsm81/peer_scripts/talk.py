"""How the tests talk with a peer: a line of JSON asks, a line of JSON answers, and lines in between tell of events."""

import json
import sys
import threading

_SAYING = threading.Lock()


class No(Exception):
    """The other side refused: what it said."""


def say(**message) -> None:
    with _SAYING:
        print(json.dumps(message, default=_plain), flush=True)


def _plain(value):
    return value.hex() if isinstance(value, (bytes, bytearray)) else str(value)


def tell(kind: str, about) -> None:
    """Tell of something that nobody asked for."""
    say(event=kind, about=about)


def serve(verbs: dict) -> None:
    """Do what the lines of the input ask for, until it ends: `[verb, argument, ...]`."""
    for line in sys.stdin:
        verb, *arguments = json.loads(line)
        try:
            say(answer=verbs[verb](*arguments))
        except No as no:
            say(no=no.args[0])
        except Exception as error:
            say(failed=f"{type(error).__name__}: {error}")


async def serve_async(verbs: dict, refusals: tuple) -> None:
    """Do the same with verbs that are awaited; errors of `refusals` are the other side's no."""
    import asyncio

    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, *arguments = json.loads(line)
        try:
            answer = verbs[verb](*arguments)
            say(answer=await answer if hasattr(answer, "__await__") else answer)
        except No as no:
            say(no=no.args[0])
        except refusals as no:
            say(no=f"{type(no).__name__}: {no}")
        except Exception as error:
            say(failed=f"{type(error).__name__}: {error}")
