"""The page of a search, whatever state its folder is in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from html.parser import HTMLParser
from importlib import util
from pathlib import Path
from typing import Any

import pytest

from autonas_keras.__main__ import main
from autonas_keras.reporting import read_story, write_report
from autonas_keras.reporting.page import report_page
from tests.reporting.projects import HOSTILE, write_project

VOID = {"meta", "link", "img", "br"}
LOADED = {"src", "srcset", "action", "formaction", "data", "poster", "background"}


class Outline(HTMLParser):
    """Elements, their attributes and their text; fails where elements are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.texts)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: Any) -> None:
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" not in self.open and "style" not in self.open:
            self.texts.append(data)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    assert not found.open
    return found


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("large") / "search", 2000)


@pytest.fixture(scope="module")
def read_page(large: Path) -> tuple[Any, Any]:
    """The story of the large project, and its page as a parser sees it, which takes seconds."""
    story = read_story(large)
    return story, outline(report_page(story))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_project(tmp_path_factory.mktemp("hostile") / "<script>name", 40, hostile=True)


def test_a_project_of_two_thousand_trials_gives_a_page_of_five_megabytes_at_most(large: Path, tmp_path: Path) -> None:
    path = write_report(large, tmp_path / "new" / "search.html")
    assert path.stat().st_size <= 5_000_000
    found = outline(path.read_text())
    assert sum(tag == "tr" and "best" in (a.get("class") or "") for tag, a in found.elements) == 1
    for heading in (
        "The found network",
        "How the search went",
        "Trials",
        "Learning curves",
        "Trust",
        "Time",
        "Settings",
    ):
        assert heading in found.text


def test_the_page_tells_what_the_files_say(read_page: tuple[Any, Any]) -> None:
    story = read_page[0]
    best = max((t for t in story.trials if t.score is not None), key=lambda t: t.score or 0)
    text = read_page[1].text
    assert story.best is best and f"{best.score:.4f}" in text and f"{best.costs['params']:,.0f}" in text
    assert "50 of 2,000 trials" in text and "loss was nan" in text and "20 networks were judged by" in text
    assert "21 h 15 min" in text and "rank correlation is 0.9" in text


def test_markup_in_names_labels_and_messages_stays_text(hostile: Path) -> None:
    found = outline(report_page(read_story(hostile)))
    assert [tag for tag, _ in found.elements].count("script") == 1
    assert not any(tag == "img" for tag, _ in found.elements)
    assert not any(name.startswith("on") for _, attributes in found.elements for name in attributes)
    for place in (f"got {HOSTILE}", f"{HOSTILE}, dog", f"block{HOSTILE}/normal/node_2/op_1", "<script>name"):
        assert place in found.text


def test_the_page_asks_for_nothing(hostile: Path) -> None:
    page = report_page(read_story(hostile))
    for tag, attributes in outline(page).elements:
        assert not LOADED & set(attributes), tag
        assert tag != "a" or str(attributes["href"]).startswith("#")
        assert tag != "link" or attributes["href"] == "data:,"
    assert "url(" not in page and "@import" not in page


