"""A server of PyPI `iec61850` that does what it is told: rust_serves.py FILE [OPTION=VALUE ...].

Options: ca=, certificate=, key= (for TLS), capacity=ENTRIES of buffered reports, timeout=MILLISECONDS of selections.
Data sets and report control blocks are registered here, for it does not take them from the file. Commands are carried
out as `behave` says for each object, first as accepted; each is told of.
"""

import asyncio
import os
import sys
from pathlib import Path

from talk import say, serve_async, tell

import iec61850

OPTIONS = dict(part.split("=", 1) for part in sys.argv[2:])
TRIGGERS = ["data_changed", "quality_changed", "integrity", "gi"]
FIELDS = ["seq_num", "time_stamp", "reason", "data_set", "data_reference", "conf_rev", "buffer_overflow", "entry_id"]
MODELS = {
    "SwDir": "direct-normal", "SwSbo": "sbo-normal", "SwEnh": "direct-enhanced", "SwSel": "sbo-enhanced",
    "SwLater": "direct-normal", "SwLaterEnh": "sbo-enhanced", "Setpoint": "direct-enhanced",
}  # fmt: skip
behaviour: dict[str, tuple[str | None, str | None, float]] = {}

server = iec61850.IedServer.from_scl(sys.argv[1], ied_name="PEER")
server.bind("127.0.0.1:0")
server.max_connections = 32
if "ca" in OPTIONS:
    certificate, key, ca = (Path(OPTIONS[name]).read_bytes() for name in ("certificate", "key", "ca"))
    server.with_tls(certificate, key, client_ca_pem=ca)
server.add_dataset("LLN0$Meas", ["LD0/GGIO1.AnIn1.mag.f", "LD0/GGIO1.AnIn2.mag.f", "LD0/GGIO1.Ind1.stVal"])
for name in ("urcb01", "urcb02"):
    server.register_urcb(f"LD0/LLN0.{name}", dataset="LLN0$Meas", rpt_id="PEER/urcb", trg_ops=TRIGGERS, opt_flds=FIELDS)
for name in ("brcb01", "brcb02"):
    server.register_brcb(
        f"LD0/LLN0.{name}", dataset="LLN0$Meas", rpt_id="PEER/brcb", trg_ops=TRIGGERS, opt_flds=FIELDS,
        buffer_capacity=int(OPTIONS.get("capacity", 64)), with_resv_tms=True, with_owner=True,
    )  # fmt: skip


def refused(cause: str) -> iec61850.IedControlError:
    error = iec61850.IedControlError("as it was told")
    error.add_cause = cause
    return error


def check(path: str, value, action: dict) -> None:
    tell("command", {"object": path, "value": value, **action})
    cause = behaviour.get(path, (None, None, 0.0))[0]
    if cause:
        raise refused(cause)


async def operate(path: str, value, action: dict) -> None:
    _, cause, waits = behaviour.get(path, (None, None, 0.0))
    if waits:
        tell("executing", path)
    await asyncio.sleep(waits)
    if cause:
        raise refused(cause)
    if not action["test"] and not path.endswith("Setpoint"):
        server.update_bool(f"{path}.stVal", bool(value))
    tell("operated", [path, value, action["test"]])


def behave(path: str, check: str | None = None, outcome: str | None = None, waits: float = 0.0) -> None:
    """Say how an object answers: with which additional cause its check and its execution fail, if they do."""
    behaviour[path] = check, outcome, waits


def update(path: str, value) -> None:
    kind = "bool" if isinstance(value, bool) else "float32" if isinstance(value, float) else "int32"
    getattr(server, f"update_{kind}")(path, value)


async def main() -> None:
    for name, model in MODELS.items():
        server.on_control(
            f"LD0/CSWI1.{name}", ctl_model=model, check=check, operate=operate,
            sbo_timeout_ms=int(OPTIONS.get("timeout", 5000)),
        )  # fmt: skip
    server.register_setting_group_handler(
        "LD0",
        on_act_sg=lambda group, _: tell("activate", group) or True,
        on_edit_sg=lambda group, _: tell("edit", group) or True,
        on_confirm=lambda group, _: tell("confirm", [group]),
    )
    async with server:
        say(port=int(server.bound_addr.rpartition(":")[2]))
        await serve_async(
            {"behave": behave, "update": update, "groups": lambda: server.get_setting_group_info("LD0")}, ()
        )


asyncio.run(main())
os._exit(0)
