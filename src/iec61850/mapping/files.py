"""Files in MMS: opened, read in blocks that fit a PDU, closed; a server fetches what a client wants to set."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any, Generic

import attrs

from ...common.errors import JanusGridError, Malformed
from ..acsi.errors import ServiceError, ServiceRefused
from ..acsi.files import DeleteFile, FileEntry, GetFile, GetFileAttributeValues, RenameFile, SetFile
from ..acsi.services import Request
from ..engine import Association, Steps
from ..engine.files import Files
from ..engine.steps import Wait, ask
from ..mms import MmsDecodeError, pdu
from ..mms.data import datetime_from_text, datetime_to_text
from .answer import Exchange, result
from .errors import SourceRefused, confirmed_error
from .wire import P, Parameters, Wire

_PART = 64  # characters of a part of a name; longer names are sent in several (second-hand)
_MOST_ENTRIES = 100_000
_LONGEST = 1024  # characters of a name that a server gives
_MOST_OPEN = 10
_SIZE = 0xFFFF_FFFF
_INVOKE_ID = 0x7FFF_FFFF  # of requests of either side: as long in BER as any

Ask = Callable[[pdu.ConfirmedServiceRequest, object], Awaitable[Any]]
Service = Callable[[Any], pdu.ConfirmedServiceResponse]


def block_size(wire: Wire[P], pdu_size: int) -> int:
    """Return how many octets of a file the answer to fileRead can hold on a wire."""

    def size(octets: int) -> int:
        block = pdu.FileReadResponse(bytes(octets), more_follows=False)
        answer = pdu.ConfirmedResponsePDU(_INVOKE_ID, ("fileRead", block))
        return wire.size(wire.encode(("confirmed-ResponsePDU", answer)))

    empty, sample = size(0), 3 * 1024
    # The lengths in front of it grow with the content (BER): 3 of them, by up to 4 octets each.
    room = pdu_size - empty - 12
    return max(1, room * sample // (size(sample) - empty))


def to_name(text: str) -> list[str]:
    """Return a file's name as MMS has it, in parts."""
    return [text[start : start + _PART] for start in range(0, len(text), _PART)] or [""]


def from_name(parts: list[str]) -> str:
    """Return the name of a file from its parts."""
    return "".join(parts)


def _attributes(entry: FileEntry) -> pdu.FileAttributes:
    time = datetime_to_text(entry.modified) if entry.modified else None
    return pdu.FileAttributes(min(entry.size, _SIZE), time)


def _entry(found: pdu.DirectoryEntry) -> FileEntry:
    attributes, time = found.file_attributes, None
    if attributes.last_modified:
        try:
            time = datetime_from_text(attributes.last_modified)
        except MmsDecodeError:
            time = None  # a server without a clock, or with one of its own making: the file is there all the same
    return FileEntry(from_name(found.file_name), attributes.size_of_file, time)


