"""A client of libiec61850 that reads logs as it is told: see talk.py for how, and the verbs below for what."""

import contextlib
import ctypes

from libiec import CLASSES, LONG, P, ask, call, listed, made, names, text, value
from talk import No, serve


class Client:
    """One connection."""

    def connect(self, port: int) -> None:
        """Connect. Now and then a connection that is there takes no request, nothing of which is sent: then again."""
        for _ in range(5):
            self.connection = call("IedConnection_create", gives=P)
            self.handle = ctypes.c_void_p(self.connection)
            ask("IedConnection_connect", self.handle, "127.0.0.1", port)
            with contextlib.suppress(No):
                ask("IedConnection_getLogicalDeviceList", self.handle, gives=P)
                return
            call("IedConnection_destroy", self.handle)
        raise No("no connection takes requests")

    def instances(self, node: str, kind: str) -> list[str]:
        found = ask("IedConnection_getLogicalNodeDirectory", self.handle, node, CLASSES[kind], gives=P)
        return names(ctypes.c_void_p(found))

    def journals(self, device: str) -> list[str]:
        mms = call("IedConnection_getMmsConnection", self.handle, gives=P)
        found = ask("MmsConnection_getDomainJournals", ctypes.c_void_p(mms), device, gives=P)
        return names(ctypes.c_void_p(found))

    def read(self, reference: str) -> object:
        lg = 17
        return value(ctypes.c_void_p(ask("IedConnection_readObject", self.handle, reference, lg, gives=P)))

    def write(self, reference: str, kind: str, given: object) -> None:
        lg = 17
        ask("IedConnection_writeObject", self.handle, reference, lg, ctypes.c_void_p(made(kind, given)))

    def by_time(self, log: str, start: int, stop: int) -> dict[str, object]:
        more = ctypes.c_bool(False)
        found = ask(
            "IedConnection_queryLogByTime", self.handle, log, start, stop, ctypes.byref(more), gives=P
        )  # milliseconds since 1970
        return {"entries": entries(found), "more": more.value}

    def after(self, log: str, entry: str, time: int) -> dict[str, object]:
        more = ctypes.c_bool(False)
        after = ctypes.c_void_p(made("octets", entry))
        found = ask("IedConnection_queryLogAfter", self.handle, log, after, time, ctypes.byref(more), gives=P)
        return {"entries": entries(found), "more": more.value}


def entries(found) -> list[list[object]]:
    """Return of each entry its identifier, its time, and its variables with their tags."""
    told = []
    for each in listed(ctypes.c_void_p(found)) if found else ():
        entry = ctypes.c_void_p(each)
        id = value(ctypes.c_void_p(call("MmsJournalEntry_getEntryID", entry, gives=P)))
        time = call("MmsValue_getBinaryTimeAsUtcMs", _of("MmsJournalEntry_getOccurenceTime", entry), gives=LONG)
        variables = [
            [
                text(call("MmsJournalVariable_getTag", ctypes.c_void_p(one), gives=P)),
                value(_of("MmsJournalVariable_getValue", ctypes.c_void_p(one))),
            ]
            for one in listed(_of("MmsJournalEntry_getJournalVariables", entry))
        ]
        told.append([id, time, variables])
    return told


def _of(name: str, thing):
    return ctypes.c_void_p(call(name, thing, gives=P))


client = Client()
serve(
    {
        name: getattr(client, name)
        for name in dir(client)
        if not name.startswith("_") and callable(getattr(client, name))
    }
)
