"""Addresses (RFC 7622), prepared with the stringprep profiles of RFC 6122 as Prosody and ejabberd do.

Two spellings of one address give the same `Jid`; what no address can contain is refused.
"""

from __future__ import annotations

import ipaddress
import re
import stringprep
import unicodedata
from collections.abc import Callable
from functools import lru_cache

import attrs

from ...errors import Malformed

MAX_PART = 1023
_PLAIN_LOCAL = re.compile(r"[a-z0-9._~!#$%*+,;=?^`{|}()\[\]\\-]+", re.ASCII)
_PLAIN_RESOURCE = re.compile(r"[!-~]([ -~]*[!-~])?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_PROHIBITED: tuple[Callable[[str], bool], ...] = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


class BadJid(Malformed):
    """A text that is not an XMPP address."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"{text[:80]!r} is not an XMPP address: {why}", code="jid-malformed")


@attrs.frozen(slots=True)
class Jid:
    """An address in its prepared form; `local` and `resource` are empty where the address has none."""

    local: str
    domain: str
    resource: str = ""

    @property
    def bare(self) -> str:
        """The address without its resource."""
        return f"{self.local}@{self.domain}" if self.local else self.domain

    @property
    def full(self) -> str:
        """The whole address."""
        return f"{self.bare}/{self.resource}" if self.resource else self.bare

    def __str__(self) -> str:
        return self.full


@lru_cache(maxsize=4096)
def parse(text: str) -> Jid:
    """Return the address that `text` writes; raise `BadJid`."""
    bare, slash, resource = text.partition("/")
    if slash and not resource:
        raise BadJid(text, "nothing after '/'")
    local, at, domain = bare.rpartition("@")
    if at and not local:
        raise BadJid(text, "nothing before '@'")
    return Jid(
        prepare_local(local) if at else "",
        prepare_domain(domain),
        prepare_resource(resource) if slash else "",
    )


def prepare_local(text: str) -> str:
    """Return `text` as the local part of an address (nodeprep); raise `BadJid`."""
    if _PLAIN_LOCAL.fullmatch(text) and len(text) <= MAX_PART:
        return text
    folded = "".join(stringprep.map_table_b2(c) for c in text if not stringprep.in_table_b1(c))
    prepared = _checked(text, unicodedata.ucd_3_2_0.normalize("NFKC", folded))
    if any(c in "\"&'/:<>@ " for c in prepared):
        raise BadJid(text, "the part before '@' contains a character that is not allowed there")
    return prepared


def prepare_resource(text: str) -> str:
    """Return `text` as the resource of an address (resourceprep); raise `BadJid`."""
    if _PLAIN_RESOURCE.fullmatch(text) and len(text) <= MAX_PART:
        return text
    mapped = "".join(c for c in text if not stringprep.in_table_b1(c))
    return _checked(text, unicodedata.ucd_3_2_0.normalize("NFKC", mapped))


def prepare_domain(text: str) -> str:
    """Return `text` as the domain of an address, in lower case, IDNs in Unicode; raise `BadJid`."""
    try:
        name = text.lower() if text.isascii() else text.encode("idna").decode("ascii").lower()
        name = name.removesuffix(".")
        if len(name) <= MAX_PART and all(_LABEL.fullmatch(label) for label in name.split(".")):
            return name.encode("ascii").decode("idna") if "xn--" in name else name
        return str(ipaddress.ip_address(name)) if ":" not in name else _ipv6(name)
    except ValueError:  # UnicodeError is one
        raise BadJid(text, "its domain is neither a host name nor an IP address") from None


def _ipv6(name: str) -> str:
    return f"[{ipaddress.IPv6Address(name.removeprefix('[').removesuffix(']'))}]"


def _checked(text: str, prepared: str) -> str:
    if not prepared or len(prepared.encode("utf-8", "surrogatepass")) > MAX_PART:
        raise BadJid(text, f"a part is empty or longer than {MAX_PART} bytes")
    if any(table(c) for c in prepared for table in _PROHIBITED):
        raise BadJid(text, "it contains a character that no address may contain")
    # Text from right to left may not be mixed with text from left to right (RFC 3454 clause 6).
    if any(stringprep.in_table_d1(c) for c in prepared) and (
        any(stringprep.in_table_d2(c) for c in prepared)
        or not (stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1]))
    ):
        raise BadJid(text, "it mixes directions of writing")
    return prepared