def test_links_labels_and_headings_belong_together(read_page: tuple[Any, Any]) -> None:
    elements = read_page[1].elements
    every = [attributes["id"] for _, attributes in elements if "id" in attributes]
    names = set(every)
    assert len(names) == len(every)
    for tag, attributes in elements:
        for target in [attributes.get("aria-labelledby"), str(attributes.get("href") or "").removeprefix("#")]:
            assert not target or target in names or tag == "link"
        if tag == "svg":
            assert "aria-label" in attributes or attributes.get("aria-hidden") == "true"
    headings = [int(tag[1]) for tag, _ in elements if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1 and all(after <= before + 1 for before, after in zip(headings, headings[1:], strict=False))


def test_an_empty_folder_gives_a_page(tmp_path: Path) -> None:
    assert "has not begun" in outline(report_page(read_story(tmp_path))).text


def test_whatever_file_is_half_written_the_rest_is_told(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "search", 6)
    files = [f for f in sorted(folder.rglob("*.json")) if f.parent == folder or f.parent.name == "trial_3"]
    for file in files:
        whole = file.read_text()
        for broken in (whole[: len(whole) // 2], "", "[]", "{}", "null", '{"a": [{}]}'):
            file.write_text(broken)
            outline(report_page(read_story(folder)))
        file.write_text(whole[: len(whole) // 2])
        assert str(file.relative_to(folder)) in outline(report_page(read_story(folder))).text
        file.write_text(whole)


@pytest.mark.parametrize(
    "content", [b"architecture,score\n\xff\xfe,0.5\n", b'architecture,score\n"a' + b"x" * 200_000], ids=["utf8", "torn"]
)
def test_a_table_of_architectures_that_cannot_be_read_costs_no_page(tmp_path: Path, content: bytes) -> None:
    folder = write_project(tmp_path / "search", 6)
    (folder / "search").mkdir(exist_ok=True)
    (folder / "search" / "inherited.csv").write_bytes(content)
    assert "search/inherited.csv" in outline(report_page(read_story(folder))).text


@pytest.mark.parametrize(
    ("name", "entry", "value"),
    [
        ("story.json", "phases", None),
        ("story.json", "spaces", {"a": None}),
        ("oracle.json", "end_order", None),
        ("oracle.json", "hyperparameters", {"space": None}),
    ],
)
def test_an_entry_of_another_type_costs_no_page(tmp_path: Path, name: str, entry: str, value: Any) -> None:
    folder = write_project(tmp_path / "search", 6)
    file = folder / name
    file.write_text(json.dumps({**(json.loads(file.read_text()) if file.exists() else {}), entry: value}))
    assert "6 trials" in outline(report_page(read_story(folder))).text


def test_files_that_are_missing_are_not_missed(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "search", 6)
    for file in sorted(folder.glob("*.json")):
        file.unlink()
        story = read_story(folder)
        outline(report_page(story))
        assert not story.problems and len(story.trials) == 6


def test_nothing_in_the_folder_changes(tmp_path: Path) -> None:
    folder = write_project(tmp_path / "search", 6)

    def state() -> dict[str, Any]:
        return {str(f): (f.stat().st_mtime_ns, f.stat().st_size) for f in sorted(folder.rglob("*"))}

    before = state()
    write_report(folder, tmp_path / "search.html")
    assert state() == before


def test_a_search_that_is_not_finished_is_told_so(tmp_path: Path) -> None:
    text = outline(report_page(read_story(write_project(tmp_path / "search", 6, finished=False)))).text
    assert "not finished" in text and "The network so far" in text and "Best of the trials so far" in text


def test_the_command_writes_the_page_and_names_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_project(tmp_path / "runs" / "digits", 3)
    monkeypatch.chdir(tmp_path)
    main(["report", "runs/digits"])
    page = (tmp_path / "digits.html").read_text()
    assert "<h1>digits</h1>" in page and "3 trials" in page and "Learning curves" in page
    main(["report", str(folder), "--output", "other.htm"])
    assert capsys.readouterr().out.split() == ["digits.html", "other.htm"]
    other = tmp_path / "other"
    other.mkdir()
    other.joinpath("notes.txt").write_text("mine")
    for arguments, words in (
        ([str(tmp_path / "no")], "folder of a search"),
        ([str(other)], "without project.json or oracle.json"),
        ([str(folder), "--output", "a.pdf"], ".html"),
        ([str(folder.parent)], "which holds digits; pass one of them"),
        ([str(folder), "--output", str(folder / "project.json" / "a.html")], "project.json"),
    ):
        with pytest.raises(SystemExit):
            main(["report", *arguments])
        assert words in capsys.readouterr().err


# In a browser


def browser_is_there() -> bool:
    """Whether the extra ``browser`` is installed; where the variable AUTONAS_BROWSER asks for it, it has to be."""
    if util.find_spec("PyQt6") is not None and util.find_spec("PyQt6.QtWebEngineWidgets") is not None:
        return True
    if os.environ.get("AUTONAS_BROWSER"):
        pytest.fail("AUTONAS_BROWSER asks for a browser, and there is none; pip install 'autonas-keras[browser]'")
    pytest.skip("no browser; pip install 'autonas-keras[browser]'")


def test_a_real_browser_opens_the_page_and_sorts_by_mouse_and_by_keyboard(large: Path, tmp_path: Path) -> None:
    browser_is_there()
    path = write_report(large, tmp_path / "search.html")
    start = time.monotonic()
    command = [sys.executable, str(Path(__file__).with_name("browser.py")), str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    seen = json.loads(ended.stdout.splitlines()[-1])
    assert time.monotonic() - start < 120 and seen["title"] == "search: architecture search"
    trials = {t.name: t for t in read_story(large).trials}
    scores = sorted((t.score for t in trials.values() if t.score is not None), reverse=True)
    assert [trials[name].score for name in seen["first"]["names"]] == scores[:20]
    params = sorted(t.costs["params"] for t in trials.values() if t.costs)
    assert [float(value) for value in seen["clicked"]["values"]] == params[:20]
    assert [float(value) for value in seen["clicked again"]["values"]] == params[::-1][:20]
    assert seen["clicked"]["sorts"] == ["none", "none", "ascending", "none", "none", "none", "none"]
    assert seen["clicked again"]["news"] == "Sorted by Parameters, descending."
    seconds = sorted(t.seconds for t in trials.values() if t.seconds is not None)
    assert seen["focus"] == "Seconds" and [float(value) for value in seen["by keyboard"]["values"]] == seconds[:20]
    assert seen["all"] == 2000 and seen["opened"] == "true"
    assert seen["requests"] == [path.as_uri()] and seen["console"] == []
    assert seen["phone"][0] <= seen["phone"][1]
