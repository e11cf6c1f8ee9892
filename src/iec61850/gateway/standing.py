"""What an association has made of the far server and would lose with it: its data sets, and its control blocks.

It is kept as the client wrote it, and written again to a server that was lost. A buffered block is told which entry the
client had last, so that the server goes on with the next one. What a block still has is not written: that would empty
its buffer.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import attrs

from ..mms import pdu
from .reports import Told, told

log = logging.getLogger(__name__)

Ask = Callable[[pdu.ConfirmedServiceRequest], Awaitable[pdu.MMSpdu]]
"""Asks the far server, and returns what it answers."""

_ENABLE, _INTERROGATE = "RptEna", "GI"
_NOT_AGAIN = frozenset({_ENABLE, _INTERROGATE, "PurgeBuf", "EntryID"})
_FIRST = ("Resv", "ResvTms")
MOST_BLOCKS = 1000

Block = tuple[str, str]
"""Domain, and the item of a report control block."""


@attrs.define(slots=True)
class _Written:
    values: dict[str, pdu.Data] = attrs.Factory(dict)
    entry: pdu.Data | None = None
    enabled: bool = False

    @property
    def ordered(self) -> list[tuple[str, pdu.Data]]:
        first = [(name, self.values[name]) for name in _FIRST if name in self.values]
        return first + [(name, value) for name, value in self.values.items() if name not in _FIRST]


class Standing:
    """What one association has made of the far server."""

    def __init__(self) -> None:
        self._blocks: dict[Block, _Written] = {}
        self._lists: dict[str, pdu.DefineNamedVariableListRequest] = {}
        self._entries: dict[str, pdu.Data] = {}
        self._told: dict[str, Told] = {}

    # --- what happens -----------------------------------------------------------------------------------------------

    def done(self, service: pdu.ConfirmedServiceRequest, response: pdu.ConfirmedServiceResponse) -> None:
        """Take note of what the far server has done."""
        match service, response:
            case ("write", asked), ("write", results):
                match asked.variable_access_specification:
                    case ("listOfVariable", definitions):
                        for definition, value, result in zip(definitions, asked.list_of_data, results, strict=False):
                            if result[0] == "success":
                                self._written(definition, value)
            case ("defineNamedVariableList", asked), _:
                match asked.variable_list_name:
                    case ("aa-specific", name):
                        self._lists[name] = asked
            case ("deleteNamedVariableList", asked), ("deleteNamedVariableList", answer) if answer.number_deleted:
                for deleted in asked.list_of_variable_list_name or []:
                    if deleted[0] == "aa-specific":
                        self._lists.pop(deleted[1], None)

    def _written(self, definition: pdu.VariableDef, value: pdu.Data) -> None:
        match definition.variable_specification:
            case ("name", ("domain-specific", found)):
                parts = found.item_id.split("$")
            case _:
                return
        if len(parts) != 4 or parts[1] not in ("RP", "BR"):
            return
        block, name = (found.domain_id, "$".join(parts[:3])), parts[3]
        if block not in self._blocks and len(self._blocks) >= MOST_BLOCKS:
            return
        written = self._blocks.setdefault(block, _Written())
        if name == _ENABLE:
            written.enabled = value == ("boolean", True)
            if not written.enabled:
                self._told.clear()  # which of them were its own only the server knows
        elif name == "EntryID":
            written.entry = value
        elif name not in _NOT_AGAIN:
            written.values[name] = value
        if not written.enabled and written.values.get("Resv") == ("boolean", False):
            del self._blocks[block]  # it is nobody's any more

    def heard(self, message: pdu.MMSpdu) -> None:
        """Take note of a report that the client gets."""
        report = told(message)
        if report is None:
            return
        before = self._told.get(report.id)
        if before is not None:
            before.goes_on(report)
        elif len(self._told) < MOST_BLOCKS:
            self._told[report.id] = report
        if report.entry is not None and report.complete and report.id in self._told:
            self._entries[report.id] = report.entry  # of a report in parts the client has nothing before it has all

    def old(self) -> list[pdu.MMSpdu]:
        """Return the reports that tell the client that what it was told last is old: of blocks that are enabled."""
        if not any(written.enabled for written in self._blocks.values()):
            return []
        reports = [report.as_old() for report in self._told.values()]
        return [report for report in reports if report is not None]

    # --- the far server is back -------------------------------------------------------------------------------------

    async def restore(self, ask: Ask) -> None:
        """Make it all anew; what the far server refuses is logged, for the client sees the outcome."""
        for name, definition in self._lists.items():
            answer = await ask(("defineNamedVariableList", definition))
            if answer[0] != "confirmed-ResponsePDU":
                log.warning("the data set @%s could not be made again", name)
        blocks = [(block, written) for block, written in self._blocks.items() if written.enabled or written.values]
        ids = {block: await _text(ask, block, "RptID") for block, written in blocks if written.enabled}
        several = Counter(ids.values())
        for block, written in blocks:
            for name, value in written.ordered:
                if name in _FIRST or await _read(ask, block, name) != value:
                    await _write(ask, block, name, value)
            if not written.enabled:
                continue
            entry = self._last(block, written, ids[block]) if several[ids[block]] == 1 else None
            if entry is not None and "$BR$" in block[1]:
                await _write(ask, block, "EntryID", entry)
            if not await _write(ask, block, _ENABLE, ("boolean", True)):
                log.warning("%s/%s could not be enabled again", *block)
                continue
            await _write(ask, block, _INTERROGATE, ("boolean", True))  # what was told as old is told as it is

    def _last(self, block: Block, written: _Written, report: str) -> pdu.Data | None:
        """Return the entry that the client had last; of two blocks with one RptID nobody knows."""
        domain, item = block
        for name in (report, f"{domain}/{item}", f"{domain}/{item}".replace("$", ".")):
            if name and name in self._entries:
                return self._entries[name]
        return written.entry


def _variable(block: Block, name: str) -> Any:
    domain, item = block
    found = pdu.DomainSpecific(domain, f"{item}${name}")
    return ("listOfVariable", [pdu.VariableDef(("name", ("domain-specific", found)))])


async def _read(ask: Ask, block: Block, name: str) -> pdu.Data | None:
    match await ask(("read", pdu.ReadRequest(_variable(block, name)))):
        case ("confirmed-ResponsePDU", answer) if answer.service[0] == "read":
            match answer.service[1].list_of_access_result:
                case [("success", data)]:
                    return data
    return None


async def _text(ask: Ask, block: Block, name: str) -> str:
    data = await _read(ask, block, name)
    return str(data[1]) if data is not None and data[0] == "visible-string" else ""


async def _write(ask: Ask, block: Block, name: str, value: pdu.Data) -> bool:
    match await ask(("write", pdu.WriteRequest(_variable(block, name), [value]))):
        case ("confirmed-ResponsePDU", answer) if answer.service[0] == "write":
            return answer.service[1] == [("success", None)]
    return False
