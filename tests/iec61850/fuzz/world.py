"""A server with all that it can have, without a wire; and the PDUs that a client of ours exchanges with it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

from janusgrid.common.errors import JanusGridError
from janusgrid.iec61850.acsi import blocks, logs
from janusgrid.iec61850.acsi import files as acsi_files
from janusgrid.iec61850.acsi import services as acsi
from janusgrid.iec61850.acsi.errors import AddCause, ServiceError, ServiceRefused
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.acsi.types import EntryTime
from janusgrid.iec61850.engine import Association, Engine
from janusgrid.iec61850.engine.steps import Outcome, Wait
from janusgrid.iec61850.mapping import initiate
from janusgrid.iec61850.mapping.catalogue import Catalogue
from janusgrid.iec61850.mapping.client import MmsClient
from janusgrid.iec61850.mapping.server import Answer, MmsServer
from janusgrid.iec61850.mapping.wire import Parameters
from janusgrid.iec61850.mms import decode_ber, encode_ber, pdu
from janusgrid.iec61850.server.folder import Folder

from tests.iec61850.mms.recorded import capture, vectors
from tests.iec61850.plant import LD, plant, ref
from tests.iec61850.wires import START, Ber

SHARED = Path(__file__).resolve().parents[4] / "shared" / "reference" / "iec61850"
_REFUSAL = ServiceRefused(
    ServiceError.ACCESS_NOT_ALLOWED_IN_CURRENT_STATE, add_cause=AddCause.BLOCKED_BY_INTERLOCKING
)  # fmt: skip
_CONDITION = ("WSpt", "WSbo", "Ena", "Brk", "WEnh")


class World:
    """The plant, with files in a folder, a client that may do anything, and another one that has reports."""

    def __init__(self, root: Path, chance: random.Random, wire: Any = None) -> None:
        self.root, self.chance = root, chance
        self.now = START
        self.wire = wire or Ber()
        self.parameters = Parameters(8_000, 5, 5, 10)
        (root / "COMTRADE").mkdir(exist_ok=True)
        self.engine = Engine(plant(), START)
        self.engine.serve_files(Folder(root, writable=True, largest=10_000, most=50))
        self.catalogue = Catalogue(self.engine)
        for name in self.catalogue.variable_names(LD) or ():  # what is rightly remembered is there from the start
            assert self.catalogue.variable(LD, name)
        self.beside = self._associate("bystander")
        self.mine: Association | None = None
        self.renew()

    def _associate(self, peer: str) -> Association:
        return self.engine.associate(peer)

    def renew(self) -> None:
        """Begin anew: nothing that a client may rightly leave behind is kept."""
        for association in list(self.engine.associations):
            self.engine.end(association, self.now)
        for path in [*self.root.rglob("*")]:
            if path.is_file():
                path.unlink()
        (self.root / "COMTRADE" / "fault.cfg").write_bytes(bytes(range(256)) * 30)
        (self.root / "readme.txt").write_text("plant")
        for path in [*self.root.iterdir()]:
            if path.is_dir() and path.name != "COMTRADE":
                path.rmdir()
        cleaner = self._associate("cleaner")
        for name in list(self.engine.data_sets._made):
            self._end_use(name)
            self._run(self.engine.call(cleaner, acsi.DeleteDataSet(name), self.now))
        self.engine.end(cleaner, self.now)
        self.mine, self.beside = self._associate("attacker"), self._associate("bystander")
        self.mms = self._mms(self.mine)
        self.other = self._mms(self.beside)
        for name in ("urcbMeas01", "brcbMeas01"):
            fc = FC.RP if name[0] == "u" else FC.BR
            block = Reference(LD, "LLN0", (name,), fc)
            try:
                self._run(self.engine.call(self.beside, acsi.SetRCBValues(block, (("RptEna", True),)), self.now))
            except ServiceRefused:
                continue  # it was left with settings that do not let it
        self.drained()

    def _end_use(self, name: Reference) -> None:
        for block in self.engine.reporting._blocks.values():
            if block.text("DatSet") == str(name):
                block.leaves["DatSet"].value = ""
                self.engine.reporting.events.deactivate(block)
        for group in self.engine.tree.devices[LD].values():
            for leaf in group.leaves():
                if leaf.name == "DatSet" and leaf.value == str(name):
                    leaf.value = ""

    def _mms(self, association: Association) -> MmsServer[Any]:
        async def never(message: pdu.MMSpdu) -> pdu.MMSpdu:
            raise AssertionError("it is answered by the outcome")

        return MmsServer(self.catalogue, association, self.wire, self.parameters, exchange=never)

    def _run(self, steps: Any) -> Any:
        """Run a service, the application and the client on the other side answering as the dice fall."""
        try:
            question = next(steps)
            for _ in range(200):
                question = steps.send(self._outcome(question))
            steps.close()
        except StopIteration as end:
            return end.value
        raise AssertionError("a service asks without end")

    def _outcome(self, question: Any) -> Outcome:
        if isinstance(question, Wait):
            return Outcome(self.now, result=self._of_file())
        return Outcome(self.now, _REFUSAL if self.chance.random() < 0.3 else None)

    def _of_file(self) -> pdu.MMSpdu:
        """Return what a client answers that is asked for a file: mostly under a wrong number, or of a wrong kind."""
        answer: Any = self.chance.choice([
            ("fileOpen", pdu.FileOpenResponse(1, pdu.FileAttributes(5))),
            ("fileRead", pdu.FileReadResponse(b"12345", self.chance.random() < 0.5)), ("fileClose", None),
            ("fileRead", pdu.FileReadResponse(b"", True)),
        ])  # fmt: skip
        number = self.mms._files._invoke_ids.__reduce__()[1][0] - 1
        return ("confirmed-ResponsePDU", pdu.ConfirmedResponsePDU(number, answer))

    def drained(self) -> list[Any]:
        """Return the PDUs that go out unasked by now."""
        for job in self.engine.jobs():
            self._run(job.steps)
        found = []
        for association, notification in self.engine.drain():
            mms = self.mms if association is self.mine else self.other
            found += mms.notify(notification)
        return found

    def ask(self, message: pdu.MMSpdu) -> Answer[Any]:
        """Give the server a PDU, and return the answer."""
        assert self.mine is not None
        answer: Answer[Any] = self._run(self.mms.receive(message, self.now))
        return answer

    def tick(self) -> None:
        """Let some time pass."""
        self.now += timedelta(seconds=self.chance.choice((0.001, 0.1, 3, 40)))
        self.engine.tick(self.now)

    def words(self) -> list[str]:
        """Return the names that the server knows."""
        names = self.catalogue.variable_names(LD) or []
        return [LD, LD, "Meas", "LLN0$Meas", "LLN0$Single", "readme.txt", "COMTRADE/", "COMTRADE/fault.cfg",
                f"{LD}/LLN0$Meas", f"{LD}/LLN0.Meas", *names]  # fmt: skip


def conversation(world: World) -> tuple[list[pdu.MMSpdu], list[pdu.MMSpdu], list[pdu.MMSpdu]]:
    """Return requests of all services, their answers, and what the server sends unasked meanwhile."""
    asked: list[pdu.MMSpdu] = []
    answered: list[pdu.MMSpdu] = []
    unasked: list[pdu.MMSpdu] = []

    async def exchange(message: pdu.MMSpdu) -> pdu.MMSpdu:
        asked.append(message)
        answer = world.ask(message)
        unasked.extend(world.wire.decode(payload) for payload in (*answer.before, *world.drained()))
        answered.append(world.wire.decode(answer.answer))
        return answered[-1]

    client = MmsClient(exchange, "server")
    for request in requests():
        with contextlib.suppress(JanusGridError):
            run(client.call(request))
        leaf = world.engine.find(ref("MMXU1.TotW.mag.f", "MX"))
        assert leaf is not None
        world.engine.update([(leaf, float(len(asked)))], world.now)
        world.engine.tick(world.now)
    asked += [
        ("conclude-RequestPDU", None), ("cancel-RequestPDU", 3),
        *(("confirmed-RequestPDU", pdu.ConfirmedRequestPDU(9, service)) for service in _others()),
    ]  # fmt: skip
    answered += [world.wire.decode(world.ask(message).answer) for message in asked[-13:]]
    return asked, answered, unasked


def _others() -> list[Any]:
    name: Any = ("domain-specific", pdu.DomainSpecific(LD, "DGEN1$SP$WMaxRtg$setMag$f"))
    data: Any = ("floating-point", b"\x08\x44\x00\x00\x00")
    return [
        ("status", True), ("identify", None),
        ("read", pdu.ReadRequest(("variableListName", ("domain-specific", pdu.DomainSpecific(LD, "LLN0$Meas"))), True)),
        ("write", pdu.WriteRequest(("listOfVariable", [pdu.VariableDef(("name", name))] * 3), [data] * 3)),
        ("write", pdu.WriteRequest(("variableListName", ("aa-specific", "mine")), [data])),
        ("getNameList", pdu.GetNameListRequest(("basicObjectClass", 2), ("aaSpecific", None))),
        ("deleteNamedVariableList", pdu.DeleteNamedVariableListRequest(0, [("aa-specific", "mine")], None)),
        ("readJournal", pdu.ReadJournalRequest(
            ("domain-specific", pdu.DomainSpecific(LD, "LLN0$Events")), ("startingTime", bytes(6)),
            ("numberOfEntries", 5), [f"{LD}/MMXU1$MX$TotW", "x"])),
        ("obtainFile", pdu.ObtainFileRequest(["up.txt"], ["up.txt"])),
        ("fileDelete", ["up.txt"]), ("fileRename", pdu.FileRenameRequest(["readme.txt"], ["COMTRADE/r.txt"])),
    ]  # fmt: skip


def requests() -> list[acsi.Request[Any]]:
    """Return a request of each service, some of them refused."""
    node, brcb = Reference(LD, "LLN0"), Reference(LD, "LLN0", ("brcbMeas02",), FC.BR)
    urcb = Reference(LD, "LLN0", ("urcbMeas02",), FC.RP)
    spt, har = ref("DWGC1.WSpt"), ref("MMXU1.HaV.Har(1).cVal.mag.f", "MX")
    operate = acsi.Operate(ref("CSWI1.SwSel"), True, number=1)
    members = (ref("MMXU1.Hz", "MX"), ref("MMXU1.HaV.Har(1)", "MX"), ref("DGEN1.DEROpSt", "ST"))
    everything = acsi.AcsiClass
    return [
        acsi.GetServerDirectory(), acsi.GetLogicalDeviceDirectory(LD), acsi.GetLogicalDeviceDirectory("Nothing"),
        *(acsi.GetLogicalNodeDirectory(node, kind) for kind in everything),
        acsi.GetAllDataValues(Reference(LD, "MMXU1"), FC.MX), acsi.GetDataDirectory(ref("MMXU1.TotW")),
        acsi.GetDataDefinition(ref("MMXU1.HaV", "MX")),
        acsi.GetDataValues((har, ref("MMXU1.HaV.raw(2)", "MX"), ref("MMXU1.Nothing", "MX"), ref("LLN0.NamPlt", "DC"))),
        acsi.SetDataValues(((ref("DGEN1.WMaxRtg.setMag.f", "SP"), 5.0), (ref("MMXU1.TotW.db", "CF"), 7),
                            (ref("LLN0.NamPlt.d", "DC"), "Wärme"), (ref("MMXU1.TotW.mag.f", "MX"), 1.0))),
        *(acsi.SetDataValues(((ref(f"GGIO1.Ind1.{name}", "SV"), value),))
          for name, value in (("subVal", True), ("subID", "x"), ("subEna", True))),
        acsi.GetDataSetDirectory(ref("LLN0.Meas")), acsi.GetDataSetValues(ref("LLN0.Meas")),
        acsi.SetDataSetValues(ref("LLN0.Single"), (1.0, 2.0)),
        acsi.CreateDataSet(ref("LLN0.made"), members), acsi.CreateDataSet(Reference("@mine"), members),
        acsi.GetDataSetValues(Reference("@mine")), acsi.GetDataSetDirectory(Reference("@mine")),
        acsi.GetRCBValues(urcb), acsi.GetRCBValues(brcb),
        acsi.SetRCBValues(urcb, (("Resv", True), ("DatSet", "@mine"), ("TrgOps", acsi_bits(0b011111, 6)),
                                 ("IntgPd", 1000), ("OptFlds", acsi_bits(0b0111111111, 10)), ("BufTm", 0),
                                 ("RptEna", True), ("GI", True))),
        acsi.SetRCBValues(brcb, (("ResvTms", 30), ("EntryID", bytes(8)), ("PurgeBuf", True), ("RptEna", True),
                                 ("GI", True))),
        acsi.Operate(spt, [400.0]), acsi.Operate(spt, [4000.0]), acsi.Operate(ref("CSWI1.SwEnh"), True),
        acsi.Select(ref("CSWI1.SwSbo")), acsi.SelectWithValue(operate), operate, acsi.Cancel(operate),
        acsi.Operate(ref("CSWI1.SwDir"), True, at=acsi_time()), acsi.Operate(ref("GGIO2.Dpc"), True),
        acsi.Operate(ref("GGIO2.Mod"), 1), acsi.Operate(ref("GGIO2.Old"), True),
        blocks.GetSGCBValues(LD), blocks.SelectActiveSG(LD, 1), blocks.SelectEditSG(LD, 2),
        blocks.SetEditSGValue(((ref("PTUV1.StrVal.setMag.f", "SE"), 66.0),)),
        blocks.GetEditSGValue((ref("PTUV1.StrVal.setMag.f", "SE"), ref("PTUV1.TmVCrv.pts", "SE"))),
        blocks.ConfirmEditSGValues(LD),
        *(kind(ref(f"LLN0.{name}")) for kind, name in
          ((blocks.GetGoCBValues, "gcbMeas"), (blocks.GetMSVCBValues, "msvcb"), (blocks.GetUSVCBValues, "usvcb"))),
        blocks.SetGoCBValues(ref("LLN0.gcbMeas"), (("GoEna", True),)),
        blocks.SetUSVCBValues(ref("LLN0.usvcb"), (("Resv", True), ("SvEna", True))),
        logs.GetLCBValues(ref("LLN0.lcbMeas")), logs.SetLCBValues(ref("LLN0.lcbMeas"), (("LogEna", True),)),
        acsi.SetDataValues(((ref("DGEN1.WMaxRtg.setMag.f", "SP"), 6.0),)),
        logs.QueryLogByTime(ref("LLN0.Events")), logs.QueryLogAfter(ref("LLN0.Events"), bytes(8), EntryTime.of(START)),
        logs.GetLogStatusValues(ref("LLN0.Events")), logs.QueryLogByTime(ref("LLN0.Nothing")),
        acsi_files.GetServerFiles(), acsi_files.GetFile("COMTRADE/fault.cfg"), acsi_files.GetFile("nothing"),
        acsi_files.GetFileAttributeValues("COMTRADE/"), acsi_files.RenameFile("readme.txt", "other.txt"),
        acsi_files.SetFile("new.txt", b"12345"), acsi_files.DeleteFile("other.txt"),
        acsi.DeleteDataSet(ref("LLN0.made")), acsi.DeleteDataSet(ref("LLN0.Meas")),
    ]  # fmt: skip


def acsi_bits(value: int, size: int) -> Any:
    from janusgrid.iec61850.acsi.types import BitString

    return BitString(value, size)


def acsi_time() -> Any:
    from janusgrid.iec61850.acsi.types import Timestamp

    return Timestamp.of(START + timedelta(seconds=20))


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    coroutine.close()
    raise AssertionError("it waits")


def recordings() -> list[bytes]:
    """Return the PDUs of real peers, as far as the reference data is beside the checkout."""
    found = []
    if SHARED.is_dir():
        found += [octets for _, octets in vectors(SHARED / "mms-vectors")]
        found += capture(SHARED / "pcap" / "Sample_File_MMS_and_GOOSE.pcap")
    return found


def samples(root: Path) -> list[bytes]:
    """Return PDUs of every kind in BER: our own, and recorded ones."""
    world = World(root, random.Random(0))
    opening = [
        initiate.request(initiate.Limits()),
        initiate.accept(initiate.request(initiate.Limits())[1], initiate.Limits())[1],
    ]  # type: ignore[arg-type]
    own = [message for found in conversation(world) for message in found]
    return list(dict.fromkeys([encode_ber(message) for message in (*opening, *own)] + recordings()))


__all__ = ["World", "conversation", "decode_ber", "recordings", "requests", "run", "samples"]
