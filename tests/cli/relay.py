"""The CID file of a small relay that has something for every command of `janusgrid ied`."""

from __future__ import annotations

from pathlib import Path

from janusgrid.iec61850 import build, write_cid


def write_relay(path: Path) -> Path:
    """Write it to a file; return the file."""
    model = (
        build("R1")
        .address(JID="relay@grid.test/IEC")
        .device("LD0")
        .node("MMXU1", "TotW")
        .node("CSWI1", control={"Pos": "sbo-with-enhanced-security"})
        .node("GGIO1", "SPCSO1", control={"SPCSO1": "direct-with-normal-security"})
        .node("PTUV1", "StrVal", "OpDlTmms", grouped=["StrVal", "OpDlTmms"])
        .node("DGEN1", "WMax")
        .node("LTMS1", "TmSyn")
        .setting_groups(3)
        .value("PTUV1.StrVal.setMag.f", {1: 70, 2: 80, 3: 90})
        .data_set("Meas", "MMXU1.TotW", "GGIO1.SPCSO1")
        .report("urcbMeas", "Meas")
        .report("brcbMeas", "Meas", buffered=True)
        .model()
    )
    write_cid(model, path)
    return path
