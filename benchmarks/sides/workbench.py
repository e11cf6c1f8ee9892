"""Operations that are done over and over: a line names one and says for how long, `{"do": …, "seconds": …}`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

import contestant


def work(operations: Mapping[str, Callable[[], object]]) -> None:
    """Do what the lines on the input ask for."""
    for operation in operations.values():
        operation()
    contestant.say("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        operation, count = operations[asked["do"]], 0
        begin = time.perf_counter()
        end = begin + asked["seconds"]
        while time.perf_counter() < end:
            operation()
            count += 1
        contestant.say({"count": count, "wall": time.perf_counter() - begin})
