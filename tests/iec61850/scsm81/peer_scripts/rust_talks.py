"""A client of PyPI `iec61850` that does what it is told: see talk.py for how, and the verbs below for what."""

import asyncio
import os
from pathlib import Path

from talk import No, serve_async, tell

import iec61850
from iec61850 import FC, AcsiClass, ControlModel, DataSetMember, IedConnection, OriginValue, RcbWriteMask

_FIELDS = {
    "RptID": "rpt_id", "RptEna": "rpt_ena", "Resv": "resv", "DatSet": "dataset", "BufTm": "buf_time_ms",
    "IntgPd": "integrity_period_ms", "GI": "gi", "PurgeBuf": "purge_buf", "EntryID": "entry_id",
    "ResvTms": "resv_tms", "TrgOps": "trigger_options", "OptFlds": "opt_flds",
}  # fmt: skip
_CLASSES = {"DATA_OBJECT": "DO", "DATA_SET": "DS", "URCB": "RP", "BRCB": "BR", "GOCB": "GO", "SGCB": "SG"}


class Client:
    """One connection, its control objects and its report handlers."""

    def __init__(self) -> None:
        self.ied: IedConnection = None  # type: ignore[assignment]
        self.controls: dict[str, iec61850.ControlObjectClient] = {}
        self.listening: asyncio.Task | None = None

    async def connect(self, port: int, password: str | None = None, pems: list[str] | None = None) -> None:
        if pems:
            configuration = _tls(*pems)
            self.ied = await IedConnection.connect_tls(f"127.0.0.1:{port}", configuration, "localhost")
        else:
            self.ied = await IedConnection.connect(f"127.0.0.1:{port}")

    async def release(self) -> None:
        await self.ied.disconnect()

    async def abort(self) -> None:
        await self.ied.abort()

    def state(self) -> bool:
        return self.ied.is_connected

    # --- data -------------------------------------------------------------------------------------------------------

    async def devices(self) -> list[str]:
        return await self.ied.get_server_directory()

    async def directory(self, node: str, acsi_class: str) -> list[str]:
        return await self.ied.get_logical_node_directory(node, AcsiClass(_CLASSES[acsi_class]))

    async def read(self, reference: str, fc: str):
        return await self.ied.read(reference, FC(fc))

    async def write(self, reference: str, fc: str, kind: str, given) -> None:
        if kind == "octets":
            await self.ied.write_octet_string(reference, FC(fc), bytes.fromhex(given))
            return
        by_kind = {"bool": "bool", "int": "int32", "unsigned": "uint32", "float": "float", "text": "visible_string"}
        await getattr(self.ied, f"write_{by_kind[kind]}")(reference, FC(fc), given)

    # --- control ----------------------------------------------------------------------------------------------------

    def control(self, reference: str, model: str) -> None:
        self.controls[reference] = self.ied.create_control_object(reference, ControlModel(model))

    async def select(self, reference: str) -> None:
        if not await self.controls[reference].select():
            raise No("not selected")

    async def select_with_value(self, reference: str, kind: str, given) -> None:
        _judge(await self.controls[reference].select_with_value(given))

    async def operate(self, reference: str, kind: str, given) -> None:
        _judge(await self.controls[reference].operate(given))

    async def cancel(self, reference: str, given=True) -> None:
        _judge(await self.controls[reference].cancel(given))

    def flags(self, reference: str, test: bool, interlock: bool, synchro: bool) -> None:
        control = self.controls[reference]
        control.set_test(test)
        control.set_interlock_check(interlock)
        control.set_synchro_check(synchro)

    def origin(self, reference: str, identity: str, category: int) -> None:
        self.controls[reference].set_origin(OriginValue(category, identity.encode()))

    def number(self, reference: str, number: int) -> None:
        self.controls[reference].set_ctl_num(number)

    # --- reports ----------------------------------------------------------------------------------------------------

    async def block(self, reference: str) -> dict[str, object]:
        found = await self.ied.get_rcb_values(reference)
        return {
            **{name: getattr(found, field) for name, field in _FIELDS.items()},
            "TrgOps": found.trigger_options.to_bits(), "OptFlds": found.opt_flds.to_bits(),
            "ConfRev": found.conf_rev, "SqNum": found.sq_num, "EntryTime": found.time_of_entry_ms, "Owner": found.owner,
        }  # fmt: skip

    async def set_block(self, reference: str, values: dict[str, object]) -> None:
        found = await self.ied.get_rcb_values(reference)
        for name, given in values.items():
            if name == "TrgOps":
                found.trigger_options = iec61850.TriggerOptions.from_bits(given)
            elif name == "OptFlds":
                found.opt_flds = iec61850.ReportOptFlds.from_bits(given)
            else:
                setattr(found, _FIELDS[name], bytes.fromhex(given) if name == "EntryID" else given)
        fields = (_FIELDS[name].removesuffix("_ms") for name in values)
        await self.ied.set_rcb_values(found, RcbWriteMask.fields(*fields))

    async def reports(self, reference: str) -> None:
        found = await self.ied.get_rcb_values(reference)
        await self.ied.install_report_handler(reference, _report, rpt_id=found.rpt_id)
        if self.listening is None:
            self.listening = asyncio.create_task(self._poll())

    async def _poll(self) -> None:
        while True:
            await self.ied.poll_reports(20)
            await asyncio.sleep(0)

    async def interrogate(self, reference: str) -> None:
        await self.ied.trigger_gi(reference)

    # --- data sets --------------------------------------------------------------------------------------------------

    async def create_data_set(self, reference: str, members: list[str]) -> None:
        found = [DataSetMember(member.partition("[")[0], FC(member.partition("[")[2][:2])) for member in members]
        await self.ied.create_data_set(reference, found)

    async def delete_data_set(self, reference: str) -> bool:
        return await self.ied.delete_data_set(reference)

    async def members(self, reference: str) -> list[object]:
        found = await self.ied.get_data_set_directory(reference)
        return [[f"{member.object_ref}[{member.fc}]" for member in found.members], found.deletable]

    async def data_set(self, reference: str) -> list[object]:
        return await self.ied.get_data_set_values(reference)


def _tls(*pems: str) -> iec61850.TlsConfig:
    ca, certificate, key = (Path(name).read_bytes() for name in pems)
    return iec61850.TlsConfig(ca_pem=ca, client_cert_pem=certificate, client_key_pem=key)


def _judge(outcome) -> None:
    if not outcome.success:
        raise No([0, str(outcome.add_cause)])


def _report(report: iec61850.ClientReport) -> None:
    tell("report", {
        "id": report.rpt_id, "sequence": report.sequence_number, "entry": report.entry_id,
        "overflow": report.buffer_overflow, "time": report.timestamp_ms,
        "values": {entry.ref or at: entry.value for at, entry in enumerate(report.entries)},
        "reasons": [str(entry.reason) for entry in report.entries],
    })  # fmt: skip


client = Client()
verbs = {name: getattr(client, name) for name in dir(client) if name[0] != "_" and callable(getattr(client, name))}
asyncio.run(serve_async(verbs, (iec61850.IedError, KeyError)))
os._exit(0)
