"""The server of PyPI `pyiec61850-ng` (libiec61850), with the model of peer.cid built in code.

libiec_server.py PORT; runs until its input ends. Each line on its input is a value for AnIn1.
"""

import sys

from pyiec61850 import pyiec61850 as lib

model = lib.IedModel_create("PEER")
device = lib.LogicalDevice_create("LD0", model)
lln0 = lib.LogicalNode_create("LLN0", device)
lib.CDC_ENS_create("Mod", lib.toModelNode(lln0), 0)
lib.CDC_ENS_create("Beh", lib.toModelNode(lln0), 0)
ggio = lib.LogicalNode_create("GGIO1", device)
lib.CDC_ENS_create("Beh", lib.toModelNode(ggio), 0)
for name in ("AnIn1", "AnIn2"):
    lib.CDC_MV_create(name, lib.toModelNode(ggio), 0, False)
lib.CDC_SPC_create("SPCSO1", lib.toModelNode(ggio), 0, lib.CDC_CTL_MODEL_DIRECT_NORMAL)
lib.CDC_SPC_create("SPCSO2", lib.toModelNode(ggio), 0, lib.CDC_CTL_MODEL_NONE)
lib.CDC_ASG_create("Set1", lib.toModelNode(ggio), 0, False)
data_set = lib.DataSet_create("Meas", lln0)
for item in ("GGIO1$MX$AnIn1$mag$f", "GGIO1$MX$AnIn2$mag$f", "GGIO1$ST$SPCSO1$stVal"):
    lib.DataSetEntry_create(data_set, item, -1, None)
triggers = lib.TRG_OPT_DATA_CHANGED | lib.TRG_OPT_INTEGRITY | lib.TRG_OPT_GI
fields = (
    lib.RPT_OPT_SEQ_NUM | lib.RPT_OPT_TIME_STAMP | lib.RPT_OPT_REASON_FOR_INCLUSION | lib.RPT_OPT_DATA_SET
    | lib.RPT_OPT_DATA_REFERENCE | lib.RPT_OPT_CONF_REV
)  # fmt: skip
for name in ("urcb01", "urcb02"):
    lib.ReportControlBlock_create(name, lln0, "PEER/urcb", False, "Meas", 1, triggers, fields, 0, 0)

server = lib.IedServer_create(model)
lib.IedServer_setLocalIpAddress(server, "127.0.0.1")
lib.IedServer_setWriteAccessPolicy(server, lib.IEC61850_FC_SP, lib.ACCESS_POLICY_ALLOW)
lib.IedServer_start(server, int(sys.argv[1]))
if not lib.IedServer_isRunning(server):
    sys.exit("it does not run")
print(sys.argv[1], flush=True)
value = lib.toDataAttribute(lib.IedModel_getModelNodeByShortObjectReference(model, "LD0/GGIO1.AnIn1.mag.f"))
for line in sys.stdin:
    lib.IedServer_lockDataModel(server)
    lib.IedServer_updateFloatAttributeValue(server, value, float(line))
    lib.IedServer_unlockDataModel(server)
lib.IedServer_stop(server)
lib.IedServer_destroy(server)
