"""An account in a file: what is written is what is read, for nobody else's eyes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.common.xmpp.login import Login

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(password=texts, port=st.one_of(st.none(), st.integers(1, 65535)), peers=st.lists(texts).map(tuple))
def test_what_is_written_is_read(
    password: str, port: int | None, peers: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "login.yaml"
    login = Login("a@b.example/IEC", password, "::1", port, path.parent / "deeper" / "ca.pem", peers)
    login.save(path)
    assert Login.load(path) == login


def test_what_is_not_given_is_left_to_the_system(tmp_path: Path) -> None:
    path = tmp_path / "login.yaml"
    path.write_text("jid: a@b.example/IEC\npassword: secret\n")
    assert Login.load(path) == Login("a@b.example/IEC", "secret")


def test_only_the_owner_reads_it_whatever_was_there(tmp_path: Path) -> None:
    path, other = tmp_path / "login.yaml", tmp_path / "other"
    other.write_text("not ours")
    other.chmod(0o644)
    path.symlink_to(other)
    before = os.umask(0)
    try:
        Login("a@b.example", "secret").save(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    assert other.read_text() == "not ours"


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(Login("a@b.example", "secret"))


def test_a_file_that_is_wrong_is_refused_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "login.yaml"
    path.write_text("jid: a@b.example\npasword: secret\n")
    with pytest.raises(ConfigError, match="password") as caught:
        Login.load(path)
    assert caught.value.where is not None
    assert caught.value.where.startswith(f"{path}:")
    with pytest.raises(ConfigError, match="cannot read"):
        Login.load(tmp_path / "absent.yaml")
    with pytest.raises(LocalError, match="cannot write"):
        Login("a@b.example", "secret").save(tmp_path / "absent" / "login.yaml")


async def test_its_session_lets_the_peers_see_it() -> None:
    login = Login("a@b.example", "secret", "127.0.0.1", 5222, None, ("EMS@b.example",))
    session = login.session(resume=False)
    assert session.jid == "a@b.example"
    assert session._peers._allow("ems@b.example")
    assert not session._peers._allow("mallory@b.example")


def test_a_certificate_may_stand_for_the_password(tmp_path: Path) -> None:
    path = tmp_path / "login.yaml"
    login = Login("a@b.example", None, certificate=(tmp_path / "a.pem", tmp_path / "keys" / "a.key"))
    login.save(path)
    assert Login.load(path) == login
    path.write_text("jid: a@b.example\n")
    with pytest.raises(ConfigError, match="a password, or certificate and key"):
        Login.load(path)
    path.write_text("jid: a@b.example\ncertificate: a.pem\n")
    with pytest.raises(ConfigError, match="belong together"):
        Login.load(path)
