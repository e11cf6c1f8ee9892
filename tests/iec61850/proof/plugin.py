"""The proof of services in a test run: `pytest --services FILE` writes which were really performed."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    help_ = "write to FILE which IEC 61850 services the tests have performed"
    parser.addoption("--services", metavar="FILE", type=Path, help=help_)


def pytest_configure(config: pytest.Config) -> None:
    path, options = config.getoption("services"), config.option
    if path is None:
        return
    from tests.iec61850.proof.gather import Gatherer, Proof  # other runs do without

    config.pluginmanager.register(Proof(), "services-proof")
    if not hasattr(config, "workerinput"):
        selected = options.keyword or options.markexpr or options.deselect or getattr(options, "lf", False)
        everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
        gatherer = Gatherer(path.resolve(), whole=everything and not selected)
        config.pluginmanager.register(gatherer, "services-gatherer")