class FileServer(Generic[P]):
    """The file services of one association at the server. `exchange` asks the client for what it wants to set."""

    def __init__(
        self,
        files: Files,
        association: Association,
        wire: Wire[P],
        parameters: Parameters,
        exchange: Exchange | None,
    ) -> None:
        self._files = files
        self._association = association
        self._wire = wire
        self._parameters = parameters
        self._exchange = exchange
        self._block = 0
        self._invoke_ids = count(1)
        self._fetching = 0

    def services(self) -> dict[str, Service]:
        """Return the services that are answered at once, by their names; none where there are no files."""
        found: dict[str, Service] = {}
        if self._files.served:
            found |= {
                "fileOpen": self._open,
                "fileRead": self._read,
                "fileClose": self._close,
                "fileDirectory": self._directory,
            }
        if self._files.writable:
            found |= {"fileDelete": self._delete, "fileRename": self._rename}
        return found

    # --- reading ----------------------------------------------------------------------------------------------------

    def _open(self, request: pdu.FileOpenRequest) -> pdu.ConfirmedServiceResponse:
        name = from_name(request.file_name)
        handle, entry = self._files.open(self._association, name, request.initial_position)
        return ("fileOpen", pdu.FileOpenResponse(handle, _attributes(entry)))

    def _read(self, handle: int) -> pdu.ConfirmedServiceResponse:
        if not self._block:
            self._block = block_size(self._wire, self._parameters.pdu_size)
        octets, more = self._files.read(self._association, handle, self._block)
        return ("fileRead", pdu.FileReadResponse(octets, more))

    def _close(self, handle: int) -> pdu.ConfirmedServiceResponse:
        self._files.close(self._association, handle)
        return ("fileClose", None)

    def _directory(self, request: pdu.FileDirectoryRequest) -> pdu.ConfirmedServiceResponse:
        entries = self._files.entries(from_name(request.file_specification or []))
        if request.continue_after is not None:
            after = from_name(request.continue_after)
            entries = [entry for entry in entries if entry.name > after]
        page: list[pdu.DirectoryEntry] = []
        empty = self._listing_size([])
        room = self._parameters.pdu_size - empty - 12
        for entry in entries:
            listed = pdu.DirectoryEntry(to_name(entry.name), _attributes(entry))
            room -= self._listing_size([listed]) - empty
            if room < 0 and page:
                break
            page.append(listed)
        return ("fileDirectory", pdu.FileDirectoryResponse(page, len(page) < len(entries)))

    def _listing_size(self, page: list[pdu.DirectoryEntry]) -> int:
        listing = pdu.ConfirmedResponsePDU(_INVOKE_ID, ("fileDirectory", pdu.FileDirectoryResponse(page, True)))
        return self._wire.size(self._wire.encode(("confirmed-ResponsePDU", listing)))

    # --- changing ---------------------------------------------------------------------------------------------------

    def _delete(self, name: list[str]) -> pdu.ConfirmedServiceResponse:
        self._files.delete(DeleteFile(from_name(name)))
        return ("fileDelete", None)

    def _rename(self, request: pdu.FileRenameRequest) -> pdu.ConfirmedServiceResponse:
        self._files.rename(RenameFile(from_name(request.current_file_name), from_name(request.new_file_name)))
        return ("fileRename", None)

    def obtain(self, request: pdu.ObtainFileRequest) -> Steps[pdu.ConfirmedServiceResponse]:
        """Fetch a file from the client, and put it in its place once it is whole."""
        if self._exchange is None or self._fetching >= self._parameters.called:
            raise ServiceRefused(
                ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE,
                f"the client may be asked {self._parameters.called} things at once",
            )
        new = self._files.store.create(from_name(request.destination_file))
        self._fetching += 1
        try:
            source = from_name(request.source_file)
            opened = yield from self._ask(("fileOpen", pdu.FileOpenRequest(to_name(source), 0)), source)
            more = True
            while more:
                block: pdu.FileReadResponse = yield from self._ask(("fileRead", opened.frsm_id), source)
                new.write(block.file_data)
                more = block.more_follows
                if more and not block.file_data:
                    raise SourceRefused(ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT, "it never ends")
            yield from self._ask(("fileClose", opened.frsm_id), source)
            new.commit()
        finally:
            self._fetching -= 1
            new.discard()
        return ("obtainFile", None)

    def _ask(self, service: pdu.ConfirmedServiceRequest, source: str) -> Steps[Any]:
        exchange, invoke_id = self._exchange, next(self._invoke_ids) % _INVOKE_ID
        assert exchange is not None
        request: pdu.MMSpdu = ("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(invoke_id, service))
        try:
            answer = yield from ask(Wait(lambda: exchange(request), source))
            return result(answer, service[0], invoke_id, source, self._association.peer)
        except ServiceRefused as refused:
            raise SourceRefused(refused.error, refused.message, where=source) from None
        except JanusGridError as error:
            failed = ServiceError.FAILED_DUE_TO_COMMUNICATIONS_CONSTRAINT
            raise SourceRefused(failed, error.message, where=source) from None


class FileClient:
    """The file services at the client. It serves the files that the server is to fetch, and only those."""

    def __init__(self, ask: Ask, peer: str) -> None:
        self._ask = ask
        self._peer = peer
        self._offers: dict[str, bytes] = {}
        self._reading: dict[int, _Reading] = {}
        self._handles = count(1)
        self.services: dict[type[Request[Any]], Callable[[Any], Awaitable[Any]]] = {
            GetFile: self._get,
            SetFile: self._set,
            DeleteFile: self._delete,
            RenameFile: self._rename,
            GetFileAttributeValues: self._attributes,
        }

    @property
    def offering(self) -> bool:
        """True while the server may fetch something: it is at work as long as it asks for it."""
        return bool(self._offers)

    async def entries(self, name: str) -> tuple[FileEntry, ...]:
        """Return what a directory holds, asked for page by page; or the one file of that name."""
        specification = to_name(name) if name else None
        found: list[FileEntry] = []
        last: list[str] | None = None
        while True:
            question = pdu.FileDirectoryRequest(specification, last)
            page: pdu.FileDirectoryResponse = await self._ask(("fileDirectory", question), name or "/")
            found += map(_entry, page.list_of_directory_entry)
            if found and max(len(entry.name) for entry in found[-len(page.list_of_directory_entry) :]) > _LONGEST:
                raise Malformed("the server has files whose names are too long to be any", where=self._peer)
            if not page.more_follows:
                return tuple(found)
            entries = page.list_of_directory_entry
            if not entries or entries[-1].file_name == last or len(found) > _MOST_ENTRIES:
                raise Malformed("the server has more files to follow, but gives none", where=self._peer)
            last = entries[-1].file_name

    async def _attributes(self, request: GetFileAttributeValues) -> tuple[FileEntry, ...]:
        return await self.entries(request.name)

    async def _get(self, request: GetFile) -> bytes:
        name = request.name
        opened: pdu.FileOpenResponse = await self._ask(("fileOpen", pdu.FileOpenRequest(to_name(name), 0)), name)
        found, more = bytearray(), True
        try:
            request.check(opened.file_attributes.size_of_file)
            while more:
                block: pdu.FileReadResponse = await self._ask(("fileRead", opened.frsm_id), name)
                found += block.file_data
                request.check(len(found))
                more = block.more_follows
                if more and not block.file_data:
                    raise Malformed("the server has more of the file to follow, but gives nothing", where=name)
        except BaseException:
            await self._close_quietly(opened.frsm_id, name)
            raise
        await self._ask(("fileClose", opened.frsm_id), name)
        return bytes(found)

    async def _close_quietly(self, handle: int, name: str) -> None:
        try:
            await self._ask(("fileClose", handle), name)
        except JanusGridError:
            return  # what was wrong before counts

    async def _set(self, request: SetFile) -> None:
        name = request.name
        if name in self._offers:
            raise ServiceRefused(ServiceError.INSTANCE_IN_USE, "it is being set already", where=name)
        self._offers[name] = request.data
        try:
            await self._ask(("obtainFile", pdu.ObtainFileRequest(to_name(name), to_name(name))), name)
        finally:
            del self._offers[name]
            for handle in [handle for handle, reading in self._reading.items() if reading.name == name]:
                del self._reading[handle]

    async def _delete(self, request: DeleteFile) -> None:
        await self._ask(("fileDelete", to_name(request.name)), request.name)

    async def _rename(self, request: RenameFile) -> None:
        names = pdu.FileRenameRequest(to_name(request.name), to_name(request.new_name))
        await self._ask(("fileRename", names), request.name)

    # --- what the server fetches ------------------------------------------------------------------------------------

    def serve(self, request: pdu.ConfirmedRequestPDU, block: int) -> pdu.MMSpdu:
        """Return the answer to what the server asks; a file is given in blocks of so many octets."""
        match request.service:
            case ("fileOpen" | "fileRead" | "fileClose", _):
                try:
                    response = self._served(request.service, block)
                except ServiceRefused as refused:
                    error = confirmed_error(refused, request.service[0])
                    return ("confirmed-ErrorPDU", pdu.ConfirmedErrorPDU(request.invoke_id, error))
                return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(request.invoke_id, response))
        reason = int(pdu.ConfirmedRequestReject.UNRECOGNIZED_SERVICE)
        return ("rejectPDU", pdu.RejectPDU(("confirmed-requestPDU", reason), request.invoke_id))

    def _served(self, service: pdu.ConfirmedServiceRequest, block: int) -> pdu.ConfirmedServiceResponse:
        match service:
            case ("fileOpen", asked):
                name = from_name(asked.file_name)
                data = self._offers.get(name)
                if data is None or len(self._reading) >= _MOST_OPEN:
                    raise ServiceRefused(ServiceError.INSTANCE_NOT_AVAILABLE, "it is not on offer", where=name)
                if not 0 <= asked.initial_position <= len(data):
                    raise ServiceRefused(ServiceError.PARAMETER_VALUE_INCONSISTENT, where=name)
                handle = next(self._handles)
                self._reading[handle] = _Reading(name, data, asked.initial_position)
                return ("fileOpen", pdu.FileOpenResponse(handle, pdu.FileAttributes(len(data))))
            case ("fileRead", handle):
                reading = self._find(handle)
                octets = reading.data[reading.position : reading.position + block]
                reading.position += len(octets)
                return ("fileRead", pdu.FileReadResponse(octets, reading.position < len(reading.data)))
            case (_, handle):
                self._find(handle)
                del self._reading[handle]
                return ("fileClose", None)

    def _find(self, handle: Any) -> _Reading:
        found = self._reading.get(handle)
        if found is None:
            raise ServiceRefused(ServiceError.INSTANCE_NOT_AVAILABLE, f"no file is open as {handle}")
        return found


@attrs.define(slots=True)
class _Reading:
    name: str
    data: bytes
    position: int
