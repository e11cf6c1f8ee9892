"""The client: a server's data by name, whatever the wire (see `connect`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ...common.clock import Clock, RealClock
from ...common.errors import LocalError, Malformed
from ...common.sntp import TimeClient
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.files import (
    MOST_OCTETS,
    DeleteFile,
    FileEntry,
    GetFile,
    GetFileAttributeValues,
    RenameFile,
    SetFile,
)
from ..acsi.plain import Plain, plain, shape
from ..acsi.ports import ClientAssociation, EndListener
from ..acsi.references import FC, Reference
from ..acsi.services import (
    AcsiClass,
    CreateDataSet,
    DeleteDataSet,
    GetDataDirectory,
    GetDataSetDirectory,
    GetDataSetValues,
    GetDataValues,
    GetLogicalNodeDirectory,
    GetServerDataSets,
    GetServerDirectory,
    Origin,
    SetDataSetValues,
    SetDataValues,
)
from ..acsi.timing import quality
from ..acsi.types import DataValue, Structure, TimeQuality, Timestamp, TypeDescription
from ..model.nodes import Trigger
from .blocks import Settings
from .control import Control
from .logs import Log, named
from .nodes import BESIDE_DATA, Nodes
from .publishers import Publisher
from .reports import Reports
from .returning import Returned
from .settings import Edit, SettingGroups

Opener = Callable[[], Awaitable[ClientAssociation]]
"""Opens an association with the same server once more."""

_MOST_NAMES = 100_000
_WRITABLE = (FC.SP, FC.SE, FC.SV, FC.CF, FC.DC, FC.BL)


class Ied:
    """A server, seen by its client. Get it by `connect`.

    References are text: `LD/LN.DO.DA`, with `[FC]` behind or `fc=` where the functional constraint is not to be found
    by itself. Errors: `UnknownName` for a name that the server does not have, with those that are near; `TypeConflict`
    for a value that does not fit, before anything is sent; `ServiceRefused` when the server says no, with its error
    and the reference; `NotReachable` and `TimedOut` when it does not answer.
    """

    def __init__(
        self,
        association: ClientAssociation,
        *,
        clock: Clock | TimeClient | None = None,
        origin: Origin | None = None,
        opener: Opener | None = None,
        returned: Returned | None = None,
    ) -> None:
        self.association = association
        self._opener = opener
        self._returned = returned
        self._opening = asyncio.Lock()
        self._left = False
        self._time = clock if isinstance(clock, TimeClient) else None
        self._clock: Clock = clock.clock if isinstance(clock, TimeClient) else clock or RealClock()
        self._origin = origin or Origin()
        self._nodes = Nodes(association)
        self._controls: dict[Reference, Control] = {}
        self._readable: dict[tuple[str, FC | str | None], list[tuple[Reference, TypeDescription]]] = {}
        self._ended: str | None = None
        association.on_end(self._end)

    def __repr__(self) -> str:
        state = "associated" if self._ended is None else f"ended: {self._ended}"
        return f"<{type(self).__name__} {self.peer}, {state}>"

    @property
    def peer(self) -> str:
        """The server's address."""
        return self.association.peer

    @property
    def connected(self) -> bool:
        """True until the association has ended."""
        return self._ended is None

    def on_end(self, listener: EndListener) -> Callable[[], None]:
        """Call `listener` when the association ends, with the reason; return what removes it."""
        return self.association.on_end(listener)

    # --- what there is ----------------------------------------------------------------------------------------------

    async def devices(self) -> tuple[str, ...]:
        """Return the names of the logical devices."""
        return await self.association.call(GetServerDirectory())

    async def nodes(self, device: str) -> tuple[str, ...]:
        """Return the names of the logical nodes of a device."""
        return await self._nodes.of(device)

    async def directory(self, reference: str = "") -> tuple[str, ...]:
        """Return the names below a reference: of devices below nothing, of nodes, data objects, or their parts."""
        if not reference:
            return await self.devices()
        where = Reference.parse(reference)
        if not where.node:
            return await self.nodes(where.device)
        if not where.path:
            return await self.instances(reference, AcsiClass.DATA_OBJECT)
        return await self.association.call(GetDataDirectory(where))

    async def instances(self, node: str, acsi_class: AcsiClass) -> tuple[str, ...]:
        """Return the names of a node's data objects, data sets or control blocks."""
        return await self.association.call(GetLogicalNodeDirectory(Reference.parse(node), acsi_class))

    async def definition(self, reference: str, fc: FC | str | None = None) -> dict[FC, TypeDescription]:
        """Return the type of what a reference names, under each functional constraint it has there."""
        return await self._nodes.constraints(Reference.parse(reference, fc))

    def forget(self) -> None:
        """Ask for names and types anew from here on: the server's model has changed."""
        self._nodes.forget()
        self._readable.clear()
        self._controls.clear()

    # --- data -------------------------------------------------------------------------------------------------------

    async def read(self, reference: str, fc: FC | str | None = None) -> Plain:
        """Return the value of a reference: of a leaf the value itself, of anything else a dict.

        Of a data object without a constraint, the dict has what there is under all of them, commands left out.
        """
        return (await self.read_many([reference], fc))[reference]

    async def read_many(self, references: Iterable[str], fc: FC | str | None = None) -> dict[str, Plain]:
        """Return the values of many references, asked for at once; raise the first refusal."""
        texts = list(dict.fromkeys(references))
        wanted = [(text, self._readable.get((text, fc)) or await self._find(text, fc)) for text in texts]
        flat = [reference for _, parts in wanted for reference, _ in parts]
        values = await self.association.call(GetDataValues(tuple(flat)))
        answers = iter(values)
        return {text: _merged(parts, answers, "." in text) for text, parts in wanted}

    async def _find(self, text: str, fc: FC | str | None) -> list[tuple[Reference, TypeDescription]]:
        if len(self._readable) >= _MOST_NAMES:
            self._readable.clear()
        found = self._readable[text, fc] = await self._parts(Reference.parse(text, fc))
        return found

    async def _parts(self, reference: Reference) -> list[tuple[Reference, TypeDescription]]:
        """Return the references with constraints that make up the value of one, each with its type."""
        if not reference.node:
            raise LocalError("a logical device has no value; name a logical node or data in it", where=str(reference))
        found = await self._nodes.constraints(reference)
        if reference.fc is None and len(found) > 1:
            found = {fc: part for fc, part in found.items() if fc not in BESIDE_DATA} or found
        if not reference.path:  # a whole node: object by object, so that no answer has to hold all of it
            return [
                (Reference(reference.device, reference.node, (name,), fc), part)
                for fc, whole in found.items()
                if isinstance(whole, Structure)
                for name, part in whole.components
            ]
        return [(reference.with_fc(fc), part) for fc, part in found.items()]

    async def write(self, reference: str, value: Plain, fc: FC | str | None = None) -> None:
        """Write a reference; its type is read by itself, and the value is checked against it before it is sent."""
        where = Reference.parse(reference, fc)
        found = await self._nodes.constraints(where)
        constraint = next(fc for fc in (*_WRITABLE, *found) if fc in found)
        target = where.with_fc(constraint)
        data = shape(value, found[constraint], str(target))
        (error,) = await self.association.call(SetDataValues(((target, data),)))
        if error is not ServiceError.NO_ERROR:
            raise ServiceRefused(error, where=str(target))

    # --- data sets --------------------------------------------------------------------------------------------------

    async def data_sets(self, node: str = "") -> tuple[str, ...]:
        """Return the names of the data sets of a logical node; without one, of those that belong to none.

        Those are `/name` of the whole server and `@name` of this association.
        """
        if not node:
            return await self.association.call(GetServerDataSets())
        return await self.instances(node, AcsiClass.DATA_SET)

    async def members(self, data_set: str) -> tuple[str, ...]:
        """Return the references of a data set's members, `LD/LN.DO[FC]`."""
        return tuple(str(r) for r in await self.association.call(GetDataSetDirectory(Reference.parse(data_set))))

    async def read_data_set(self, data_set: str) -> dict[str, Plain | ServiceError]:
        """Return the value of each member of a data set by its reference, or why there is none."""
        name = Reference.parse(data_set)
        members = await self.association.call(GetDataSetDirectory(name))
        values = await self.association.call(GetDataSetValues(name))
        if len(values) != len(members):
            raise Malformed(f"the server has {len(members)} members, and {len(values)} values of them", where=data_set)
        found: dict[str, Plain | ServiceError] = {}
        for member, value in zip(members, values, strict=True):
            if isinstance(value, ServiceError):
                found[str(member)] = value
            else:
                types = await self._nodes.constraints(member)
                found[str(member)] = plain(value, next(iter(types.values())), as_sent=True)
        return found

    # --- files ------------------------------------------------------------------------------------------------------

    async def files(self, path: str = "") -> AsyncIterator[FileEntry]:
        """Yield what is in a directory of the server, or the one file of that name; a directory's name ends with `/`.

        `FileEntry` has name, size in octets and time of the last change.
        """
        for entry in await self.association.call(GetFileAttributeValues(path)):
            yield entry

    async def get_file(self, name: str, to: Path | str | None = None, *, limit: int = MOST_OCTETS) -> bytes:
        """Return the content of a file, and write it to `to` as well if that is given.

        Raises `LocalError` for a file of more than `limit` octets, and where `to` cannot be written.
        """
        data = await self.association.call(GetFile(name, limit))
        if to is not None:
            try:
                await asyncio.to_thread(Path(to).write_bytes, data)
            except OSError as error:
                raise LocalError(f"cannot write: {error.strerror or error}", where=str(to)) from None
        return data

    async def put_file(self, name: str, content: bytes | Path | str) -> None:
        """Write a file of the server: `content` is octets, or the path of a file here.

        The server fetches it from us, and the file is there once it is whole; one of the same name is replaced.
        """
        if not isinstance(content, bytes):
            try:
                content = await asyncio.to_thread(Path(content).read_bytes)
            except OSError as error:
                raise LocalError(f"cannot read: {error.strerror or error}", where=str(content)) from None
        await self.association.call(SetFile(name, content))

    async def delete_file(self, name: str) -> None:
        """Delete a file of the server."""
        await self.association.call(DeleteFile(name))

    async def rename_file(self, name: str, new_name: str) -> None:
        """Give a file of the server another name (a service that MMS has, and the ACSI has not)."""
        await self.association.call(RenameFile(name, new_name))

    async def write_data_set(self, data_set: str, values: Mapping[str, Plain] | Sequence[Plain]) -> None:
        """Write every member of a data set at once: a value for each, in order or by its reference as `members` has it.

        Raises `LocalError` if there are not as many, `ServiceRefused` for the first member that was not written.
        """
        name = Reference.parse(data_set)
        members = await self.association.call(GetDataSetDirectory(name))
        texts = [str(member) for member in members]
        if isinstance(values, Mapping):
            if set(values) != set(texts):
                raise LocalError(f"a value is wanted for each of {', '.join(texts)}", where=data_set)
            values = [values[text] for text in texts]
        if len(values) != len(members):
            raise LocalError(f"it has {len(members)} members, not {len(values)}", where=data_set)
        data = []
        for member, value in zip(members, values, strict=True):
            types = await self._nodes.constraints(member)
            data.append(shape(value, next(iter(types.values())), str(member)))
        errors = await self.association.call(SetDataSetValues(name, tuple(data)))
        for text, error in zip(texts, errors, strict=True):
            if error is not ServiceError.NO_ERROR:
                raise ServiceRefused(error, where=text)

    async def create_data_set(self, data_set: str, members: Iterable[str]) -> None:
        """Make a data set: `LD/LN.name` and `/name` stay, `@name` is for this association only.

        A member is a reference; where it stands under several functional constraints, write the one that is meant
        behind it: `LD/LN.DO[MX]`. Raises `LocalError` where that is missing.
        """
        found = [await self._member(text) for text in members]
        await self.association.call(CreateDataSet(Reference.parse(data_set), tuple(found)))

    async def _member(self, text: str) -> Reference:
        where = Reference.parse(text)
        types = [fc for fc in await self._nodes.constraints(where) if where.fc or fc not in BESIDE_DATA]
        status = [fc for fc in types if fc in (FC.ST, FC.MX)]
        chosen = status if len(status) == 1 else types
        if len(chosen) != 1:
            there = ", ".join(f"[{fc.value}]" for fc in types) or "none that a data set can have"
            raise LocalError(f"say which functional constraint is meant: {there}", where=text)
        return where.with_fc(chosen[0])

    async def delete_data_set(self, data_set: str) -> None:
        """Delete a data set that a client has made; raise `ServiceRefused` for others, or while it is in use."""
        await self.association.call(DeleteDataSet(Reference.parse(data_set)))

    # --- setting groups and publishers ------------------------------------------------------------------------------

    def settings(self, device: str) -> SettingGroups:
        """Return the setting groups of a logical device."""
        return SettingGroups(self.association, self._nodes, device)

    def edit_settings(self, device: str, group: int) -> Edit:
        """Return an editing of a setting group, for `async with`: confirmed on leaving, given up on an error."""
        return self.settings(device).edit(group)

    def goose_control(self, reference: str) -> Publisher:
        """Return the GOOSE control block `LD/LLN0.name`."""
        return Publisher(self.association, Reference.parse(reference), FC.GO)

    def sampled_values_control(self, reference: str, *, unicast: bool = False) -> Publisher:
        """Return the control block of multicast or unicast sampled values, `LD/LLN0.name`."""
        return Publisher(self.association, Reference.parse(reference), FC.US if unicast else FC.MS)

    # --- logs -------------------------------------------------------------------------------------------------------

    async def logs(self, device: str = "") -> tuple[str, ...]:
        """Return the logs of a logical device, `LD/LN.name`; without one, of all of them."""
        found = []
        for each in (device,) if device else await self.devices():
            for node in await self.nodes(each):
                names = await self.instances(f"{each}/{node}", AcsiClass.LOG)
                found += [f"{each}/{node}.{name}" for name in names]
        return tuple(found)

    def log(self, reference: str) -> Log:
        """Return the log `LD/LN.name` (or as MMS writes it, `LD/LN$name`)."""
        return Log(self.association, self._nodes, named(reference))

    def log_control(self, reference: str) -> Publisher:
        """Return the log control block `LD/LN.name`: its attributes, enabled and disabled."""
        return Publisher(self.association, Reference.parse(reference), FC.LG)

    # --- control and reports ----------------------------------------------------------------------------------------

    def control(self, reference: str) -> Control:
        """Return the controllable object `LD/LN.DO`; the server is asked about it when it is first used."""
        where = Reference.parse(reference).with_fc(None)
        found = self._controls.get(where)
        if found is None:
            found = self._controls[where] = Control(
                self.association, self._nodes, where, self._clock, self._origin, self._stamp
            )
        return found

    def _stamp(self) -> Timestamp:
        """Return the time stamp of now, which says what is known of the clock."""
        known = quality(self._time.state) if self._time is not None else TimeQuality()
        return known.stamp(self._clock.now())

    def report(
        self,
        block: str,
        *,
        triggers: Trigger | None = None,
        integrity: float | None = None,
        buffer_time: float | None = None,
        data_set: str | None = None,
        interrogate: bool | None = None,
        after: bytes | None = None,
        reserve: float = 60.0,
    ) -> Reports:
        """Return the reports of a report control block, `LD/LLN0.name`; a free instance of it is found by itself.

        See `Settings` for the arguments; what is None is left as the server has it. Of a buffered block the reports go
        on by themselves after a break, each once.
        """
        settings = Settings(triggers, integrity, buffer_time, data_set, interrogate, after, reserve)
        reopen = self._present if self._opener is not None else None
        return Reports(self.association, self._nodes, Reference.parse(block), settings, reopen, self._returned)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def release(self) -> None:
        """End the association in good order."""
        self._left = True
        await self.association.release()

    async def abort(self) -> None:
        """End the association at once."""
        self._left = True
        await self.association.abort()

    def _end(self, why: str) -> None:
        self._ended = why

    async def reopen(self) -> None:
        """Open the association anew if it has ended, but not after `release` or `abort`.

        What `on_end` was to call, and reports of unbuffered blocks, ended with the old one. Raises `LocalError` if it
        is not known how to (`connect` knows), else what `connect` raises.
        """
        async with self._opening:
            opener = self._may_open()
            if self._ended is None:
                return
            association = await opener()
            try:
                self._may_open()
            except LocalError:  # released meanwhile
                await association.abort()
                raise
            self.association, self._nodes, self._ended = association, Nodes(association), None
            self._controls.clear()
            association.on_end(self._end)

    def _may_open(self) -> Opener:
        if self._opener is None or self._left:
            raise LocalError("this association is not to be opened anew; connect again", where=self.peer)
        return self._opener

    async def _present(self) -> tuple[ClientAssociation, Nodes]:
        await self.reopen()
        return self.association, self._nodes

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.release()


def _merged(
    parts: list[tuple[Reference, TypeDescription]], answers: Iterator[DataValue | ServiceError], data: bool
) -> Plain:
    """Return one value from those under the constraints of one reference: of data, or of a whole logical node.

    The next answers, one for each part, are taken.
    """
    values: list[Plain] = []
    for (reference, description), value in zip(parts, answers, strict=False):
        if isinstance(value, ServiceError):
            raise ServiceRefused(value, where=str(reference))
        values.append(plain(value, description) if data else {reference.path[0]: plain(value, description)})
    if len(values) == 1 and data:
        return values[0]
    merged: dict[str, Plain] = {}
    for value in values:
        _merge(merged, value)
    return merged


def _merge(into: dict[str, Plain], more: dict[str, Plain]) -> None:
    """Put the parts of `more` into `into`, and the parts of parts that are in both (sub data objects)."""
    for name, value in more.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into.setdefault(name, value)
