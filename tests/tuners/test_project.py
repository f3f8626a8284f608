"""The folder of a search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from autokeras.tuners.greedy import Greedy

from autonas_keras.tasks import ImageClassifier
from autonas_keras.tuners import Project


def test_a_folder_remembers_what_it_was_claimed_for(tmp_path: Path) -> None:
    Project(tmp_path, "a").claim(seed=0, data={"samples": [3, 2]})
    again = Project(tmp_path, "a")
    again.claim(seed=0, fit={"epochs": 1})
    assert again.read() == {"seed": 0, "data": {"samples": [3, 2]}, "fit": {"epochs": 1}}


def test_a_folder_where_nothing_was_searched_belongs_to_the_last_who_asked(tmp_path: Path) -> None:
    Project(tmp_path, "a").claim(tuner={"name": "darts", "order": 1}, seed=0)
    Project(tmp_path, "a").claim(tuner={"name": "darts", "order": 2}, seed=1)
    assert Project(tmp_path, "a").read() == {"tuner": {"name": "darts", "order": 2}, "seed": 1}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"tuner": {"name": "darts", "order": 2}}, "with tuner.order = 1, got 2"),
        ({"tuner": {"name": "darts", "order": 1, "later": None}}, "with tuner.later = null, got null"),
        ({"seed": 1}, "with seed = 0, got 1"),
        ({"parts": [{"a": 1}, {"a": 3}]}, "with parts.a = 2, got 3"),
        ({"parts": [{"a": 1}]}, r"with parts = \[.*\], got"),
        ({"data": {"content": "b"}}, 'data.content = "a", got "b", which are other values, or in another order'),
    ],
)
def test_another_search_is_refused_by_what_differs(tmp_path: Path, facts: dict[str, Any], words: str) -> None:
    project = Project(tmp_path, "a")
    project.claim(data={"content": "a"}, tuner={"name": "darts", "order": 1}, seed=0, parts=[{"a": 1}, {"a": 2}])
    before = project.read()
    with pytest.raises(ValueError, match=words):
        project.claim(**facts)
    assert project.read() == before


def test_overwriting_removes_what_was_there(tmp_path: Path) -> None:
    Project(tmp_path, "a").claim(seed=0)
    (tmp_path / "a" / "best_model.keras").write_text("")
    assert Project(tmp_path, "a", overwrite=True).read() == {}
    assert not (tmp_path / "a" / "best_model.keras").exists()


def test_what_no_search_made_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    Project(tmp_path, "photos", overwrite=True)
    (tmp_path / "photos" / "a.jpg").write_text("")
    with pytest.raises(ValueError, match="Expected a search in .*photos, .* got a folder with a.jpg and no search"):
        Project(tmp_path, "photos", overwrite=True)
    assert (tmp_path / "photos" / "a.jpg").exists()
    with pytest.raises(ValueError, match="got a folder with a.jpg and no search"):
        ImageClassifier(tuner=Greedy, directory=tmp_path, project_name="photos", overwrite=True)
    assert (tmp_path / "photos" / "a.jpg").exists()


def test_a_removal_that_dies_leaves_a_folder_of_a_search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Project(tmp_path, "a").claim(seed=0)
    for name in ("search", "trial_0"):
        (tmp_path / "a" / name).mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda path: (_ for _ in ()).throw(OSError("died")))
        with pytest.raises(OSError, match="died"):
            Project(tmp_path, "a", overwrite=True)
    assert (tmp_path / "a" / "project.json").exists()
    Project(tmp_path, "a", overwrite=True)
    assert not list((tmp_path / "a").iterdir())
    (tmp_path / "a" / ".project.json.half").write_text("{")
    Project(tmp_path, "a", overwrite=True)


@pytest.mark.parametrize("name", ["", ".", "..", "a/../..", "/a"])
def test_a_project_lies_within_its_directory(tmp_path: Path, name: str) -> None:
    Project(tmp_path, "a").claim(seed=0)
    with pytest.raises(ValueError, match="Expected project_name to be the name of a folder within directory, got '"):
        Project(tmp_path / "b", name, overwrite=True)
    assert (tmp_path / "a" / "project.json").exists() and not (tmp_path / "b").exists()


@pytest.mark.parametrize("name", ["oracle.json", "tuner0.json", "graph"])
def test_folders_of_the_hosts_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).write_text("{}")
    with pytest.raises(ValueError, match=f"got a folder with {name}"):
        Project(tmp_path, "a")


def test_a_folder_under_a_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Expected a directory with room that can be written, got .*a"):
        Project(tmp_path / "file", "a")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(28, "No space left on device"), True),
        (RuntimeError("state.index; No space left on device"), True),
        (FileNotFoundError(2, "No such file"), False),
        (ValueError("another matter"), False),
    ],
)
def test_errors_of_a_full_disk_are_told_from_others(tmp_path: Path, error: Exception, told: bool) -> None:
    project = Project(tmp_path, "a")
    words = "Expected a directory with room" if told else str(error.args[-1])
    with pytest.raises(OSError if told else type(error), match=words), project.writing():
        raise error


def test_errors_of_files_elsewhere_are_told_as_they_are(tmp_path: Path) -> None:
    project = Project(tmp_path, "a")
    with pytest.raises(PermissionError, match="denied"), project.writing():
        raise PermissionError(13, "denied", str(tmp_path / "elsewhere.log"))
    with pytest.raises(OSError, match="Expected a directory with room"), project.writing():
        raise PermissionError(13, "denied", str(tmp_path / "a" / "oracle.json"))
