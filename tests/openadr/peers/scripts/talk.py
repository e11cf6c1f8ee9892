"""What VEN and VTN of the peer share: a faster time, and orders as lines of JSON.

A line is [verb, arguments…]; it is answered by {"answer": …} or {"failed": …}. What happens meanwhile is told as
{"event": kind, "about": …}. The time of the process runs `speed` times as fast from `start` on: its timers, and what it
takes for now.
"""

import asyncio
import datetime as datetimes
import json
import sys
import time
import traceback

SETTINGS = json.loads(sys.argv[1])
REAL = datetimes.datetime


def tell(kind, about):
    print(json.dumps({"event": kind, "about": about}, default=str), flush=True)


class Meta(type):
    def __instancecheck__(cls, value):
        return isinstance(value, REAL)


def hasten(*modules):
    """Let the loop and these modules live in the faster time."""
    speed = SETTINGS["speed"]
    start = REAL.fromisoformat(SETTINGS["start"])

    class Fast(REAL, metaclass=Meta):
        @classmethod
        def now(cls, tz=None):
            found = start + datetimes.timedelta(seconds=(time.time() - SETTINGS["began"]) * speed)
            return REAL.fromtimestamp(found.timestamp(), tz)

        @classmethod
        def utcnow(cls):
            return cls.now(datetimes.UTC).replace(tzinfo=None)

    for module in modules:
        module.datetime = Fast
    loop = asyncio.get_running_loop()
    real_time, real_select, zero = loop.time, loop._selector.select, loop.time()
    loop.time = lambda: zero + (real_time() - zero) * speed
    loop._selector.select = lambda timeout=None: real_select(timeout / speed if timeout and timeout > 0 else timeout)


async def obey(verbs):
    """Do what is told until the input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        verb, *arguments = json.loads(line)
        try:
            result = verbs[verb](*arguments)
            if asyncio.iscoroutine(result):
                result = await result
            print(json.dumps({"answer": result}, default=str), flush=True)
        except Exception:
            print(json.dumps({"failed": traceback.format_exc()[-1500:]}), flush=True)
