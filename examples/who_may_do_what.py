"""A server that lets each client do what its certificate says it may be, and writes down who wanted more."""

import asyncio
import logging
import tempfile
from pathlib import Path

from janusgrid.common.security.authority import Authority
from janusgrid.common.security.role import Role
from janusgrid.common.security.roles import Grant
from janusgrid.iec61850 import Server, build, connect
from janusgrid.iec61850.acsi.errors import ServiceRefused
from janusgrid.iec61850.rights import Rights
from janusgrid.iec61850.scsm81 import tls

SETPOINT, POWER = "PLANTDER/DWGC1.WSpt", "PLANTDER/MMXU1.TotW"


async def main(folder: Path) -> None:
    logging.getLogger("janusgrid.audit").addHandler(logging.FileHandler(folder / "audit.log"))
    lab = Authority.make(folder)
    lab.issue("plant", hosts=["localhost"])
    lab.issue("screen", roles=[Grant((Role.VIEWER,))])
    lab.issue("desk", roles=[Grant((Role.OPERATOR,), area="north")])

    def files(name: str) -> tuple[Path, Path, Path]:
        return lab.certificate, folder / f"{name}.pem", folder / f"{name}.key"

    model = (
        build("PLANT")
        .device("DER")
        .node("MMXU1", "TotW")
        .node("DWGC1", "WSpt", control={"WSpt": "direct-with-normal-security"})
        .model()
    )
    async with Server(model, rights=Rights.load()) as server:

        @server.on_operate(SETPOINT)
        async def set_power(command: object) -> None:
            """Whoever comes as far as this may operate."""

        listener = await server.start_tcp(port=0, tls=tls.server_context(*files("plant")), area="north")
        server.update(POWER, 300.0)
        for name in ("screen", "desk"):
            target = f"tcp://localhost:{listener.port}"
            async with connect(target, tls=tls.client_context(*files(name))) as ied:
                print(f"{name} reads", await ied.read(f"{POWER}.mag.f"))
                try:
                    await ied.control(SETPOINT).operate(60.0)
                    print(f"{name} sets it to", server.read(SETPOINT))
                except ServiceRefused as refused:
                    print(f"{name} is refused: {refused.code}, {refused.add_cause.text}")
    print("audit:", (folder / "audit.log").read_text().partition("): ")[2], end="")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as lab:
        asyncio.run(main(Path(lab)))
