"""The client of PyPI `iec61850` reads a log: rust_logs.py PORT LOG START STOP; prints what it found as a JSON object.

LOG is as MMS writes it, START and STOP are milliseconds since 1970.
"""

import asyncio
import json
import os
import sys

from iec61850 import AcsiClass, IedConnection

found: dict[str, object] = {}


def plain(entries) -> list[object]:
    return [
        [
            entry.entry_id.hex(),
            entry.time_ms,
            [[one.data_ref, str(one.value), one.reason_code] for one in entry.variables],
        ]
        for entry in entries
    ]


async def main() -> None:
    port, log, start, stop = sys.argv[1:]
    ied = await IedConnection.connect(f"127.0.0.1:{port}")
    found["logs"] = await ied.get_logical_node_directory(log.partition("$")[0], AcsiClass.LOG)
    entries, more = await ied.query_journal_by_time(log, int(start), int(stop))
    found["all"], found["more"] = plain(entries), more
    third = entries[2]
    entries, _ = await ied.query_journal_after_entry(log, third.time_ms, third.entry_id)
    found["after"] = plain(entries)
    try:
        await ied.query_journal_by_time(log + "None", int(start), int(stop))
    except Exception as error:
        found["unknown"] = f"{type(error).__name__}: {error}"
    print(json.dumps(found), flush=True)
    os._exit(0)


asyncio.run(main())
