"""Read an SCL file, see what is wrong with it, and look into the model."""

import sys

from janusgrid.iec61850.acsi.references import Reference
from janusgrid.iec61850.model.nodes import Attribute
from janusgrid.iec61850.scl import SclError, describe, read

try:
    loaded = read(sys.argv[1])  # several servers in the file: ied="DG750", access_point="XMPP"
except SclError as error:
    sys.exit(f"no model: {error}")

for diagnostic in loaded.diagnostics:
    print(diagnostic)
print(describe(loaded.model))

for text in sys.argv[2:]:
    found = loaded.model.find(Reference.parse(text))
    if isinstance(found, Attribute):
        print(f"{text} is {found.value}, {'settable' if found.settable else 'read only'}")
    else:
        print(f"{text} is no attribute of this server")
