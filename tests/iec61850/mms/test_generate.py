"""What is made from the ASN.1 module is up to date, and nothing of the making is needed at run time."""

from __future__ import annotations

import subprocess
import sys
from enum import IntEnum

import pytest
from janusgrid.iec61850.mms import generate, pdu, tree
from janusgrid.iec61850.mms.names import class_name, field_name


def test_everything_derived_is_up_to_date() -> None:
    stale = [path.name for path, text in generate.generated().items() if path.read_text("utf-8") != text]
    assert not stale, f"run python -m janusgrid.iec61850.mms.generate for {stale}"


def test_check_names_what_is_stale_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: object
) -> None:
    fresh = generate.generated()
    (path, text), *_ = fresh.items()
    monkeypatch.setattr(generate, "generated", lambda: fresh | {path: text + "changed"})
    assert generate.main(["--check"]) == 1
    assert capsys.readouterr().out == f"{path.name} is out of date\n"
    assert path.read_text("utf-8") == text
    monkeypatch.setattr(generate, "generated", lambda: fresh)
    assert generate.main(["--check"]) == 0


def test_run_time_needs_neither_the_parser_nor_an_xml_library() -> None:
    code = "import sys, janusgrid.iec61850.mms; print({'asn1tools', 'lxml', 'pyparsing'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"


def test_the_tree_is_the_module() -> None:
    types = tree.load()
    assert set(types) == set(tree.build(generate.parse(generate.resource(generate.SOURCE))))
    assert [c.tag for c in types["MMSpdu"].components] == list(range(14))
    assert types["FileDirectory-Response"].components[0].identifiers == (0xA0, 0x30)
    assert types["ConfirmedServiceRequest"].components[-1].identifiers == (0xBF4D,)
    assert types["Data"].components[0].type.item is types["Data"]


@pytest.mark.parametrize(
    ("name", "python"),
    [("Confirmed-RequestPDU", "ConfirmedRequestPDU"), ("MMSpdu", "MMSpdu"), ("EC-State", "ECState")],
)
def test_names_of_classes(name: str, python: str) -> None:
    assert class_name(tree.load()[name]) == python
    assert hasattr(pdu, python)


def test_names_of_fields() -> None:
    request = tree.load()["InitRequestDetail"].components
    assert [field_name(c) for c in request] == [
        "proposed_version_number",
        "proposed_parameter_cbb",
        "services_supported_calling",
    ]


def test_codes_are_enumerations_and_fields_take_them() -> None:
    assert issubclass(pdu.DataAccessError, IntEnum)
    assert pdu.DataAccessError.OBJECT_NON_EXISTENT == 10
    assert pdu.ServiceSupportOptions.FILE_DIRECTORY == 77
    assert pdu.AccessError.__doc__ == "Codes of error class access."
