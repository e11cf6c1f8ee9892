"""What is too large for one wire and not for the other: asked for in parts, or given in parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..mms import pdu

Ask = Callable[[pdu.ConfirmedServiceRequest], Awaitable[pdu.MMSpdu]]

_NOTHING: pdu.AccessResult = ("failure", int(pdu.DataAccessError.OBJECT_ACCESS_UNSUPPORTED))
"""What is too large and cannot be divided."""


async def read_in_parts(request: pdu.ReadRequest, ask: Ask) -> pdu.MMSpdu:
    """Return what answers a read whose answer was too large for the far wire: put together from answers to less.

    Where a structure is divided, its parts are not of one moment.
    """
    match request.variable_access_specification:
        case ("listOfVariable", definitions):
            pass
        case ("variableListName", name):
            listed = await ask(("getNamedVariableListAttributes", name))
            match listed:
                case ("confirmed-ResponsePDU", found) if found.service[0] == "getNamedVariableListAttributes":
                    definitions = found.service[1].list_of_variable
                case _:
                    return listed
    results = await _read(definitions, ask)
    access = request.variable_access_specification if request.specification_with_result else None
    return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(0, ("read", pdu.ReadResponse(results, access))))


async def _read(definitions: list[pdu.VariableDef], ask: Ask) -> list[pdu.AccessResult]:
    """Return the values of some variables, asked for in as many parts as it takes."""
    if len(definitions) > 1:
        half = len(definitions) // 2
        return await _try(definitions[:half], ask) + await _try(definitions[half:], ask)
    definition = definitions[0]
    match definition.variable_specification:
        case ("name", ("domain-specific", name)) if definition.alternate_access is None:
            return [await _structure(name, ask)]
    return [_NOTHING]


async def _try(definitions: list[pdu.VariableDef], ask: Ask) -> list[pdu.AccessResult]:
    match await ask(("read", pdu.ReadRequest(("listOfVariable", definitions)))):
        case ("confirmed-ResponsePDU", answer) if answer.service[0] == "read":
            results = answer.service[1].list_of_access_result
            if len(results) == len(definitions):
                return results
    return await _read(definitions, ask)


async def _structure(name: pdu.DomainSpecific, ask: Ask) -> pdu.AccessResult:
    """Return a structure, put together from its components."""
    match await ask(("getVariableAccessAttributes", ("name", ("domain-specific", name)))):
        case ("confirmed-ResponsePDU", answer) if answer.service[0] == "getVariableAccessAttributes":
            description = answer.service[1].type_description
        case _:
            return _NOTHING
    match description:
        case ("structure", structure):
            pass
        case _:
            return _NOTHING
    parts = [
        pdu.VariableDef(
            ("name", ("domain-specific", pdu.DomainSpecific(name.domain_id, f"{name.item_id}${part.component_name}")))
        )
        for part in structure.components
    ]
    data: list[pdu.Data] = []
    for result in await _try(parts, ask):
        match result:
            case ("success", value):
                data.append(value)
            case _:
                return result
    return ("success", ("structure", data))


class Blocks:
    """The blocks of files that one side reads, where those of the other side are larger than fit.

    `size` gives the octets that fit; it is asked for when the first block comes.
    """

    def __init__(self, size: Callable[[], int]) -> None:
        self._ask_size = size
        self._size = 0
        self._left: dict[int, pdu.FileReadResponse] = {}

    async def ask(self, service: pdu.ConfirmedServiceRequest, ask: Ask) -> pdu.MMSpdu:
        """Return what answers a service, which may read a block: what is left of the last one comes first."""
        match service:
            case ("fileClose", handle):
                self._left.pop(handle, None)
            case ("fileRead", handle):
                block = self._left.pop(handle, None)
                if block is None:
                    answer = await ask(service)
                    match answer:
                        case ("confirmed-ResponsePDU", response) if response.service[0] == "fileRead":
                            block = response.service[1]
                        case _:
                            return answer
                given: pdu.ConfirmedServiceResponse = ("fileRead", self._fitting(handle, block))
                return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(0, given))
        return await ask(service)

    def _fitting(self, handle: int, block: pdu.FileReadResponse) -> pdu.FileReadResponse:
        self._size = size = self._size or self._ask_size()
        if len(block.file_data) <= size:
            return block
        self._left[handle] = pdu.FileReadResponse(block.file_data[size:], block.more_follows)
        return pdu.FileReadResponse(block.file_data[:size], True)


def shortened(answer: pdu.MMSpdu) -> pdu.MMSpdu | None:
    """Return a shorter page of the same list, of which more follows; None for what has no pages."""
    match answer:
        case ("confirmed-ResponsePDU", found):
            match found.service:
                case ("getNameList", page) if len(page.list_of_identifier) > 1:
                    names = page.list_of_identifier
                    shorter: pdu.ConfirmedServiceResponse = (
                        "getNameList",
                        pdu.GetNameListResponse(names[: len(names) // 2], True),
                    )
                case ("fileDirectory", directory) if len(directory.list_of_directory_entry) > 1:
                    files = directory.list_of_directory_entry
                    shorter = ("fileDirectory", pdu.FileDirectoryResponse(files[: len(files) // 2], True))
                case ("readJournal", journal) if len(journal.list_of_journal_entry) > 1:
                    entries = journal.list_of_journal_entry
                    shorter = ("readJournal", pdu.ReadJournalResponse(entries[: len(entries) // 2], True))
                case _:
                    return None
            return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(found.invoke_id, shorter))
    return None
