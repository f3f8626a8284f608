"""The folder of a search: what it belongs to, and whether it can be written."""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autonas_keras.files import write_atomically

FILE = "project.json"
SEARCHED = "data"  # the fact that a search has begun
FOREIGN = ("oracle.json", "tuner0.json", "graph")  # what projects of AutoKeras and KerasTuner hold
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.ENOTDIR)
TENSORFLOW_WORDS = ("No space left on device", "Read-only file system", "Permission denied", "Disk quota exceeded")


class Project:
    """A folder that belongs to one search.

    Args:
        directory: Folder of all projects, the current one when None.
        name: Name of this project.
        overwrite: Whether to remove the search that is there.
        reads: Whether this process, a worker, only reads what another one, the chief, writes.

    Raises:
        OSError: When the folder cannot be made or written.
        ValueError: When it holds a search that this package did not make, or is to be overwritten and holds none, or when
            the name leads out of ``directory``.
    """

    def __init__(self, directory: str | Path | None, name: str, overwrite: bool = False, reads: bool = False) -> None:
        self.path = Path(directory or ".") / check_project_name(name)
        self.overwrite, self._reads = overwrite, reads
        self._file = self.path / FILE
        if reads:
            return
        if overwrite:
            check_removable(self.path)
        with self.writing(anything=True):
            if overwrite and self.path.is_dir():
                _remove(self.path)
            self.path.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path) as probe:
                probe.write(b"probe")
        found = [name for name in FOREIGN if (self.path / name).exists()]
        if found and not self._file.exists():
            raise ValueError(
                f"Expected {self.path} to be empty or a project of autonas_keras, got a folder with {found[0]}; "
                "choose another project_name, or pass overwrite=True to remove what is there."
            )

    def read(self) -> dict[str, Any]:
        """What the project has been claimed for so far."""
        return json.loads(self._file.read_text()) if self._file.exists() else {}

    def claim(self, **facts: Any) -> None:
        """Say what this search is; when the folder belongs to another one, refuse.

        Raises:
            ValueError: When a fact differs from what the folder was claimed for, named by the first that does.
        """
        facts = json.loads(json.dumps(facts))
        known = self.read()
        if SEARCHED not in known:
            known = {}  # a task that was only made, never fitted, does not hold the folder
        for name, value in facts.items():
            if name in known and known[name] != value:
                where, old, new = _difference(name, known[name], value)
                data = where == f"{SEARCHED}.content"
                raise ValueError(
                    f"Expected the search that {self.path} belongs to, with {where} = {old}, got {new}"
                    f"{', which are other values, or in another order, as of a dataset that shuffles' if data else ''}; "
                    "choose another project_name, or pass overwrite=True to start over."
                )
        if not self._reads and any(name not in known for name in facts):
            with self.writing():
                write_atomically(self._file, json.dumps({**known, **facts}, indent=1))

    @contextmanager
    def writing(self, anything: bool = False) -> Iterator[None]:
        """Turn errors of a folder that is full or cannot be written into one clear sentence.

        Args:
            anything: Whether every error of the file system inside means this.
        """
        try:
            yield
        except OSError as error:
            if not anything and (error.errno not in UNWRITABLE or not self._holds(error.filename)):
                raise
            raise self._unwritable(error.strerror or str(error), error.errno) from error
        except Exception as error:
            # TensorFlow's checkpoints have errors of their own, told by their text.
            words = next((words for words in TENSORFLOW_WORDS if words in str(error)), None)
            if words is None:
                raise
            raise self._unwritable(words, errno.ENOSPC) from error

    def _holds(self, filename: Any) -> bool:
        """Whether an error about that file is one of this folder, and not of a callback that writes elsewhere."""
        if filename is None:
            return True
        return Path(str(filename)).resolve().is_relative_to(self.path.resolve())

    def _unwritable(self, reason: str, number: int | None) -> OSError:
        return OSError(
            number,
            f"Expected a directory with room that can be written, got {self.path} ({reason}); "
            "free some space or pass another directory",
        )


def check_project_name(name: Any) -> str:
    """The name of a folder within another.

    Raises:
        ValueError: When it is empty, or leads to another place than into that folder.
    """
    parts = Path(str(name)).parts
    if not parts or ".." in parts or Path(str(name)).is_absolute():
        raise ValueError(f"Expected project_name to be the name of a folder within directory, got {name!r}.")
    return str(name)


def check_removable(folder: Path) -> None:
    """Refuse to remove a folder that no search made.

    Raises:
        ValueError: When it holds something and no search, of AutoKeras's and KerasTuner's neither.
    """
    found = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    held = [name for name in found if not name.startswith(f".{FILE}.")]  # of a kill while the file was written
    if held and not {FILE, *FOREIGN}.intersection(held):
        raise ValueError(
            f"Expected a search in {folder}, which overwrite=True is to remove, got a folder with {held[0]} and no search; "
            "choose another project_name, or empty the folder."
        )


def _remove(folder: Path) -> None:
    """Remove the folder of a search; what tells that it is one goes last, so that a kill leaves a folder of a search."""
    for entry in folder.iterdir():
        if entry.name not in (FILE, *FOREIGN):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    shutil.rmtree(folder)


def _difference(where: str, old: Any, new: Any) -> tuple[str, str, str]:
    """The first place where two values differ, and what each has there, short enough for a sentence."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        key = next(key for key in (*old, *new) if key not in old or key not in new or old[key] != new[key])
        return _difference(f"{where}.{key}", old.get(key), new.get(key))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new) and isinstance(old[0], (dict, list)):
        return next(_difference(where, a, b) for a, b in zip(old, new, strict=True) if a != b)
    return where, _short(old), _short(new)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
