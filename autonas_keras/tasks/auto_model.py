"""A model that finds its own architecture, behind AutoKeras's interface."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tree
from autokeras import analysers, auto_model, pipeline
from autokeras.engine import io_hypermodel
from autokeras.engine.head import Head
from autokeras.engine.node import Node
from autokeras.engine.tuner import AutoTuner

from autonas_keras.blocks import (
    DEFAULTS,
    Graph,
    Merge,
    RegressionHead,
    check_per_sample,
    check_suits,
    default_block,
    own_objects,
    searched_block,
)
from autonas_keras.checks import check_count
from autonas_keras.evaluation import LatencyTable, check_limits
from autonas_keras.oracles import distributed
from autonas_keras.spaces import Space
from autonas_keras.tasks import convert
from autonas_keras.tasks.data import check_batch_size, check_callbacks, fingerprint
from autonas_keras.tasks.encoders import encoders_code, save_encoders
from autonas_keras.tasks.encoding import find_encoders
from autonas_keras.tasks.facts import check_objective, graph_facts, objective_fact
from autonas_keras.tasks.objectives import check_encoding, check_single, directed, suit_classes
from autonas_keras.tasks.proxy_check import ProxyCheck
from autonas_keras.tasks.results import Results
from autonas_keras.tasks.targets import Labels, Numbers, class_weights
from autonas_keras.tasks.undecided import Undecided
from autonas_keras.tuners import (
    SEARCHED,
    Facts,
    Method,
    Project,
    SearchTuner,
    Specialized,
    check_project_name,
    check_removable,
    check_time_limit,
    choose,
    read_choice,
    write_choice,
)
from autonas_keras.tuners.warm_start import warm_start as read_warm_start


class AutoModel(Results, ProxyCheck, auto_model.AutoModel):
    """Inputs and heads, with the network between them searched.

    Args:
        inputs: Input nodes, such as ``ImageInput()``.
        outputs: Heads, or the nodes that heads give in a graph of blocks.
        project_name: Name of the folder in ``directory`` that keeps the search.
        max_trials: Networks to train, for methods that train one per architecture.
        directory: Folder of all projects; the current one when None.
        objective: Metric to compare networks by.
        tuner: A name ("darts", "spos", "enas", "ofa", "bignas", "evolution", "random" and others), a method with its
            settings such as ``ank.tuners.Darts(order=2)``, or a subclass of AutoKeras's AutoTuner. None and "auto" are
            "darts", or with a ``time_limit`` what suits data, machine and time; "auto" also where cells are not all
            that is searched. None with settings is "darts" in any case, whose they are.
        overwrite: Whether to remove a search that is in the folder; otherwise it is gone on with.
        seed: Seed of the search, 0 too; a search without one draws it and keeps it in its folder.
        max_model_size: Most parameters of a network, as in AutoKeras; the same as ``limits={"params": ...}``.
        space: Where images go into heads without blocks between: the space of cells, chains or mobile networks, as an
            object or by name ("darts", "nasbench_macro", "mobile" and others; the network is then fitted to the
            images). By default "mobile" for "ofa" and "bignas", "darts" for others.
        limits: Upper bounds of "params", "flops" and, with a table in ``latency``, "latency_ms" of a network.
        latency: The ``LatencyTable`` of the network that is built around the only searched block: of its space, and of
            images of its input.
        warm_start: Folder of an earlier search on the same space, of other data or sizes, to start from; it is only read.
        **settings: Settings of the method, such as ``search_epochs=30``.

    Raises:
        ValueError: When a name is unknown, limits are wrong, a metric is several numbers, no head reports the objective,
            or the folder belongs to another search.
        TypeError: When the method has no such setting, or ``latency`` is no table.
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        project_name: str = "auto_model",
        max_trials: int = 100,
        directory: str | Path | None = None,
        objective: Any = "val_loss",
        tuner: str | Method | type | None = None,
        overwrite: bool = False,
        seed: int | None = None,
        max_model_size: int | None = None,
        *,
        space: str | Space | None = None,
        limits: Mapping[str, float] | None = None,
        latency: LatencyTable | None = None,
        warm_start: str | Path | None = None,
        **settings: Any,
    ) -> None:
        # Not AutoKeras's __init__: it seeds NumPy's global generator, and takes seed 0 for none.
        self.inputs = tree.flatten(inputs)
        self.outputs = tree.flatten(outputs)
        self.overwrite = overwrite
        self.limits = check_limits(limits)
        if max_trials is not None:
            max_trials = check_count("max_trials", max_trials)
        if max_model_size is not None:
            max_model_size = check_count("max_model_size", max_model_size)
            self.limits["params"] = min(max_model_size, self.limits.get("params", max_model_size))
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0):
            raise ValueError(f"Expected seed to be an integer that is not negative, got {seed!r}.")
        self._undecided = Undecided(tuner, space, settings)
        folder = Path(directory or ".") / check_project_name(project_name)
        choice = self._undecided.known(folder, overwrite)
        foreign = tuner if isinstance(tuner, type) and issubclass(tuner, AutoTuner) else None
        method = None if foreign is not None else self._undecided.method(choice)
        self._default_space = (Method if method is None else method).default_space
        self._given_space = space
        self.space = self._default_space if space is None else space
        if choice is not None and choice.space is not None:
            self.space = choice.space
        searched_block(self.space)  # refuses what no block searches
        self.specialized: Specialized | None = None
        self._undecided.keep(self.inputs, self.outputs)
        graph = self._build_graph()
        self.encoders = find_encoders(graph)
        self._encodes = False  # whether the encoders are those of the search in the folder
        _check_latency(latency, self.limits, len(graph.searched))
        self._heads = [node.in_blocks[0] for node in self.outputs]
        self._targets: list[Labels | Numbers] | None = None
        own_objects(self._heads)  # refuses two of one name
        for head in self._heads:
            check_single(head)
        wished, objective = objective, directed(objective, self._heads)
        check_objective(objective, self._heads)
        self._is_worker = distributed.role() == "worker"
        if foreign is not None:
            if distributed.role() != "alone":
                raise ValueError(
                    f"Expected a tuner by name where KERASTUNER_ORACLE_IP is set, got {foreign.__name__}, which trains "
                    "the final network in every process."
                )
            if set(self.limits) - {"params"}:
                raise ValueError(
                    f"Expected limits of params alone for the tuner class {foreign.__name__}, which knows no others, "
                    f"got {sorted(self.limits)}; take a tuner by name."
                )
            if overwrite:
                check_removable(folder)
            self.seed = seed
            self.tuner = foreign(
                hypermodel=graph,
                overwrite=overwrite,
                objective=objective,
                max_trials=max_trials,
                directory=directory,
                seed=seed,
                project_name=project_name,
                max_model_size=self.limits.get("params"),
                **settings,
            )
            return
        assert method is not None
        self._project = Project(directory, project_name, overwrite, reads=self._is_worker)
        self._draws_seed = seed is None
        if seed is None:
            seed = self._project.read().get("seed", int(np.random.default_rng().integers(2**31)))
        self.seed = int(seed)
        self._latency, self._oracle = latency, {"objective": wished, "max_trials": max_trials}
        self._warm_start = None if warm_start is None else str(Path(str(warm_start)))
        self._make_tuner(method, graph)

    def _make_tuner(self, method: Method, graph: Graph) -> None:
        graph.check_sizes(cells=method.cells, channels=method.channels)
        objective = self._oracle["objective"]
        wished = directed(objective, self._heads)  # a head may get the metric that it names
        self._facts = {
            "tuner": method.facts(),
            "graph": graph_facts(graph),
            "limits": self.limits,
            "objective": objective_fact(objective),
            "seed": self.seed,
            "warm_start": self._warm_start,
        }
        if self._latency is not None:
            self._facts["latency"] = {"scale": self._latency.conditions.scale, **self._latency.milliseconds}
        if not self._is_worker:  # the chief may not have begun
            self._project.claim(**self._facts)
        self.tuner = method.make(
            hypermodel=graph,
            project=self._project,
            limits=self.limits,
            seed=self.seed,
            **{**self._oracle, "objective": wished},
        )
        self.tuner.latency = self._latency
        if self._warm_start is not None and not self._is_worker:
            self.tuner.earlier = read_warm_start(self._warm_start, self._project, method.name)

    def _decide(self, data: convert.TrainingData, time_limit: float | None, verbose: Any) -> None:
        """Take the method that suits the data, the machine and the time, where none was named."""
        if not self._undecided.decides(time_limit) or self.tuner.finished:
            return
        if distributed.role() != "alone":
            raise ValueError(
                "Expected a tuner by name where KERASTUNER_ORACLE_IP is set, got none; all processes have to take the same."
            )
        folder = self._project.path
        choice = read_choice(folder)
        if choice is None:
            if SEARCHED in self._project.read():  # it began without a limit, and goes on with what it has
                return
            facts = Facts.of(self.tuner.graph, data.x, self._undecided.free(self.tuner.graph), time_limit)
            choice = choose(facts)
            with self._project.writing():
                write_choice(folder, choice, facts)
            if verbose:
                space = "" if choice.space is None else f" on the space {choice.space!r}"
                print(f"Chose tuner {choice.tuner!r}{space}: {choice.why}.")
        if (choice.tuner, choice.space or self.space) == (self.tuner.method.name, self.space):
            return
        self.space = choice.space or self.space
        self.inputs, self.outputs = self._undecided.parts()
        graph = self._build_graph()
        self._heads = [node.in_blocks[0] for node in self.outputs]
        known = self._facts
        self._make_tuner(self._undecided.method(choice), graph)
        self._facts = {**known, **self._facts}

    # The graph

    def _build_graph(self) -> Graph:
        for kind in (Node, Head):
            if self.outputs and all(isinstance(output, kind) for output in self.outputs):
                if kind is Head:
                    self.outputs = self._assembled_outputs()
                return Graph(self.inputs, self.outputs)
        got = sorted({type(output).__name__ for output in self.outputs})
        raise TypeError(f"Expected outputs that are all heads, or all nodes that heads give, got {got}.")

    def _assembled_outputs(self) -> list[Node]:
        if self._given_space is not None:
            check_suits(self._given_space, self.inputs)
        # A space for tables or text says nothing about the images beside them.
        block = searched_block(self.space)
        other = isinstance(block, tuple(DEFAULTS.values()))
        images = self._default_space if other else self.space
        middle = [default_block(node, self.space, images) for node in self.inputs]
        merged = tree.flatten(Merge()(middle))[0] if len(middle) > 1 else middle[0]
        return tree.flatten([head(merged) for head in self.outputs])

    # Training

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int = 32,
        epochs: int | None = None,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        validation_split: float = 0.2,
        validation_data: Any = None,
        verbose: Any = 1,
        time_limit: float | None = None,
        *,
        class_weight: str | Mapping[Any, float] | None = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Search, then train the network that was found on all data.

        Called again, also after a kill, it goes on where it was; a search that is finished is only loaded.

        Args:
            x: Inputs: arrays, lists, pandas, or a tf.data.Dataset of (x, y).
            y: Targets: arrays, lists or pandas.
            batch_size: Samples in a batch.
            epochs: Epochs of the training of networks; chosen by the number of samples when None.
            callbacks: Keras callbacks for the training of networks.
            validation_split: Share of the samples to validate on, drawn by the seed with every class in it (AutoKeras
                takes the last samples). The final network learns from them too.
            validation_data: x and y to validate on instead; the final network does not learn from them.
            verbose: 0, 1 or 2, as in keras.Model.fit.
            time_limit: Seconds for everything, search and final training, those before a kill included; ``epochs`` and
                ``max_trials`` are upper bounds then. None takes the time that it takes.
            class_weight: What a sample counts by its label in the losses, for one classification head; "balanced" lets
                all classes count alike, labels that a dictionary leaves out count 1.
            **kwargs: For tuners of AutoKeras only: what keras.Model.fit takes.

        Returns:
            The history of the training of the final network.

        Raises:
            ValueError: When the data cannot be learnt from, or the folder belongs to another search.
            TypeError: When the data is of a type that is not known.
        """
        start = time.monotonic()
        callbacks = check_callbacks(callbacks)
        batch_size = check_batch_size(batch_size)
        if epochs is not None:
            epochs = check_batch_size(epochs, "epochs")
        if time_limit is not None:
            time_limit = check_time_limit(time_limit)
            self._own_tuner("time_limit")
        if self._is_worker:
            self._join()
        decide = partial(self._decide, time_limit=time_limit, verbose=verbose)
        data = self._read(x, y, validation_split, validation_data, decide, class_weight)
        split = 0.0 if validation_data is not None else float(validation_split)
        if not isinstance(self.tuner, SearchTuner):
            return self.tuner.search(
                x=data.x, y=data.y, epochs=epochs, callbacks=callbacks, validation_data=data.validation,
                validation_split=split, verbose=verbose, batch_size=batch_size, **kwargs,
            )  # fmt: skip
        if kwargs:
            raise TypeError(
                f"Expected no further arguments of fit for tuner {self.tuner.method.name!r}, got {sorted(kwargs)}."
            )
        self._project.claim(
            **self._facts,
            data=self._describe(data, split),
            fit={
                **{"epochs": epochs, "batch_size": batch_size, "validation_split": split},
                **({"class_weight": self._heads[0].class_weights} if class_weight is not None else {}),
            },
        )
        if not self._is_worker:
            save_encoders(self._project.path, self.encoders)
        self._encodes = True
        with self.tuner.limited(time_limit, start):
            return self.tuner.search(
                x=data.x,
                y=data.y,
                epochs=epochs,
                callbacks=callbacks,
                validation_data=data.validation,
                validation_split=split,
                verbose=verbose,
                batch_size=batch_size,
            )

    def _read(
        self,
        x: Any,
        y: Any,
        validation_split: float,
        validation_data: Any,
        decide: Callable[[convert.TrainingData], None] | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
    ) -> convert.TrainingData:
        """The data as networks take it; ``decide`` may choose the method by it, and the graph learns its shapes."""
        # What is read may be refused, also as data of another search.
        self._encodes, self._targets = False, None
        data = convert.training_data(self, x, y, validation_split, validation_data)
        self._targets = data.targets
        if decide is not None and isinstance(self.tuner, SearchTuner):
            decide(data)
        self._set_units(data.targets)
        self._set_features()
        self._heads[0].class_weights = class_weights(data.targets, data.y, class_weight)
        self._analyze_data((data.x, data.y))
        if self._heads[0].class_weights is not None:
            check_per_sample(self._heads[0].loss, data.y if len(self._heads) == 1 else data.y[0])
        self._build_hyper_pipeline()
        return data

    def _set_units(self, targets: Sequence[Labels | Numbers]) -> None:
        for head, target in zip(self._heads, targets, strict=True):
            if isinstance(head, RegressionHead) and isinstance(target, Numbers):
                head.set_units(target.mean, target.scale)
            elif isinstance(target, Labels):
                check_encoding(head, target.form == "multi_label", target.binary)
                suit_classes(head, 0 if target.form == "multi_label" else len(target.classes))

    def _set_features(self) -> None:
        """Let the graph know what the encoders have learnt about the inputs."""
        graph = self.tuner.graph if isinstance(self.tuner, SearchTuner) else self.tuner.hypermodel
        graph.set_features([None if encoder is None else encoder.features for encoder in self.encoders])

    def _analyze_data(self, dataset: Any) -> None:
        """Let inputs and heads know shapes and types of the arrays, as AutoKeras does, which analyses inputs by value."""
        parts = [*self.inputs, *self._heads]
        encoded = [encoder is not None for encoder in self.encoders] + [False] * len(self._heads)
        for part, own, array in zip(parts, encoded, tree.flatten(dataset), strict=True):
            analyser: Any = analysers.InputAnalyser() if own else part.get_analyser()
            analyser.update(array)
            analyser.finalize()
            if own:  # names and types of columns are the encoder's
                io_hypermodel.IOHyperModel.config_from_analyser(part, analyser)
            else:
                part.config_from_analyser(analyser)

    def _join(self) -> None:
        """Wait for the chief, whose seed draws the samples to validate on."""
        self._own_tuner().join()
        if self._draws_seed:
            self.seed = self._facts["seed"] = int(self._project.read()["seed"])

    def _describe(self, data: convert.TrainingData, split: float) -> dict[str, Any]:
        arrays = tree.flatten((data.x, data.y, data.validation))
        codes = encoders_code(self.encoders)
        return {
            "inputs": [list(array.shape[1:]) for array in tree.flatten(data.x)],
            "targets": [target.get_config() for target in data.targets],
            "samples": [len(tree.flatten(data.x)[0]), len(tree.flatten(data.validation[0])[0])],
            "content": fingerprint(arrays),
            **({"encoders": codes} if any(codes) else {}),
        }

    def _build_hyper_pipeline(self) -> None:
        # Targets and tables are encoded here, not by AutoKeras: its pipeline turns every label into a string.
        self.tuner.hyper_pipeline = pipeline.HyperPipeline(
            inputs=[
                node.get_hyper_preprocessors() if encoder is None else []
                for node, encoder in zip(self.inputs, self.encoders, strict=True)
            ],
            outputs=[[] for _ in self._heads],
        )
        self.tuner.hypermodel.hyper_pipeline = self.tuner.hyper_pipeline


def _check_latency(latency: Any, limits: Mapping[str, float], searched: int) -> None:
    if latency is None:
        if "latency_ms" in limits:
            raise ValueError(
                "Expected a latency table with a limit of latency_ms, got none; "
                "pass latency=ank.LatencyTable.measure(space)."
            )
    elif not isinstance(latency, LatencyTable):
        raise TypeError(f"Expected latency to be a LatencyTable, got {type(latency).__name__}.")
    elif searched != 1:
        raise ValueError(f"Expected one searched block in a graph with a latency table, got {searched}.")


def settled(kwargs: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Keyword arguments of a task, of which AutoKeras says None for its default."""
    given = {name: value for name, value in kwargs.items() if not (name in ("tuner", *defaults) and value is None)}
    return {**defaults, **given}
