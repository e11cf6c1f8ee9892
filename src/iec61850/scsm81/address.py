"""Whom an association is with: selectors of three layers, AP title and AE qualifier."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self

import attrs

from ...common.errors import LocalError
from .acse import Title

_MAX = {"tsel": 32, "ssel": 16, "psel": 16}
_TITLE = re.compile(r"[0-2](\.\d{1,10}){1,15}")


@attrs.frozen(slots=True)
class Address:
    """An application entity, as the layers below MMS address it.

    What is None is not sent, and not checked at a server. The defaults are what servers listen to that nobody has
    configured otherwise.

    Attributes:
        tsel, ssel, psel: selectors of transport, session and presentation.
        ap_title: dotted text.
        ae_qualifier: a number.
    """

    tsel: bytes | None = b"\0\1"
    ssel: bytes | None = b"\0\1"
    psel: bytes | None = b"\0\0\0\1"
    ap_title: str | None = "1.1.1.999.1"
    ae_qualifier: int | None = 12

    def __attrs_post_init__(self) -> None:
        for name, most in _MAX.items():
            if len(getattr(self, name) or b"") > most:
                raise LocalError(f"a {name} has at most {most} octets")
        first, second = (*(self.ap_title or "0").split("."), "0")[:2]
        if self.ap_title is not None and (not _TITLE.fullmatch(self.ap_title) or (first != "2" and int(second) > 39)):
            raise LocalError(f"{self.ap_title!r} is no AP title; it is numbers joined by dots: 1.1.1.999.1")

    @classmethod
    def from_scl(cls, texts: Mapping[str, str]) -> Self:
        """Return the address that an SCL file gives (P types OSI-TSEL to OSI-AE-Qualifier).

        What the file leaves open is None. Raises `LocalError` for a value that is none.
        """
        try:
            tsel, ssel, psel = (
                bytes.fromhex(texts[name]) if texts.get(name) else None for name in ("OSI-TSEL", "OSI-SSEL", "OSI-PSEL")
            )
            qualifier = int(texts["OSI-AE-Qualifier"]) if texts.get("OSI-AE-Qualifier") else None
        except ValueError:
            raise LocalError("selectors are hexadecimal and the AE qualifier is a number in SCL") from None
        title = re.sub(r"[,\s]+", ".", texts.get("OSI-AP-Title", "").strip()) or None
        return cls(tsel, ssel, psel, title, qualifier)

    @property
    def title(self) -> Title:
        """AP title and AE qualifier, as ACSE has them."""
        return Title(self.ap_title, self.ae_qualifier)


ANY = Address(None, None, None, None, None)
"""Sends nothing and takes everything."""
CALLER = Address(ap_title="1.1.1.999")
"""Who calls, where nothing else is said."""


def fits(asked: bytes | None, own: bytes | None) -> bool:
    """Return whether a selector is ours. One that is missing or empty, as old stacks send it, is."""
    return own is None or not asked or asked == own
