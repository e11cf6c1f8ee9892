"""Drivers are found by their entry points; what is wrong with an installed one is said with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
from janusgrid.common.errors import ConfigError
from janusgrid.ems.drivers.port import find, installed


def install(folder: Path, package: str, name: str, value: str) -> None:
    """Install a package that has one driver, as an installer leaves it."""
    (place := folder / f"{package}-1.0.dist-info").mkdir()
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", "utf-8")
    (place / "entry_points.txt").write_text(f"[janusgrid.drivers]\n{name} = {value}\n", "utf-8")


def test_a_driver_of_another_package_is_found_and_its_faults_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "maker_dlms.py").write_text("import maker_cosem\n", "utf-8")
    (tmp_path / "maker_text.py").write_text("class TextDriver: ...\n", "utf-8")
    install(tmp_path, "maker_dlms", "dlms", "maker_dlms:Driver")
    install(tmp_path, "maker_text", "text", "maker_text:TextDriver")
    install(tmp_path, "maker_wrong", "wrong", "maker_text:TxtDriver")
    assert installed()["dlms"] == "maker_dlms 1.0"
    assert type(find("text")).__name__ == "TextDriver"
    with pytest.raises(ConfigError, match="'dlms' needs 'maker_cosem': install what maker_dlms depends on") as caught:
        find("dlms", "site.yaml:3")
    assert caught.value.where == "site.yaml:3"
    with pytest.raises(ConfigError, match="'maker_text:TxtDriver' of the driver 'wrong' names nothing that is there"):
        find("wrong")
    with pytest.raises(ConfigError, match=r"there is no driver 'txet'; installed are: .*text"):
        find("txet")
