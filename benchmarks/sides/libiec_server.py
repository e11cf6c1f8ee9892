"""The server of PyPI `pyiec61850-ng` (libiec61850), with the model built in code: libiec_server.py.

Each line on its input asks for that many rounds of changes.
"""

from __future__ import annotations

import os
import socket
import sys

import plant
from pyiec61850 import pyiec61850 as lib

with socket.socket() as found:
    found.bind(("127.0.0.1", 0))
    PORT = found.getsockname()[1]

model = lib.IedModel_create(plant.IED)
device = lib.LogicalDevice_create("LD0", model)
lln0 = lib.LogicalNode_create("LLN0", device)
lib.CDC_ENS_create("Beh", lib.toModelNode(lln0), 0)
ggio = lib.LogicalNode_create("GGIO1", device)
lib.CDC_ENS_create("Beh", lib.toModelNode(ggio), 0)
for number in range(1, plant.POINTS + 1):
    lib.CDC_MV_create(f"AnIn{number}", lib.toModelNode(ggio), 0, False)
lib.CDC_SPC_create("SPCSO1", lib.toModelNode(ggio), 0, lib.CDC_CTL_MODEL_DIRECT_NORMAL)
data_set = lib.DataSet_create("Meas", lln0)
for number in range(1, plant.MEMBERS + 1):
    lib.DataSetEntry_create(data_set, f"GGIO1$MX$AnIn{number}$mag$f", -1, None)
triggers = lib.TRG_OPT_DATA_CHANGED | lib.TRG_OPT_GI
fields = (
    lib.RPT_OPT_SEQ_NUM | lib.RPT_OPT_TIME_STAMP | lib.RPT_OPT_REASON_FOR_INCLUSION | lib.RPT_OPT_DATA_SET
)  # fmt: skip
for name, count in plant.wanted().items():
    buffered = name == plant.BUFFERED
    more = fields | (lib.RPT_OPT_ENTRY_ID if buffered else 0)
    for number in range(1, count + 1):
        lib.ReportControlBlock_create(
            f"{name}{number:02}", lln0, f"BENCH/{name}{number}", buffered, "Meas", 1, triggers, more, 0, 0
        )

server = lib.IedServer_create(model)
lib.IedServer_setLocalIpAddress(server, "127.0.0.1")
lib.IedServer_start(server, PORT)
if not lib.IedServer_isRunning(server):
    sys.exit("it does not run")
print(PORT, flush=True)
leaves = [
    lib.toDataAttribute(
        lib.IedModel_getModelNodeByShortObjectReference(model, reference.replace(plant.IED, "", 1))
    )
    for reference in plant.VALUES[: plant.MEMBERS]
]  # fmt: skip
value = 0.0
for line in sys.stdin:
    for _ in range(int(line)):
        value += 1.0
        lib.IedServer_lockDataModel(server)
        for leaf in leaves:
            lib.IedServer_updateFloatAttributeValue(server, leaf, value)
        lib.IedServer_unlockDataModel(server)
os._exit(0)
