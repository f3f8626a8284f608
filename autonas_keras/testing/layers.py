"""What every supernet layer has to keep, as tests to inherit.

A new supernet whose architecture is a route is tested by four lines::

    class TestMine(PathTestCase):
        def layer(self, **kwargs):
            return MySupernet(SPACE, **kwargs)

``PathTestCase`` is for a ``PathSupernet``, ``SupernetTestCase`` for any layer with ``space``, ``select`` and ``extract``,
and ``LayerTestCase`` for layers that supernets are made of. Small spaces do: what is tested is the same in large ones.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import pytest
import tensorflow as tf

from autonas_keras.testing.probe import Probe, common_sides, every_option, heard, shake, shared_probe

FAR = 1e-7  # of the steps that differences are taken over


class LayerTestCase:
    """Inherit it as ``class TestMine(LayerTestCase)`` and override ``layer``.

    Attributes:
        sizes: Shapes of what it reads, such as (height, width, channels): the first is what it is built for.
        kernels: Ranks of the weights that are drawn from the seed.
        options: What it may compute: arguments of its call, integers that come as tensors.
        configured: Whether a configuration makes it; else it is part of a layer that has one.
        seeded: Whether it has weights of a seed.
        smooth: Whether its gradients are those of the function it computes, which those of rounding and of draws are not.
        jit: Whether XLA compiles it.
        drawn: Whether a draw says what it computes, which leaves some weights without a gradient.
    """

    sizes: tuple[tuple[int, ...], ...] = ((8, 6, 3), (7, 5, 3))
    kernels: tuple[int, ...] = (4,)
    options: Sequence[Any] = ({},)
    configured = True
    seeded = True
    smooth = True
    jit = False
    drawn = False

    def layer(self, **kwargs: Any) -> keras.layers.Layer:
        """The layer under test, not built; it is given ``dtype`` and ``seed``, which it may lack."""
        raise NotImplementedError

    def choose(self, layer: keras.layers.Layer, option: Any) -> dict[str, Any]:
        """Let the layer compute an option.

        Returns:
            What its call takes beside the images.
        """
        return {name: tf.constant(value, tf.int32) for name, value in option.items()}

    def built(self, shaken: bool = True, **kwargs: Any) -> Any:
        """A layer with its initial weights, or with some that stand nowhere else."""
        layer = self.layer(**kwargs)
        if not layer.built:
            layer.build((None, *self.sizes[0]))
        if shaken:
            shake(layer)
        return layer

    def images(self, size: Sequence[int], dtype: str = "float64", batch: int = 4) -> np.ndarray:
        """The same images for the same arguments."""
        return np.random.default_rng(sum(size)).standard_normal((batch, *size)).astype(dtype)

    def cases(self) -> list[tuple[Any, tuple[int, ...]]]:
        """Every option, and every size, at least once."""
        count = max(len(self.options), len(self.sizes))
        return list(itertools.islice(zip(itertools.cycle(self.options), itertools.cycle(self.sizes)), count))  # noqa: B905

    def further_options(self) -> Iterator[Any]:
        """More to look for a gradient in."""
        yield from ()

    @property
    def probe(self) -> Probe:
        """The layer that the tests of a class share."""
        return shared_probe(cast(Any, type(self)))

    # What it is made from

    def test_the_configuration_and_the_seed_make_the_same_layer(self) -> None:
        seeds = [{"seed": seed} if self.seeded else {} for seed in (3, 0)]
        keras.utils.set_random_seed(1)
        layer = self.built(shaken=False, **seeds[0])
        keras.utils.set_random_seed(2)
        state = repr(np.random.get_state())
        if self.configured:
            again = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
            again.build((None, *self.sizes[0]))
            assert again.get_config() == layer.get_config()
        else:
            again = self.built(shaken=False, **seeds[0])
        assert repr(np.random.get_state()) == state
        for first, second in zip(layer.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(first, second)
        drawn, other = (
            [w.numpy() for w in each.trainable_weights if len(w.shape) in self.kernels and self.seeded]
            for each in (layer, self.built(shaken=False, **seeds[1]))
        )
        assert len({kernel.tobytes() for kernel in drawn}) == len(drawn)
        assert all(np.any(a != b) for a, b in zip(drawn, other, strict=True))

    def test_it_comes_back_from_a_file(self, tmp_path: Path) -> None:
        layer = self.built()
        chosen = self.choose(layer, self.options[-1])
        again = self.built(shaken=False)
        if self.configured:
            x, path = keras.Input(self.sizes[0]), tmp_path / "model.keras"
            keras.Model(x, layer(x)).save(path)
            model = keras.models.load_model(path, custom_objects={type(layer).__name__: type(layer)})
            again = next(part for part in model.layers if type(part) is type(layer))
        else:
            again.set_weights(layer.get_weights())
        images = self.images(self.sizes[0], "float32")
        np.testing.assert_array_equal(again(images, **chosen), layer(images, **chosen))

    # What it computes

    def test_the_shape_is_known_before_it_runs(self) -> None:
        layer = self.probe.layer
        for option, size in self.cases():
            chosen = self.choose(layer, option)
            y = layer(self.images(size), **chosen)
            for known in (size, (*common_sides(self.sizes)[:-1], size[-1])):
                promised = layer(keras.Input(known, dtype=layer.compute_dtype), **chosen)
                assert promised.dtype == y.dtype.name == layer.compute_dtype
                assert len(promised.shape) == len(y.shape) and promised.shape[0] is None
                fits = zip(promised.shape[1:-1], y.shape[1:-1], strict=True)
                assert all(side in (None, found) for side, found in fits)
                assert promised.shape[-1] == y.shape[-1] or isinstance(option, dict)

    def test_one_trace_serves_every_option_and_every_weight_learns_from_one(self) -> None:
        probe, outputs = self.probe, []
        silent = {id(weight) for weight in probe.layer.trainable_weights}
        for (option, size), batch in zip(self.cases(), itertools.cycle((4, 3)), strict=False):
            x = self.images(size, batch=batch)
            found = probe.run(option, x)
            expected = probe.layer(x, training=False, **self.choose(probe.layer, option))
            np.testing.assert_allclose(found.predicted, expected, rtol=1e-9, atol=1e-9)
            assert all(np.isfinite(part).all() for part in (found.trained, *(slope for _, slope in found.slopes)))
            silent -= heard(found.slopes)
            outputs.append(found.predicted)
        for option in self.further_options():
            if silent:
                silent -= heard(probe.run(option, self.images(self.sizes[0])).slopes)
        assert probe.traces == 1 and (self.drawn or not silent)
        pairs = [(a, b) for a, b in itertools.combinations(outputs, 2) if a.shape == b.shape]
        assert not pairs or any(not np.allclose(a, b) for a, b in pairs)

    def test_gradients_are_those_of_finite_differences(self) -> None:
        if not self.smooth:
            pytest.skip("its gradients are not those of the function it computes")
        probe, rng = self.probe, np.random.default_rng(2)
        for option in self.options[:3]:
            x = self.images(self.sizes[0])
            slopes = probe.run(option, x).slopes
            ways = [rng.standard_normal(slope.shape) for _, slope in slopes]
            ends = []
            for side in (FAR, -FAR):
                moved = {id(w): w.numpy() + side * way for (w, _), way in zip(slopes, ways, strict=True)}
                ends.append(probe.run(option, x, moved).loss)
            parts = [float(np.sum(slope * way)) for (_, slope), way in zip(slopes, ways, strict=True)]
            assert (ends[0] - ends[1]) / (2 * FAR) == pytest.approx(
                sum(parts), rel=1e-4, abs=1e-5 * max(map(abs, parts))
            )

    @pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
    def test_half_precision_computes_finite_numbers(self, policy: str) -> None:
        layer = self.built(dtype=policy)
        assert {weight.dtype for weight in layer.trainable_weights} <= {"float32"}
        for option, size in self.cases()[-1:] if policy == "mixed_bfloat16" else self.cases()[-2:]:
            chosen = self.choose(layer, option)
            try:
                with tf.GradientTape() as tape:
                    y = layer(tf.cast(self.images(size), layer.compute_dtype), training=True, **chosen)
                    loss = tf.reduce_mean(tf.sin(tf.cast(y, tf.float32)))
                slopes = tape.gradient(loss, layer.trainable_weights)
            except tf.errors.InvalidArgumentError as error:
                if "grouped convolutions are not supported on CPU" not in str(error):
                    raise
                pytest.skip(f"TensorFlow has no gradient of grouped convolutions in {policy} on this processor")
            assert y.dtype.name == layer.compute_dtype == policy.removeprefix("mixed_")
            assert all(np.isfinite(np.asarray(part, "float32")).all() for part in (y, *slopes) if part is not None)
        assert all(np.isfinite(weight).all() for weight in layer.get_weights())

    def test_xla_computes_the_same(self) -> None:
        if not self.jit:
            pytest.skip("XLA compiles no sizes that are known when it runs")
        layer = self.built()
        run = tf.function(layer.__call__, jit_compile=True, autograph=False)
        images = tf.constant(self.images(self.sizes[0], "float32"))
        for option in self.options[:3]:
            chosen = self.choose(layer, option)
            np.testing.assert_allclose(run(images, **chosen), layer(images, **chosen), rtol=1e-4, atol=1e-5)


class SupernetTestCase(LayerTestCase):
    """A layer with a space, of which one architecture can be selected and handed out.

    Attributes:
        rounds: Whether it rounds activations, which then may come out on either side of a border.
    """

    rounds = False

    @functools.cached_property
    def options(self) -> Sequence[Any]:  # type: ignore[override]
        """Architectures in which every option of the space occurs."""
        return every_option(self.layer().space)  # type: ignore[attr-defined]

    def choose(self, layer: keras.layers.Layer, option: Any) -> dict[str, Any]:
        layer.select(option)
        return {}

    def further_options(self) -> Iterator[Any]:
        space, rng = self.probe.layer.space, np.random.default_rng(3)
        return (space.sample(rng) for _ in range(200))

    def close(self, found: Any, expected: Any, tolerance: float) -> bool:
        """Whether the outputs agree, relative to their size."""
        if self.rounds:
            # Keras's Rescaling holds its factor in float32 whatever its dtype.
            tolerance = max(tolerance, 1e-6)
        size = tolerance * max(1.0, float(np.abs(expected).max()))
        share = float(np.mean(np.isclose(np.asarray(found), np.asarray(expected), rtol=0, atol=size)))
        return share > 0.98 if self.rounds else share == 1

    @pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
    def test_a_selection_computes_what_its_network_of_stock_layers_does(self, dtype: str, tolerance: float) -> None:
        layer = self.probe.layer if dtype == "float64" else self.built()
        cases = [case for case in self.cases() if case[0] is not None]
        for option, size in cases if dtype == "float64" else cases[-2:]:
            layer.select(option)
            network, x = layer.extract(option, size), self.images(size, dtype)
            expected = network(x, training=False)
            assert expected.dtype.name == dtype and self.close(layer(x), expected, tolerance)
            parts = network._flatten_layers(include_self=False)
            assert {type(part).__module__.partition(".")[0] for part in parts} == {"keras"}
            # It has weights of its own.
            network.set_weights([0 * weight for weight in network.get_weights()])
            assert self.close(layer(x), expected, tolerance)

    def test_what_is_no_architecture_is_refused_and_changes_nothing(self) -> None:
        layer = self.probe.layer
        point = dict(next(option for option in self.options if option is not None))
        layer.select(point)
        before = layer.get_weights()
        name = next(iter(point))
        for nonsense in ({}, {**point, name: "nonsense"}):
            for ask in (layer.select, lambda a: layer.extract(a, self.sizes[0])):
                with pytest.raises(ValueError, match="Expected"):
                    ask(nonsense)
        for weight, start in zip(layer.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, start)


class PathTestCase(SupernetTestCase):
    """A ``PathSupernet``.

    Attributes:
        trains: Whether extracted networks can be trained further.
        all_heard: Whether all that a route uses has an effect on the output; in a cell a node may be read by none.
    """

    trains = True
    all_heard = True

    @pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-8), ("float32", 1e-4)])
    def test_training_is_that_of_the_extracted_network(self, dtype: str, tolerance: float) -> None:
        if not self.trains:
            pytest.skip("its networks only predict")
        layer = self.built(dtype=dtype)
        size = self.sizes[-1]
        for architecture in self.options[-2:]:
            layer.select(architecture)
            network, x = layer.extract(architecture, size), self.images(size, dtype, batch=8)
            assert self.close(layer(x, training=True), network(x, training=True), tolerance)
            after = layer.extract(architecture, size).get_weights()
            for found, expected in zip(after, network.get_weights(), strict=True):
                np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)

    def test_usage_tells_what_a_route_learns_and_moves(self) -> None:
        probe = self.probe
        layer, usage, rng = probe.layer, probe.layer.usage(), np.random.default_rng(5)
        listed = [id(variable) for entry in usage for variable in entry.variables]
        assert len(listed) == len(set(listed)) and set(listed) <= {id(w) for w in layer.trainable_weights}
        for _ in range(12):
            architecture = layer.space.sample(rng)
            route = layer.route(architecture)
            layer.select(architecture)
            assert route.dtype == np.int32 and np.array_equal(route, layer.selected)
            found = probe.run(architecture, self.images(self.sizes[0]))
            learns = heard(found.slopes)
            unused: set[int] = set()
            for entry in usage:
                used, variables = entry.used(tf.constant(route)), {id(variable) for variable in entry.variables}
                assert used.dtype == tf.bool
                if bool(used):
                    assert not self.all_heard or learns & variables
                else:
                    unused |= variables
            assert not learns & unused
            for part in layer._flatten_layers(include_self=False):
                if part.trainable_weights and {id(w) for w in part.trainable_weights} <= unused:
                    assert not {id(w) for w in part.non_trainable_weights} & found.moved, part.path
