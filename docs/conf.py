"""Sphinx configuration: MyST pages in four kinds, and the reference from docstrings."""

import itertools
from pathlib import Path

import janusgrid

project = "JanusGrid"
author = "The JanusGrid developers"
copyright = "2026, the JanusGrid developers"
release = janusgrid.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_generated"]
html_theme = "furo"
html_title = "JanusGrid"
toc_object_entries = False  # every page copies the whole tree of contents: with each method in it that takes minutes
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True
suppress_warnings = ["ref.python"]  # a short name such as datetime may be an attribute of several classes


def generate(app: object) -> None:
    """Write the pages that are made from code, so that none of them is typed by hand."""
    import logging
    import sys

    from janusgrid.common.data import memory, services
    from janusgrid.common.security.e2e import states
    from janusgrid.common.security.e2e.diagnostics import Reason
    from janusgrid.common.xmpp.broker.machine import MACHINE
    from janusgrid.ems import local
    from janusgrid.ems.drivers import kept, opcua
    from janusgrid.ems.reserve import alternatives, cases, parameters, phases
    from janusgrid.iec61850.access import DeviceAccess, ServerAccess
    from janusgrid.iec61850.conformance import statement
    from janusgrid.iec61850.engine.control_states import DIRECT, SELECT_BEFORE_OPERATE
    from janusgrid.iec61850.rights import Rights
    from janusgrid.iec61850.scsm81.stack import CALLED, CALLING
    from janusgrid.iec61850.scsm82 import secondhand
    from janusgrid.openadr.access import VenAccess, VtnAccess
    from janusgrid.openadr.conformance import statement as openadr_statement
    from janusgrid.openadr.core.ven import REGISTRATION
    from janusgrid.openadr.rules import NOT_PUBLIC, table
    from janusgrid.openadr.scenarios import library as scenarios

    sys.path.insert(0, str(Path(__file__).parents[1]))  # what a test run has proven is read by those who wrote it down
    from tests.iec61850.proof import page, results

    logging.getLogger("janusgrid").setLevel(logging.ERROR)  # a theme makes everything be logged
    folder = Path(__file__).parent / "_generated"
    folder.mkdir(exist_ok=True)
    protocols = {
        "IEC 61850 client": DeviceAccess.services,
        "IEC 61850 server, from inside": ServerAccess.services,
        "OpenADR VTN": VtnAccess.services,
        "OpenADR VEN": VenAccess.services,
    }
    others = {
        "OPC UA": opcua.OFFERED,
        "Modbus": kept.KEPT,
        "simulation": local.PlantAccess.services,
        "memory": memory.MemoryAccess(keep=1).services,
    }
    (folder / "common-services.md").write_text(services.table(protocols) + "\n")
    (folder / "common-services-others.md").write_text(services.table(others) + "\n")
    (folder / "broker-stream.md").write_text(MACHINE.table("markdown") + "\n")
    (folder / "openadr-rules.md").write_text(table() + "\n")
    (folder / "openadr-rules-unknown.md").write_text(", ".join(NOT_PUBLIC) + "\n")
    (folder / "control-direct.md").write_text(DIRECT.table("markdown") + "\n")
    (folder / "control-select.md").write_text(SELECT_BEFORE_OPERATE.table("markdown") + "\n")
    (folder / "ven-registration.md").write_text(REGISTRATION.table("markdown") + "\n")
    (folder / "scsm81-calling.md").write_text(CALLING.table("markdown") + "\n")
    (folder / "scsm81-called.md").write_text(CALLED.table("markdown") + "\n")
    (folder / "e2e-calling.md").write_text(states.CALLING.table("markdown") + "\n")
    (folder / "e2e-called.md").write_text(states.CALLED.table("markdown") + "\n")
    (folder / "e2e-reasons.md").write_text(_members(Reason))
    (folder / "reserve-spinning.md").write_text(phases.PLAIN.table("markdown") + "\n")
    (folder / "reserve-supplementary.md").write_text(phases.STAGED.table("markdown") + "\n")
    parts = [("spinning", parameters.SPINNING), ("supplementary", parameters.SUPPLEMENTARY)]
    parts += [("controller", parameters.REFERENCE), ("plant", cases.SPINNING_MACHINERY)]
    parts += [("plant, supplementary", cases.SUPPLEMENTARY_MACHINERY)]
    found = (figure for owner, holder in parts for figure in parameters.figures(owner, holder))
    (folder / "reserve-parameters.md").write_text(parameters.table(found) + "\n")
    (folder / "reserve-alternatives.md").write_text(alternatives.table() + "\n")
    _plots(folder)
    (folder / "second-hand.md").write_text(secondhand.table() + "\n")
    (folder / "rights.md").write_text(Rights.load().markdown() + "\n")
    (folder / "conformance.md").write_text(statement.markdown())
    (folder / "openadr-conformance.md").write_text(openadr_statement.markdown())
    for role in ("vtn", "ven"):
        (folder / f"openadr-scenarios-{role}.md").write_text(scenarios.table(role) + "\n")
    (folder / "services.md").write_text(page.page(results.Results.read(results.FILE)))


def _plots(folder: Path) -> None:
    """Draw reserve cases, which are run for it."""
    from datetime import timedelta

    from janusgrid.ems.demo.acceptance import EXPECTED
    from janusgrid.ems.report.plots import pictures
    from janusgrid.ems.report.reserve import of_result
    from janusgrid.ems.reserve.cases import case
    from janusgrid.ems.reserve.local import run_local

    for name, wanted in (("t17", {"power", "devices", "charge", "rates"}), ("t20", {"power"}), ("u20", {"power"})):
        record = of_result(run_local(case(name), every=timedelta(seconds=20)), EXPECTED[name].title)
        for picture in pictures(record):
            if picture.name in wanted:
                (folder / f"reserve-{name}-{picture.name}.svg").write_text(picture.file(record), encoding="utf-8")


def _members(kind: type) -> str:
    """Return the members of an enumeration as a table, with the texts that stand below them."""
    import ast
    import inspect

    (defined,) = ast.parse(inspect.getsource(kind)).body
    rows = ["| code | when |", "|---|---|"]
    for assigned, text in itertools.pairwise(defined.body):
        if isinstance(assigned, ast.Assign) and isinstance(text, ast.Expr):
            rows.append(f"| `{assigned.value.value}` | {text.value.value} |")
    return "\n".join(rows) + "\n"


def setup(app: object) -> None:
    """Connect to Sphinx."""
    app.connect("builder-inited", generate)  # type: ignore[attr-defined]
