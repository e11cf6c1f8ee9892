"""The broker's addresses: RFC 7622, stringprep as in RFC 6122; slixmpp's own parser is the second opinion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.xmpp.broker.jid import BadJid, Jid, parse
from slixmpp.jid import JID, InvalidJID

# RFC 7622 clause 3.5 table 1 (those that stringprep allows too), and folding
GOOD = {
    "juliet@example.com": ("juliet", "example.com", ""),
    "juliet@example.com/foo": ("juliet", "example.com", "foo"),
    "juliet@example.com/foo bar": ("juliet", "example.com", "foo bar"),
    "juliet@example.com/foo@bar": ("juliet", "example.com", "foo@bar"),
    "foo\\20bar@example.com": ("foo\\20bar", "example.com", ""),
    "fussball@example.com": ("fussball", "example.com", ""),
    "fu\u00dfball@example.com": ("fussball", "example.com", ""),
    "\u03c0@example.com": ("\u03c0", "example.com", ""),
    "\u03a3@example.com/foo": ("\u03c3", "example.com", "foo"),
    "king@example.com/\u265a": ("king", "example.com", "\u265a"),
    "example.com": ("", "example.com", ""),
    "example.com/foobar": ("", "example.com", "foobar"),
    "a.example.com/b@example.net": ("", "a.example.com", "b@example.net"),
    "a/b@c/": ("", "a", "b@c/"),
    "DER1@Site.Example./R": ("der1", "site.example", "R"),
    "x@127.0.0.1/a/b": ("x", "127.0.0.1", "a/b"),
    "x@[::1]": ("x", "[::1]", ""),
    "u@b\u00fccher.example": ("u", "b\u00fccher.example", ""),
    "u@xn--bcher-kva.example": ("u", "b\u00fccher.example", ""),
    "u@\uff45xample": ("u", "example", ""),
}
# RFC 7622 clause 3.5 table 2, and what else must not pass
BAD = [
    '"juliet"@example.com',
    "foo bar@example.com",
    "juliet@example.com/ \u0000",
    "@example.com/",
    "henry\u2163\u0000@example.com",
    "\u265a\u0001@example.com",
    "juliet@",
    "/foobar",
    "",
    "@",
    "a@b@c",
    "a@b/",
    "a&b@c",
    "a'b@c",
    "a<b@c",
    "a:b@c",
    "a@-b.example",
    "a@b..example",
    "a@b c",
    "a@b\u00a0c",
    "a@xn--\u00fc",
    "a@xn--a",
    "a@" + "x" * 64 + ".example",
    "x" * 1024 + "@b",
    "a@b/" + "x" * 1024,
    "a@b/" + "\u00e9" * 512,
    "a\u200e@b",
    "a\ue000@b",
    "a\u0627b@c",
]


@pytest.mark.parametrize("text", GOOD)
def test_good_addresses(text):
    assert parse(text) == Jid(*GOOD[text])


@pytest.mark.parametrize("text", BAD)
def test_bad_addresses(text):
    with pytest.raises(BadJid) as bad:
        parse(text)
    assert bad.value.code == "jid-malformed"
    assert len(str(bad.value)) < 300


def test_parts():
    jid = parse("Ems@site.example/IEC")
    assert (jid.bare, jid.full, str(jid)) == ("ems@site.example", "ems@site.example/IEC", "ems@site.example/IEC")
    assert parse("site.example").bare == "site.example"


@given(st.text(max_size=30))
def test_anything_is_an_address_or_is_refused(text):
    try:
        jid = parse(text)
    except BadJid:
        return
    assert parse(jid.full) == jid


LOCAL = st.text(st.characters(codec="ascii", exclude_characters="/@\x7f", min_codepoint=33), min_size=1, max_size=8)


@given(
    LOCAL, st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters="\x7f"), min_size=1, max_size=8)
)
def test_ascii_addresses_agree_with_slixmpp(local, resource):
    text = f"{local}@site.example/{resource}"
    try:
        theirs = JID(text).full
    except InvalidJID:
        theirs = None
    try:
        ours = parse(text).full
    except BadJid:
        ours = None
    assert ours == theirs
