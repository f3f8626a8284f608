"""Imports go one way, as docs/decisions.md says: a room imports the rooms below it and no other."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = "autonas_keras"
ROOT = Path(__file__).resolve().parents[1] / PACKAGE

SEARCH = {"spaces", "strategies", "oracles"}
NETWORKS = {"spaces", "layers", "supernets", "training"}
ALLOWED: dict[str, set[str]] = {
    "spaces": set(),
    "strategies": {"spaces"},
    "oracles": {"spaces", "strategies"},
    "layers": {"spaces"},
    "supernets": {"spaces", "layers"},
    "training": (NETWORKS - {"training"}) | {"strategies"},
    "evaluation": SEARCH | NETWORKS,
    "reporting": SEARCH,
    "nasbench": {"spaces", "strategies", "evaluation"},
    "blocks": SEARCH | NETWORKS | {"evaluation"},
    "tuners": SEARCH | NETWORKS | {"evaluation", "blocks", "reporting"},
    "tasks": SEARCH | NETWORKS | {"evaluation", "blocks", "tuners", "reporting"},
}
ALLOWED["testing"] = set(ALLOWED)
EVERYWHERE = {"files", "checks"}  # modules beside the rooms that they may import

FILES = sorted(path for path in ROOT.rglob("*.py") if len(path.relative_to(ROOT).parts) > 1)


def imported_modules(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Full names of what the import statements of a module name, wherever in the file they stand."""
    parents = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            full = ".".join([*base, *([node.module] if node.module else [])])
            # `from autonas_keras import spaces` imports a room without naming it in the module part.
            yield from (f"{full}.{alias.name}" for alias in node.names) if full == PACKAGE else (full,)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """What a module of the package imports against the rule."""
    room = module.split(".")[1]
    found = []
    for name in imported_modules(source, module, is_package):
        top, _, rest = name.partition(".")
        if room == "spaces" and top not in {PACKAGE, "numpy"} | set(sys.stdlib_module_names):
            found.append(f"{module} imports {name}; spaces are pure Python and numpy")
        if top != PACKAGE:
            continue
        if rest.partition(".")[0] not in {room} | EVERYWHERE | ALLOWED[room]:
            found.append(f"{module} imports {name}, which {room} may not")
    return found


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_a_module_imports_only_rooms_below_its_own(path: Path) -> None:
    assert path.relative_to(ROOT).parts[0] in ALLOWED, "a new room needs its line in ALLOWED"
    assert violations(path.read_text(), module_name(path), path.name == "__init__.py") == []


def test_the_rule_has_no_cycle() -> None:
    order: list[str] = []
    while len(order) < len(ALLOWED):
        ready = [room for room in ALLOWED if room not in order and ALLOWED[room] <= {*order, room}]
        assert ready, f"the rooms {set(ALLOWED) - set(order)} depend on one another"
        order += ready


@pytest.mark.parametrize(
    "statement",
    [
        "from autonas_keras.tuners import Darts",
        "import autonas_keras.tuners.darts",
        "from autonas_keras import tuners",
        "from ..tuners import Darts",
        "from .. import tuners",
        "def late():\n    from autonas_keras.tasks import ImageClassifier",
        "import autonas_keras",
        "import keras",
    ],
)
def test_the_rule_sees(statement: str) -> None:
    assert violations(statement, "autonas_keras.spaces.cell") != []


@pytest.mark.parametrize(
    "statement",
    ["import numpy as np", "import ast", "from autonas_keras.spaces.choice import Choice", "from . import choice"],
)
def test_the_rule_lets_pass(statement: str) -> None:
    assert violations(statement, "autonas_keras.spaces.cell") == []


def test_what_is_imported_late_is_what_types_say() -> None:
    import autonas_keras as ank

    (late,) = (node for node in ast.parse((ROOT / "__init__.py").read_text()).body if isinstance(node, ast.If))
    typed = {alias.name: node.module for node in late.body for alias in node.names}  # type: ignore[attr-defined]
    assert sorted(typed) == ank.__all__ and set(ank.__all__) <= set(dir(ank))
    for name, module in typed.items():
        found = getattr(ank, name)
        assert found is (sys.modules[f"{module}.{name}"] if module == PACKAGE else getattr(sys.modules[module], name))
    with pytest.raises(AttributeError, match="'autonas_keras' has no attribute 'ImageClasifier'"):
        getattr(ank, "ImageClasifier")  # noqa: B009


def test_spaces_strategies_and_tables_come_without_tensorflow() -> None:
    asked = "import sys, autonas_keras as ank; ank.search, ank.spaces, ank.nasbench; print('tensorflow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, cwd=ROOT.parent, check=True)
    assert run.stdout == "False\n"
