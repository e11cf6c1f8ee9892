"""The server of PyPI `iec61850`, serving peer.cid: rust_server.py FILE [CERTIFICATE KEY CA]. Runs until its input ends.

Each line on its input is a value for AnIn1. It takes no data sets, report control blocks and settings from the file:
they are registered here.
"""

import asyncio
import sys
from pathlib import Path

import iec61850

PEMS = [Path(name).read_bytes() for name in sys.argv[2:5]]
FIELDS = ["seq_num", "time_stamp", "reason", "data_set", "data_reference", "conf_rev"]


async def main() -> None:
    server = iec61850.IedServer.from_scl(sys.argv[1], ied_name="PEER")
    server.bind("127.0.0.1:0")
    server.max_connections = 32
    if len(sys.argv) > 2:
        certificate, key, ca = PEMS
        server.with_tls(certificate, key, client_ca_pem=ca)
    members = ["LD0/GGIO1.AnIn1.mag.f", "LD0/GGIO1.AnIn2.mag.f", "LD0/GGIO1.SPCSO1.stVal"]
    server.add_dataset("LLN0$Meas", members)
    for name in ("urcb01", "urcb02"):
        server.register_urcb(
            f"LD0/LLN0.{name}", dataset="LLN0$Meas", rpt_id="PEER/urcb",
            trg_ops=["data_changed", "integrity", "gi"], opt_flds=FIELDS,
        )  # fmt: skip
    server.on_write("LD0/GGIO1.Set1.setMag.f", lambda path, value: True)
    server.on_control(
        "LD0/GGIO1.SPCSO1", ctl_model="direct-normal",
        operate=lambda path, value, action: server.update_bool("LD0/GGIO1.SPCSO1.stVal", bool(value)),
    )  # fmt: skip
    async with server:
        print(server.bound_addr.rpartition(":")[2], flush=True)
        loop = asyncio.get_running_loop()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            server.update_float32("LD0/GGIO1.AnIn1.mag.f", float(line))


asyncio.run(main())
