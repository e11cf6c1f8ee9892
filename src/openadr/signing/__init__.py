"""Signed messages: what a signature of OpenADR has to cover, who may have made it, and when.

    signing = Signing(Credentials("vtn.pem", "vtn.key", "authorities.pem"))
    vtn = Vtn("utility", transport, parties=[…], signing=signing)

Everything that reads a library of cryptography is loaded when a `Notary` is made, not before.
"""

from .options import Signing
from .replay import ReplayGuard, ReplayProtect
from .unproved import Unproved

__all__ = ["Signing", "ReplayGuard", "ReplayProtect", "Unproved"]
