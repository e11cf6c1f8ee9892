"""Commands that come again: recognised by what their client says of each, answered as before, carried out once.

A client that has lost the answer may send its command again, and what is between may deliver it twice. T is the time
at which the client has made its request and ctlNum counts its commands (IEC 61850-7-2 clause 20), so two that are
alike in these, in their originator and in all else are one. A command without T cannot be told from the next one that
says the same, and is carried out each time. The standard leaves open what is to be done; this is our choice. Where
the state of the object refuses a command in any case (not selected any more, being carried out) that is the answer.

With a `CommandStore` this outlives the process: a command is kept before it is carried out, its answer before that is
given. One that was kept and has no answer may have been carried out or not; it is refused when it comes again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Protocol

import attrs

from ..acsi.errors import AddCause, ServiceError, ServiceRefused
from ..acsi.references import Reference
from ..acsi.services import CommandTermination, Operate, Termination, TimeActivatedOperateTermination
from ..acsi.types import EntryTime
from .association import Association
from .entry_store import EntryStore, Nowhere

REMEMBERED = 16
"""Commands of each object that are kept in mind."""
OUTDATED = timedelta(days=7)
"""Older ones are forgotten when the server is started anew."""

Refusal = tuple[ServiceError, str, AddCause | None]
"""A refusal as the arguments of `ServiceRefused`."""
_UNKNOWN_END = ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, "how it has ended is not known", AddCause.UNKNOWN


@attrs.define(slots=True, eq=False)
class Carried:
    """A command that was granted, and what its client was told.

    Attributes:
        identity: who has commanded, as far as it is the same when it comes back.
        request: the command.
        since: when it came.
        client: its association; None where that is of an earlier life of the server.
        answered: False while the answer is still to come.
        refusal: the refusal that was the answer; None for consent.
        end: what the client was told of the end later, where it was.
        over: True once there is nothing more to be told.
        number: of the command in the store; 0 while it is not there.
    """

    identity: str
    request: Operate
    since: datetime
    client: Association | None = None
    answered: bool = False
    refusal: Refusal | None = None
    end: Termination | None = None
    over: bool = False
    number: int = 0

    def not_known(self) -> None:
        """Let the answer be that nobody knows how it has ended, until that is known."""
        self.refusal = _UNKNOWN_END

    def refuse(self, refused: ServiceRefused) -> None:
        """Note the refusal that is the answer."""
        self.refusal = refused.error, refused.message, refused.add_cause

    def answer_again(self, client: Association) -> None:
        """Answer as before, and tell of the end where that was told; raise `ServiceRefused` if that was the answer."""
        if self.refusal is not None:
            error, message, cause = self.refusal
            raise ServiceRefused(error, message, add_cause=cause)
        if self.end is not None:
            client.outbox.append(self.end)

    @property
    def told_apart(self) -> bool:
        """True if it says when it was made: without that nobody can tell whether it comes again."""
        return bool(self.request.time.seconds or self.request.time.fraction)

    def is_repeated(self, client: Association, request: Operate) -> bool:
        """Return whether this command, of this client or of what it was before it came back, is the same one."""
        before = self.request
        if before.number != request.number or before.time != request.time:
            return False
        if before != request and repr(before) != repr(request):  # what is not a number is not equal to itself
            return False
        gone = self.client is None or self.client.ended
        return self.client is client or (gone and self.identity == client.identity)


Past = deque[Carried]
"""The last commands of one object, oldest first."""


# --- what outlives the process ---------------------------------------------------------------------------------------


@attrs.frozen(slots=True)
class Begun:
    """A command is going to be carried out, or will never be.

    Attributes:
        number: its own, larger than those before it.
        identity, request, since: see `Carried`.
    """

    number: int
    identity: str
    request: Operate
    since: EntryTime

    @classmethod
    def of(cls, carried: Carried) -> Begun:
        """Return the record of a command that has its number."""
        return cls(carried.number, carried.identity, carried.request, EntryTime.of(carried.since))


@attrs.frozen(slots=True)
class Ended:
    """Its client is going to be told how a command ended.

    Attributes:
        number: that of the command.
        refusal: the answer; None for consent.
        whole: whether the end that was told after the answer is that of a command that had begun; None if none was.
        cause: why that end was a failure.
    """

    number: int
    refusal: Refusal | None = None
    whole: bool | None = None
    cause: AddCause | None = None


CommandRecord = Begun | Ended


class CommandStore(EntryStore[CommandRecord], Protocol):
    """Where commands outlive the process."""

    @property
    def failing(self) -> bool:
        """True if what was written last, or something before it, is not kept."""
        ...


class _Nowhere(Nowhere[CommandRecord]):
    failing = False


class Commands:
    """The last commands of every object, in mind and in a store."""

    def __init__(self, store: CommandStore | None, now: datetime) -> None:
        self._store = store or _Nowhere()
        self._pasts: dict[Reference, Past] = {}
        self._last = 0
        self._restore(now - OUTDATED)

    def past(self, control: Reference) -> Past:
        """Return the last commands of an object."""
        return self._pasts.setdefault(control, deque(maxlen=REMEMBERED))

    def find(self, client: Association, request: Operate) -> Carried | None:
        """Return the command that this one repeats, None if it repeats none that is kept in mind."""
        past = self._pasts.get(request.control, ())
        return next((carried for carried in past if carried.is_repeated(client, request)), None)

    def accept(self, carried: Carried) -> None:
        """Keep a command in mind that waits for its time; of its waiting the store need not know."""
        if carried.told_apart:
            self.past(carried.request.control).append(carried)

    def begin(self, carried: Carried) -> None:
        """Keep a command that is about to be carried out; raise `ServiceRefused` if it cannot be kept."""
        if not carried.told_apart:
            return
        if self._store.full:  # also where it has failed before: it may do again
            self._store.renew(self._records())
        self._store.write([self._begun(carried)])
        if self._store.failing:
            carried.number = 0
            raise ServiceRefused(
                ServiceError.FAILED_DUE_TO_SERVER_CONSTRAINT, "it cannot be kept, and might be carried out twice",
                add_cause=AddCause.BLOCKED_BY_HEALTH,
            )  # fmt: skip
        past = self.past(carried.request.control)
        if carried not in past:
            past.append(carried)

    def end(self, carried: Carried) -> None:
        """Keep how a command has ended. Where that cannot be kept, nobody will know if the server is started anew."""
        carried.answered = carried.over = True
        if carried.told_apart:
            records: list[CommandRecord] = [] if carried.number else [self._begun(carried)]
            self._store.write([*records, _ended(carried)])

    def _begun(self, carried: Carried) -> Begun:
        self._last += 1
        carried.number = self._last
        return Begun.of(carried)

    def _records(self) -> Iterator[CommandRecord]:
        """Yield all that counts, as it is now or becomes while this goes on."""
        kept = [carried for past in self._pasts.values() for carried in past if carried.number]
        for carried in kept:
            yield Begun.of(carried)
            if carried.over:
                yield _ended(carried)

    def _restore(self, oldest: datetime) -> None:
        """Remember what was kept since then; of what has no answer, that nobody knows its end."""
        found: dict[int, Carried] = {}
        for record in self._store.read():
            match record:
                case Begun(number, identity, request, since):
                    self._last = max(self._last, number)
                    if since.datetime >= oldest:
                        carried = Carried(identity, request, since.datetime, answered=True, number=number)
                        carried.not_known()
                        found[number] = carried
                case Ended(number) if number in found:
                    carried = found[number]
                    carried.refusal, carried.over = record.refusal, True
                    if record.whole is not None:
                        carried.end = end_of(carried.request, record.whole, record.cause)
        for _, carried in sorted(found.items()):
            self.past(carried.request.control).append(carried)
        self._store.replace(self._records())


def end_of(request: Operate, whole: bool, cause: AddCause | None) -> Termination:
    """Return what a client is told when a command ends that it was answered before.

    `whole` is False for one for a later time that is not carried out, or whose beginning was not told.
    """
    if not whole:
        return TimeActivatedOperateTermination(request, cause)
    return CommandTermination(request if request.at is None else attrs.evolve(request, at=None), cause)


def _ended(carried: Carried) -> Ended:
    end = carried.end
    whole = None if end is None else isinstance(end, CommandTermination)
    return Ended(carried.number, carried.refusal, whole, end.add_cause if end is not None else None)
