"""Commands in a journal: a server that was killed does not carry out again what it had begun."""

from __future__ import annotations

import json
from typing import Any

from ..acsi.errors import AddCause, ServiceError
from ..acsi.references import Reference
from ..acsi.services import Operate, Origin, OriginCategory
from ..acsi.types import BitString, EntryTime, Timestamp
from ..engine.keeping import spelled, unspelled
from ..engine.repeated import Begun, CommandRecord, Ended, Refusal
from .buffers import EntryJournal


def _payload(record: CommandRecord) -> bytes:
    document: dict[str, Any]
    match record:
        case Begun(number, identity, request, since):
            origin = request.origin
            document = {
                "begun": number, "client": identity, "since": since.milliseconds, "control": str(request.control),
                "value": spelled(request.value), "origin": [origin.category.value, origin.identity.hex()],
                "number": request.number, "time": spelled(request.time), "test": request.test,
                "check": spelled(request.check), "at": spelled(request.at),
            }  # fmt: skip
        case Ended(number):
            document = {"ended": number}
            if record.refusal is not None:
                document["refusal"] = record.refusal
            if record.whole is not None:
                document |= {"whole": record.whole, "cause": record.cause}
    return json.dumps(document, separators=(",", ":")).encode()


def _record(found: dict[str, Any]) -> CommandRecord:
    match found:
        case {"begun": int(number), "client": str(identity), "since": int(since), "origin": [int(category), str(who)]}:
            time, check, at = (unspelled(found[name]) for name in ("time", "check", "at"))
            if not (isinstance(time, Timestamp) and isinstance(check, BitString) and isinstance(at, Timestamp | None)):
                raise ValueError("a part of the command is of another kind")
            request = Operate(
                Reference.parse(found["control"]), unspelled(found["value"]),
                Origin(OriginCategory(category), bytes.fromhex(who)), int(found["number"]), time, bool(found["test"]),
                check, at,
            )  # fmt: skip
            return Begun(number, identity, request, EntryTime(since))
        case {"ended": int(number)}:
            cause = found.get("cause")
            return Ended(
                number, _refusal(found.get("refusal")), found.get("whole"), None if cause is None else AddCause(cause)
            )
    raise ValueError("it is of an unknown kind")


def _refusal(found: Any) -> Refusal | None:
    if found is None:
        return None
    error, message, cause = found
    return ServiceError(error), str(message), None if cause is None else AddCause(cause)


class CommandJournal(EntryJournal[CommandRecord]):
    """A `CommandStore` in one file.

    Where a disk fails, a command cannot be kept, and then it must not be carried out: see `failing`.
    """

    consequence = "until it does not fail, commands that say when they were made are refused"
    payload = staticmethod(_payload)
    record = staticmethod(_record)

    @property
    def failing(self) -> bool:
        """True from a failure on until all was written anew."""
        return self._failing
