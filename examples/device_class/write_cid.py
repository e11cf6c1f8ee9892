"""Writes the CID file of the fuel cell from its table, for the maker of the device and for clients of others."""

from pathlib import Path

from janusgrid.common.data.site import load_site
from janusgrid.iec61850.access import model_of_device
from janusgrid.iec61850.scl import write_cid

write_cid(model_of_device(load_site(Path("site.yaml")).device("FC1")), Path("FC1.cid"))
print("FC1.cid is written")
