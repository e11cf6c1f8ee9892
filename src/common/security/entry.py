"""How messages are signed, as configurations of programs and sites have it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import attrs

from .fingerprint import is_fingerprint
from .tls import Credentials

_FILES = ("certificate", "key", "authorities", "revoked")


@attrs.frozen(slots=True)
class SigningEntry:
    """Signed messages, as it is written.

    Attributes:
        certificate, key, authorities, revoked: PEM files, beside the configuration.
        mode: `required`, everything has to be signed, also before that was agreed; `accepted`, ours is signed, and
            others' where that was agreed; `off`, nothing is, as if none of this were written.
        signers: fingerprints of the certificates that the VTN signs with.
        certificates: PEM files of peers that send only their key along.
        past, future: how far the time in a signature may be from ours.
        sha1: whether signatures with SHA-1 are taken too.
        inclusive: whether to canonicalise inclusively when signing.
    """

    certificate: str
    key: str
    authorities: str | None = None
    revoked: str | None = None
    mode: Literal["required", "accepted", "off"] = "accepted"
    signers: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    past: timedelta = timedelta(seconds=60)
    future: timedelta = timedelta(seconds=10)
    sha1: bool = False
    inclusive: bool = False

    def check(self, folder: Path, complain: Callable[..., None], *trail: str | int) -> None:
        """Complain (of a reason, and the trail to it) of absent files, signers that are none, and times that cannot be.

        Of what is `off` nothing is said.
        """
        if self.mode == "off":
            return
        named: list[tuple[str | None, tuple[str | int, ...]]] = [(getattr(self, name), (name,)) for name in _FILES]
        named += [(name, ("certificates", index)) for index, name in enumerate(self.certificates)]
        for file, place in named:
            if file is not None and not (folder / file).is_file():
                complain(f"there is no file {file!r} beside the configuration", *trail, *place)
        for index, signer in enumerate(self.signers):
            if not is_fingerprint(signer):
                complain(f"{signer!r} is no fingerprint (ten octets, AA:BB:…)", *trail, "signers", index)
        for field in ("past", "future"):
            if getattr(self, field) <= timedelta():
                complain("is longer than no time", *trail, field)

    def beside(self, folder: Path) -> SigningEntry:
        """Return it with the files where they are, in this folder."""
        files: dict[str, Any] = {
            name: str(folder / file) for name in _FILES if (file := getattr(self, name)) is not None
        }
        return attrs.evolve(self, **files, certificates=tuple(str(folder / file) for file in self.certificates))

    @property
    def credentials(self) -> Credentials:
        """Our certificate and key, and whom we trust; of an entry that is `beside` its files."""
        return Credentials(self.certificate, self.key, self.authorities, self.revoked)
