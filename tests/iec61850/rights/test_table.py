"""The table of rights: what a file has to be, and what is said of one that is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from janusgrid.common.errors import ConfigError, LocalError
from janusgrid.common.security.role import Role
from janusgrid.iec61850.acsi.references import FC, Reference
from janusgrid.iec61850.engine import Engine
from janusgrid.iec61850.mapping import permits
from janusgrid.iec61850.mapping.catalogue import Catalogue
from janusgrid.iec61850.mapping.server import MmsServer
from janusgrid.iec61850.mapping.wire import Parameters
from janusgrid.iec61850.rights import Doorkeeper, Rights, ServiceKind
from janusgrid.iec61850.rights.asked import ASKED
from janusgrid.iec61850.server import Folder

from tests.iec61850.plant import plant
from tests.iec61850.wires import START, Ber

READ, WRITE = ServiceKind.GET_DATA_VALUES, ServiceKind.SET_DATA_VALUES
SMALL = """
roles:
  GUARD: {number: -1, rights: [VIEW, READ]}
services:
  GetDirectory: VIEW
constraints:
  ST: {read: READ}
  SP: {read: READ, write: CONFIG}
"""


def load(tmp_path: Path, text: str) -> Rights:
    file = tmp_path / "rights.yaml"
    file.write_text(text)
    return Rights.load(file)


def test_ours_has_the_roles_of_the_standard() -> None:
    assert {name: entry.number for name, entry in Rights.load().entries.roles.items()} == {
        role.name: role.value for role in Role
    }


def test_one_of_ones_own(tmp_path: Path) -> None:
    rights = load(tmp_path, SMALL)
    assert rights.authorize({-1}, READ, Reference.parse("LD/LN.DO", "ST"))
    assert rights.authorize({-1}, READ, Reference.parse("LD/LN.DO"), FC.SP)
    assert not rights.authorize({-1}, WRITE, fc=FC.SP)
    assert not rights.authorize({-1}, READ, fc=FC.MX)
    assert not rights.authorize({-1}, READ), "a whole node may have more than it may read"
    assert not rights.authorize({-1}, WRITE)
    assert not rights.authorize({-1}, ServiceKind.GET_FILE), "it does not stand there"
    assert not rights.authorize({Role.OPERATOR}, ServiceKind.GET_DIRECTORY), "no role of this table"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("number: -1", "number: 7", r":3:19: \$.roles.GUARD.number: a role of one's own has a number"),
        ("number: -1", "number: -32769", r":3:19: .* from -32768"),
        ("GUARD: {number: -1", "viewer: {number: 3", r":3:20: .*viewer is role 0"),
        ("services:", "  OTHER: {number: -1, rights: []}\nservices:", r":4:19: .*role -1 is GUARD already"),
        ("[VIEW, READ]", "[VIEW, REED]", r":3:38: .*expected one of 'VIEW', 'READ'"),
        ("[VIEW, READ]", "VIEW", r":3:31: .*expected a list"),
        ("GetDirectory: VIEW", "GetDirectory: LOOK", r":5:17: .*expected one of 'VIEW'"),
        ("GetDirectory: VIEW", "GetDirektory: VIEW", r":5:.*GetDirektory: "),
        ("GetDirectory: VIEW", "GetDataValues: READ", r":5:18: .*stands under constraints"),
        ("ST: {read: READ}", "ST: {read: READ, write: CONFIG}", r":7:27: .*nobody writes under ST"),
        ("ST: {read: READ}", "XX: {read: READ}", r":7:.*XX: "),
        ("ST: {read: READ}", "ST: {reed: READ}", r":7:8: .*did you mean 'read'"),
        ("constraints:", "constraint:", r":7?6?:1: .*did you mean 'constraints'"),
        ("roles:", "roles: {}\nrules:", r":3:1: .*did you mean 'roles'"),
        ("ST: {read", "SP: {read", r":8:3: .*given twice"),
    ],
)  # fmt: skip
def test_what_is_none(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in SMALL
    with pytest.raises(ConfigError) as found:
        load(tmp_path, SMALL.replace(old, new, 1))
    assert re.search(re.escape(str(tmp_path / "rights.yaml")) + said, str(found.value)), found.value


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        Rights.load(tmp_path / "none.yaml")


RIGHTS = Rights.load()


@given(
    st.frozensets(st.integers(-32768, 32767), max_size=4), st.sampled_from(ServiceKind), st.sampled_from((None, *FC))
)
@settings(max_examples=300, deadline=None)
def test_what_was_worked_out_is_what_is_decided(roles: frozenset[int], kind: ServiceKind, fc: FC | None) -> None:
    assert RIGHTS.access(roles).allows(kind, fc) == RIGHTS.authorize(roles, kind, fc=fc)
    assert len(RIGHTS._made) <= 2 ** len(Role), "nobody fills the memory with numbers of roles"


@pytest.mark.parametrize("role", Role)
def test_roles_by_themselves_and_together(role: Role) -> None:
    """More roles never allow less."""
    alone, together = RIGHTS.access([role]), RIGHTS.access(Role)
    assert alone.services <= together.services
    assert alone.readable <= together.readable
    assert alone.writable <= together.writable


def test_nothing_is_forgotten(tmp_path: Path) -> None:
    """Every service of the engine, and of the mapping, stands somewhere; what does not would be refused."""
    engine = Engine(plant(), START)
    engine.serve_files(Folder(tmp_path, writable=True))
    assert engine.services == ASKED.keys()
    server = MmsServer(Catalogue(engine), engine.associate("a"), Ber(), Parameters(65_000, 5, 5, 10))
    apart = {"write", "readJournal", "defineNamedVariableList", "deleteNamedVariableList", "obtainFile"}
    served = {*server._services, *apart}
    assert served == permits.NEEDED.keys() | permits.BY_ITEM
    assert set(permits.NEEDED.values()) == {*ServiceKind} - {READ, WRITE}
    assert set(RIGHTS.entries.services) == {*ServiceKind} - {READ, WRITE}


def test_anonymous_roles_have_to_be_known() -> None:
    with pytest.raises(LocalError, match="no role -4"):
        Doorkeeper(RIGHTS, "DG750", [0, -4])
