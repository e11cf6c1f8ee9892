"""The client of PyPI `iec61850` asks a server with the model of peer.cid for all it can.

rust_client.py PORT [CA CERTIFICATE KEY]; prints what it found as a JSON object.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import iec61850
from iec61850 import FC, AcsiClass, ControlModel, IedConnection, RcbWriteMask

PEMS = [Path(name).read_bytes() for name in sys.argv[2:5]]
found: dict[str, object] = {}


async def attempt(name: str, what) -> object:
    try:
        found[name] = await what
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"
    return found[name]


async def main() -> None:
    port = sys.argv[1]
    if len(sys.argv) > 2:
        ca, certificate, key = PEMS
        tls = iec61850.TlsConfig(ca_pem=ca, client_cert_pem=certificate, client_key_pem=key)
        ied = await IedConnection.connect_tls(f"127.0.0.1:{port}", tls, "localhost")
    else:
        ied = await IedConnection.connect(f"127.0.0.1:{port}")
    await attempt("devices", ied.get_server_directory())
    await attempt("nodes", ied.get_logical_device_directory("PEERLD0"))
    await attempt("data", ied.get_logical_node_directory("PEERLD0/GGIO1", AcsiClass("DO")))
    await attempt("data sets", ied.get_logical_node_directory("PEERLD0/LLN0", AcsiClass("DS")))
    await attempt("report blocks", ied.get_logical_node_directory("PEERLD0/LLN0", AcsiClass("RP")))
    await attempt("directory", ied.get_data_directory("PEERLD0/GGIO1.AnIn1"))
    specification = await attempt("definition", ied.get_variable_specification("PEERLD0/GGIO1.AnIn1", FC.MX))
    found["definition"] = [part["name"] for part in specification["components"]]
    await attempt("float", ied.read_float("PEERLD0/GGIO1.AnIn1.mag.f", FC.MX))
    await attempt("setting", ied.read_float("PEERLD0/GGIO1.Set1.setMag.f", FC.SP))
    await attempt("write", ied.write_float("PEERLD0/GGIO1.Set1.setMag.f", FC.SP, 2.5))
    await attempt("written", ied.read_float("PEERLD0/GGIO1.Set1.setMag.f", FC.SP))
    await attempt("write refused", ied.write_float("PEERLD0/GGIO1.AnIn1.mag.f", FC.MX, 2.5))
    await attempt("read refused", ied.read_float("PEERLD0/GGIO1.Nothing.mag.f", FC.MX))
    several = [("PEERLD0/GGIO1.AnIn1.mag.f", FC.MX), ("PEERLD0/GGIO1.SPCSO1.stVal", FC.ST)]
    await attempt("several", ied.read_multiple(several))
    members = await ied.get_data_set_directory("PEERLD0/LLN0.Meas")
    found["members"] = [f"{member.object_ref}[{member.fc}]" for member in members.members]
    await attempt("data set", ied.get_data_set_values("PEERLD0/LLN0.Meas"))
    await reports(ied)
    await control(ied)
    found["abort and again"] = await abort(port) if len(sys.argv) == 2 else "over"
    await ied.disconnect()
    found["connected"] = ied.is_connected
    print(json.dumps(found, default=str), flush=True)
    os._exit(0)  # the native module now and then crashes when the interpreter takes itself down


async def reports(ied: IedConnection) -> None:
    name = "PEERLD0/LLN0.RP.urcb01"
    block = await ied.get_rcb_values(name)
    found["report block"] = [block.rpt_id, block.dataset, block.conf_rev]
    arrived: list[list[object]] = []

    def arrive(report: iec61850.ClientReport) -> None:
        arrived.append([report.sequence_number, [[entry.ref, entry.value] for entry in report.entries]])

    await ied.install_report_handler(name, arrive, rpt_id=block.rpt_id)
    block.rpt_ena = True
    await ied.set_rcb_values(block, RcbWriteMask.fields("rpt_ena"))
    await ied.trigger_gi(name)
    for _ in range(50):
        await ied.poll_reports(100)
        if len(arrived) >= 3:
            break
    block.rpt_ena = False
    await ied.set_rcb_values(block, RcbWriteMask.fields("rpt_ena"))
    found["reports"] = arrived


async def control(ied: IedConnection) -> None:
    for name in ("SPCSO1", "SPCSO2"):
        control = ied.create_control_object(f"PEERLD0/GGIO1.{name}", ControlModel("direct-normal"))
        outcome = await attempt(f"operate {name}", control.operate(True))
        found[f"operate {name}"] = str(outcome)
    await attempt("status", ied.read_bool("PEERLD0/GGIO1.SPCSO1.stVal", FC.ST))


async def abort(port: str) -> list[str]:
    other = await IedConnection.connect(f"127.0.0.1:{port}")
    await other.abort()
    again = await IedConnection.connect(f"127.0.0.1:{port}")
    devices = await again.get_server_directory()
    await again.disconnect()
    return devices


asyncio.run(main())
