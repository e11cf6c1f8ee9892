"""The report page: everything in one file, for readers of every kind, and pictures beside it."""

from __future__ import annotations

import builtins
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import pytest
from janusgrid.common.errors import LocalError
from janusgrid.ems.report import Record, write
from janusgrid.ems.report.plots import moments, pictures
from janusgrid.ems.report.style import ROLES

from .records import at, record

PNG = b"\x89PNG\r\n\x1a\n"
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Reader(HTMLParser):
    """Reads a page as a browser would, and minds that what is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report") / "new"
    write(record(), folder)
    return folder


@pytest.fixture(scope="module")
def read(folder: Path) -> Reader:
    reader = Reader()
    reader.feed((folder / "index.html").read_text(encoding="utf-8"))
    assert reader.open == []
    return reader


def test_the_page_and_a_bitmap_of_each_picture_are_written(folder: Path) -> None:
    assert {path.name for path in folder.iterdir()} == {
        "index.html", "power.png", "devices.png", "charge.png", "rates.png",
    }  # fmt: skip
    assert all(path.read_bytes().startswith(PNG) for path in folder.glob("*.png"))


def test_the_page_needs_nothing_from_elsewhere(folder: Path, read: Reader) -> None:
    names = {"href", "src", "xlink:href"}
    wanted = [value for _, found in read.tags for name, value in found.items() if name in names]
    assert wanted
    assert all(value is not None and value.startswith("#") for value in wanted)
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))
    assert not {tag for tag, _ in read.tags} & {"script", "link", "img"}


def test_each_picture_says_in_words_what_is_seen(read: Reader) -> None:
    drawn = [found for tag, found in read.tags if tag == "svg"]
    ids = [found["id"] for _, found in read.tags if found.get("id")]
    assert len(drawn) == 4
    for found in drawn:
        assert found["role"] == "img"
        assert all(name in ids for name in str(found["aria-labelledby"]).split())
    assert any("ESS9, at the end 50 %" in text for text in read.text)


def test_the_colours_are_those_of_the_reader(folder: Path) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert not [mark for mark, _, _ in ROLES.values() if mark in text]
    body = text[text.index("<body>") :]
    assert set(re.findall(r"var\(--(\w+)\)", body)) <= set(ROLES)
    assert not re.findall(r"(?:fill|stroke): #(?!000000|ffffff)", body), "a colour that no theme changes"


def test_what_is_told_is_what_the_record_says(read: Reader) -> None:
    text = " ".join(read.text)
    assert "T0: <a battery> fails" in text
    assert "does not hold: events & all" in text
    assert "Both averages differ by 0.0010 percentage points" in text
    assert "50.00 %, 1 not known" in text
    assert "08:03:06" in text
    for word in ("efficiency", "fitted", "A note.", "90.2", "pass", "fail"):
        assert word in text


def test_events_of_one_instant_have_one_number() -> None:
    assert [(when, len(found)) for when, found in moments(record())] == [(at(0), 2), (at(3), 1), (at(3.1), 1)]


def test_the_same_record_gives_the_same_picture() -> None:
    found = record()
    for picture in pictures(found)[:1]:
        assert picture.svg(found) == picture.svg(found)


@pytest.mark.parametrize("devices", [1, 2])
def test_a_site_may_be_without_storage_or_table(devices: int, tmp_path: Path) -> None:
    bare: Record = attrs.evolve(
        record(), devices=record().devices[:devices], table=(), events=(), checks=(), parameters=(), notes=()
    )
    page, *_ = write(bare, tmp_path)
    assert "Acceptance" not in page.read_text(encoding="utf-8")


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *args, **options)

    monkeypatch.delitem(sys.modules, "janusgrid.ems.report.plots", raising=False)
    monkeypatch.delattr("janusgrid.ems.report.plots", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(LocalError, match=r"needs 'matplotlib': pip install 'janusgrid\[report\]'"):
        write(record(), tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match="the report cannot be written"):
        write(record(), tmp_path / "file")
