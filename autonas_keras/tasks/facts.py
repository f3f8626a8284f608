"""What is known about a search before it has data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import keras
import tree

from autonas_keras.blocks import Graph
from autonas_keras.spaces import close_names
from autonas_keras.tasks.objectives import metrics_of


def check_objective(objective: Any, heads: Sequence[Any]) -> None:
    """Refuse an objective that no head reports, before it is missed at the end of a search.

    Raises:
        ValueError: When it is none of the losses and metrics of the heads (close names are given).
    """
    known = {"loss"}
    for head in heads:
        names = [m if isinstance(m, str) else getattr(m, "name", getattr(m, "__name__", "")) for m in head.metrics]
        known.update(names if len(heads) == 1 else [f"{head.name}_{name}" for name in ("loss", *names)])
    known |= {f"val_{name}" for name in known}
    for wanted in tree.flatten(objective):
        name = wanted if isinstance(wanted, str) else getattr(wanted, "name", None)
        if name not in known:
            # A single head reports some metrics because the objective names them.
            more = metrics_of(heads[0]) if len(heads) == 1 and isinstance(wanted, str) else ()
            known.update(f"val_{metric}" for metric in more)
            hint = close_names(str(name).lower(), known) or "; see the metrics of the head"
            raise ValueError(f"Expected an objective that the heads report, got {name!r}{hint}.")


def objective_fact(objective: Any) -> str:
    """An objective as text, the same for the same one in every process."""
    if isinstance(objective, list):
        return repr([one if isinstance(one, str) else str(one) for one in objective])
    return str(objective)


def _told(loss: Any) -> str | None:
    """A loss as text, its settings too, the same for the same one in every process."""
    if isinstance(loss, keras.losses.Loss):
        return f"{type(loss).__name__} {json.dumps(loss.get_config(), default=_name, sort_keys=True)}"
    return _name(loss)


def _name(part: Any) -> str | None:
    if part is None or isinstance(part, str):
        return part
    return getattr(part, "name", None) or getattr(part, "__name__", type(part).__name__)


def graph_facts(graph: Graph) -> dict[str, Any]:
    """What makes a graph the same search, without what data tells it later or a process counts."""
    learnt = {"num_classes", "output_dim", "shape", "loss", "metrics", "column_names", "column_types"}
    config = graph.get_config()
    parts = [
        {"class": part["class_name"], **{k: v for k, v in part["config"].items() if k not in learnt}}
        for part in config["blocks"]
    ]
    heads = [node.in_blocks[0] for node in graph.outputs]
    facts = {
        "blocks": parts,
        "losses": [_told(head.loss) for head in heads],
        "metrics": [[_name(metric) for metric in head.metrics or ()] for head in heads],
        "inputs": [node["class_name"] for node in config["nodes"].values()],
        "edges": [config["block_inputs"], config["block_outputs"], config["outputs"]],
    }
    return json.loads(json.dumps(facts))
