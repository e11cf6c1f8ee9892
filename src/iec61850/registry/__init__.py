"""A registry of DERs: devices register with nameplate and model, others find them there (plug and play).

IEC TR 61850-80-3 wants one in its use cases (tables A.6, A.8 and A.11) and leaves open how it is spoken to. The
messages are ours (`schemas/iec61850/registry.xsd`); what a device registers are attributes and a file of IEC 61850.

async with RegistryServer(session, devices=["plant.example"], readers=["ems@utility.example"]): ...

registration = await server.register(session, "registry@utility.example")

async with RegistryClient(session, "registry@utility.example") as registry:
    async for happening in registry.changes(): ...
"""

from .book import Limits
from .client import Registration, RegistryClient
from .entries import Device, Happening, Kind, Nameplate
from .plug import PlugAndPlay
from .server import RegistryServer
from .store import DatabaseStore

__all__ = [
    "RegistryServer",
    "RegistryClient",
    "Registration",
    "PlugAndPlay",
    "Device",
    "Nameplate",
    "Happening",
    "Kind",
    "Limits",
    "DatabaseStore",
]
