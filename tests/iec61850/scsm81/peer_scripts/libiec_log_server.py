"""A server of libiec61850 with a log: libiec_log_server.py CONFIGURATION PORT. It does what it is told (talk.py).

The library brings no storage for logs in this package (that of its SQLite example is not built into it): what it asks
of one is answered here, with a list. The library itself collects events, encodes values and answers queries.
"""

import ctypes
import sys

from libiec import BOOL, FLOAT, INT, LONG, TEXT, P, call, callback
from talk import say, serve

LOG = "LD0/LLN0$EventLog"
OCTETS, LONGS = ctypes.POINTER(ctypes.c_uint8), ctypes.POINTER(LONG)
EntryCallback = ctypes.CFUNCTYPE(BOOL, P, LONG, LONG, BOOL)
DataCallback = ctypes.CFUNCTYPE(BOOL, P, TEXT, P, INT, ctypes.c_uint8, BOOL)

entries: list[tuple[int, int, list[tuple[bytes, bytes, int]]]] = []
"""Of each entry its identifier, its time and its data: reference, encoded value, reason."""


def add_entry(storage, time: int) -> int:
    entries.append((len(entries) + 1, time, []))
    return len(entries)


def add_data(storage, entry: int, reference: bytes, data, size: int, reason: int) -> bool:
    entries[entry - 1][2].append((reference, ctypes.string_at(data, size), reason))
    return True


def give(chosen, entry_callback, data_callback, parameter) -> bool:
    for entry, time, data in chosen:
        if not entry_callback(parameter, time, entry, True):
            break
        for reference, octets, reason in data:
            if not data_callback(parameter, reference, octets, len(octets), reason, True):
                break
        data_callback(parameter, None, None, 0, 0, False)
    entry_callback(parameter, 0, 0, False)
    return True


def by_time(storage, start: int, stop: int, entry_callback, data_callback, parameter) -> bool:
    return give([one for one in entries if start <= one[1] <= stop], entry_callback, data_callback, parameter)


def after(storage, start: int, entry: int, entry_callback, data_callback, parameter) -> bool:
    chosen = [one for one in entries if one[1] >= start and one[0] > entry]
    return give(chosen, entry_callback, data_callback, parameter)


def ends(storage, new, new_time, old, old_time) -> bool:
    first, last = (entries[0], entries[-1]) if entries else ((0, 0), (0, 0))
    new[0], new_time[0], old[0], old_time[0] = last[0], last[1], first[0], first[1]
    return bool(entries)


class Storage(ctypes.Structure):
    """What the library asks of a storage, in its order."""

    _fields_ = (
        ("instance", P), ("most", INT), ("add_entry", P), ("add_data", P), ("by_time", P), ("after", P), ("ends", P),
        ("destroy", P),
    )  # fmt: skip


def pointer(function, gives, *takes) -> int:
    return ctypes.cast(callback(function, gives, *takes), P).value


storage = Storage(
    None, 1000,
    pointer(add_entry, LONG, P, LONG),
    pointer(add_data, BOOL, P, LONG, TEXT, P, INT, ctypes.c_uint8),
    pointer(by_time, BOOL, P, LONG, LONG, EntryCallback, DataCallback, P),
    pointer(after, BOOL, P, LONG, LONG, EntryCallback, DataCallback, P),
    pointer(ends, BOOL, P, LONGS, LONGS, LONGS, LONGS),
    pointer(lambda storage: None, None, P),
)  # fmt: skip

model = ctypes.c_void_p(call("ConfigFileParser_createModelFromConfigFileEx", sys.argv[1], gives=P))
if not model:
    sys.exit("the configuration file is not understood")


def found(reference: str):
    return ctypes.c_void_p(call("IedModel_getModelNodeByShortObjectReference", model, reference, gives=P))


node = found("LD0/LLN0")
call("Log_create", "EventLog", node, gives=P)
call("LogControlBlock_create", "lcb", node, "Meas", LOG, 1 | 2 | 8, 0, 0, 1, gives=P)
config = ctypes.c_void_p(call("IedServerConfig_create", gives=P))
call("IedServerConfig_enableLogService", config, 1)
server = ctypes.c_void_p(call("IedServer_createWithConfig", model, None, config, gives=P))
call("IedServer_setLocalIpAddress", server, "127.0.0.1")
call("IedServer_setLogStorage", server, LOG, ctypes.byref(storage))
call("IedServer_start", server, int(sys.argv[2]))
if not call("IedServer_isRunning", server, gives=BOOL):
    sys.exit("it does not run")


def update(reference: str, value: float) -> None:
    call("IedServer_lockDataModel", server)
    call("IedServer_updateFloatAttributeValue", server, found(reference), FLOAT(value))
    call("IedServer_unlockDataModel", server)


say(port=int(sys.argv[2]))
serve({"update": update})
call("IedServer_stop", server)
