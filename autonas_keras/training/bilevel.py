"""Weights and alphas learnt in turn, by first or second order: the search of DARTS as a Keras model.

Reference: Liu, Simonyan, Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, algorithm 1, equations 5 to 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import tensorflow as tf


@keras.utils.register_keras_serializable(package="autonas_keras")
class BilevelModel(keras.Model):
    """A functional model with supernet layers, whose ``fit`` takes ((x, y), (x_val, y_val)) batches.

    Every layer with an attribute ``architecture_weights`` is searched: those weights learn on the second batch with the
    alpha optimizer, all others on the first one. The alpha step comes before the weight step.

    Example:
        ``model = BilevelModel(inputs, outputs); model.compile("sgd", "adam", loss="mse"); model.fit(dataset)``
    """

    # Length of the step along v by which the second order takes its central difference (the paper's 0.01).
    difference_step = 0.01

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._alpha_loss = keras.metrics.Mean(name="alpha_loss")
        self._entropy = keras.metrics.Mean(name="alpha_entropy")

    def compile(
        self,
        optimizer: Any = "sgd",
        alpha_optimizer: Any = "adam",
        *,
        order: int = 1,
        weight_decay: float = 0.0,
        alpha_weight_decay: float = 0.0,
        alpha_decay: float = 0.0,
        clip_norm: float | None = None,
        alpha_penalty: Callable[[], tf.Tensor] | None = None,
        **kwargs: Any,
    ) -> None:
        """Set optimizers and loss.

        Args:
            optimizer: Of the weights; for ``order=2`` keras.optimizers.SGD.
            alpha_optimizer: Of the alphas.
            order: 1, or 2 for the gradient through one step of the weights (equations 7 and 8).
            weight_decay: L2, added to the gradients of the weights after clipping, as PyTorch's SGD does.
            alpha_weight_decay: L2, added to the gradients of the alphas before Adam sees them.
            alpha_decay: Factor of the mean logsumexp of the alphas of an edge, which keeps any operation from running
                away; ``fit_bilevel`` raises it from zero along the epochs. Source: Ye et al., "beta-DARTS: Beta-Decay
                Regularization", CVPR 2022, equation 11.
            clip_norm: Global norm that the gradients of the weights are clipped to.
            alpha_penalty: Function that gives what else the alphas keep small, a scalar, such as an expected cost.
            **kwargs: loss, metrics and what else keras.Model.compile takes; losses are not scaled for float16, since
                clipping and decay would see the scale (bfloat16 needs none).

        Raises:
            ValueError: When ``order`` is neither 1 nor 2, or is 2 with an optimizer other than SGD.
        """
        if order not in (1, 2):
            raise ValueError(f"Expected order to be 1 or 2, got {order!r}.")
        super().compile(optimizer=optimizer, **{"jit_compile": False, "auto_scale_loss": False, **kwargs})
        if order == 2 and not isinstance(self.optimizer, keras.optimizers.SGD):
            raise ValueError(
                f"Expected keras.optimizers.SGD for order=2, whose step is unrolled, got {type(self.optimizer).__name__}."
            )
        self.alpha_optimizer = keras.optimizers.get(alpha_optimizer)
        self.order = order
        self.weight_decay, self.alpha_weight_decay = float(weight_decay), float(alpha_weight_decay)
        self.clip_norm, self.alpha_penalty = clip_norm, alpha_penalty
        self.full_alpha_decay = float(alpha_decay)
        self.alpha_decay = keras.Variable(self.full_alpha_decay, trainable=False, name="alpha_decay")
        self._alphas_move = True
        alphas = self.architecture_weights
        if not alphas:
            raise ValueError("Expected a layer with architecture_weights in a BilevelModel, got none.")
        self.optimizer.build(self.shared_weights)
        self.alpha_optimizer.build(alphas)

    @property
    def supernets(self) -> list[keras.layers.Layer]:
        """The layers that are searched."""
        return [layer for layer in self._flatten_layers(include_self=False) if hasattr(layer, "architecture_weights")]

    @property
    def architecture_weights(self) -> list[keras.Variable]:
        """All alphas (and what else a supernet learns on the validation data)."""
        return [variable for layer in self.supernets for variable in layer.architecture_weights]

    @property
    def shared_weights(self) -> list[keras.Variable]:
        """All other trainable weights."""
        alphas = {id(variable) for variable in self.architecture_weights}
        return [variable for variable in self.trainable_variables if id(variable) not in alphas]

    @property
    def alphas_move(self) -> bool:
        """Whether a step moves the alphas; setting it, between two steps of ``fit`` too, makes another step function."""
        return self._alphas_move

    @alphas_move.setter
    def alphas_move(self, value: bool) -> None:
        if value != self._alphas_move:
            self._alphas_move = value
            # A branch inside the graph would cost the step a tenth of its time.
            if self.train_function is not None:
                self.make_train_function(force=True)

    # Steps

    def train_step(self, data: Any) -> dict[str, Any]:
        train, validation = data
        alpha_loss = self._alpha_step(train, validation) if self.alphas_move else tf.constant(float("nan"))
        self._weight_step(train)
        for metric, value in ((self._alpha_loss, alpha_loss), (self._entropy, self._mean_entropy())):
            metric.update_state(value)
        return self.get_metrics_result()

    def test_step(self, data: Any) -> dict[str, Any]:
        results = super().test_step(data)
        return {name: value for name, value in results.items() if name not in ("alpha_loss", "alpha_entropy")}

    def _mean_entropy(self) -> tf.Tensor:
        values = [layer.entropy() for layer in self.supernets if hasattr(layer, "entropy")]
        return tf.add_n(values) / len(values) if values else tf.constant(0.0)

    def _loss(self, batch: Any, training: bool = True) -> tuple[tf.Tensor, Any]:
        x, y = batch
        prediction = self(x, training=training)
        return self.compute_loss(x=x, y=y, y_pred=prediction, training=training), prediction

    def _weight_step(self, train: Any) -> None:
        weights = self.shared_weights
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([weight.value for weight in weights])
            loss, prediction = self._loss(train)
            scaled = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, [weight.value for weight in weights], unconnected_gradients="zero")
        self.optimizer.apply(self._decayed(gradients, weights, self.weight_decay, self.clip_norm), weights)
        self._loss_tracker.update_state(loss)
        self.compute_metrics(train[0], train[1], prediction)

    @staticmethod
    def _decayed(
        gradients: Sequence[tf.Tensor], variables: Sequence[Any], decay: float, clip_norm: float | None = None
    ) -> list[tf.Tensor]:
        """Clipped by the global norm, then with L2 added: the order of the published code."""
        if clip_norm is not None:
            gradients, _ = tf.clip_by_global_norm(gradients, clip_norm)
        # Those of embeddings come as rows.
        gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        if decay:
            gradients = [g + decay * tf.convert_to_tensor(v) for g, v in zip(gradients, variables, strict=True)]
        return list(gradients)

    def _alpha_step(self, train: Any, validation: Any) -> tf.Tensor:
        loss, gradients = self.alpha_gradients(train, validation)
        alphas = self.architecture_weights
        gradients = self._decayed(gradients, alphas, self.alpha_weight_decay)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([alpha.value for alpha in alphas])
            penalty = self._alpha_penalty()
        extra = tape.gradient(penalty, [alpha.value for alpha in alphas], unconnected_gradients="zero")
        self.alpha_optimizer.apply([g + e for g, e in zip(gradients, extra, strict=True)], alphas)
        return loss

    def _alpha_penalty(self) -> tf.Tensor:
        alphas = [tf.convert_to_tensor(alpha) for alpha in self.architecture_weights if len(alpha.shape) == 2]
        other = tf.constant(0.0) if self.alpha_penalty is None else self.alpha_penalty()
        if not alphas:
            return other
        values = [tf.reduce_mean(tf.reduce_logsumexp(alpha, axis=-1)) for alpha in alphas]
        decay = tf.cast(self.alpha_decay, alphas[0].dtype) * tf.add_n(values) / len(values)
        return decay + tf.cast(other, decay.dtype)

    def alpha_gradients(self, train: Any, validation: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Validation loss and its gradients with respect to the alphas, first or second order as compiled.

        The weights do not change; nor do the supernets' statistics of batch normalisation.
        """
        if self.order == 2:
            return self._unrolled_gradients(train, validation)
        alphas = [alpha.value for alpha in self.architecture_weights]
        with self.frozen_supernets(), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(alphas)
            loss, _ = self._loss(validation)
        return loss, tape.gradient(loss, alphas, unconnected_gradients="zero")

    @contextmanager
    def frozen_supernets(self, batch_statistics: bool = False) -> Iterator[None]:
        """While tracing: ``frozen`` for every supernet of the model."""
        with ExitStack() as stack:
            for layer in self.supernets:
                if hasattr(layer, "frozen"):
                    stack.enter_context(layer.frozen(batch_statistics))
            yield

    # Second order

    def _loss_at(self, weights: Sequence[tf.Tensor], alphas: Sequence[tf.Tensor], batch: Any) -> tf.Tensor:
        """Loss with other values in the place of weights and alphas; statistics and generators stay as they are."""
        values = {
            id(variable): value
            for variables, tensors in ((self.shared_weights, weights), (self.architecture_weights, alphas))
            for variable, value in zip(variables, tensors, strict=True)
        }
        trainable = [values[id(variable)] for variable in self.trainable_variables]
        prediction, _ = self.stateless_call(
            trainable, [v.value for v in self.non_trainable_variables], batch[0], training=True
        )
        return self.compute_loss(x=batch[0], y=batch[1], y_pred=prediction, training=True)

    def _unrolled_gradients(self, train: Any, validation: Any) -> tuple[tf.Tensor, list[tf.Tensor]]:
        weights = [tf.convert_to_tensor(w) for w in self.shared_weights]
        alphas = [tf.convert_to_tensor(a) for a in self.architecture_weights]
        rate = tf.cast(self.optimizer.learning_rate, weights[0].dtype)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(weights)
            loss = self._loss_at(weights, alphas, train)
        slopes = self._decayed(tape.gradient(loss, weights, unconnected_gradients="zero"), weights, self.weight_decay)
        # Keras's velocity is -rate times the momentum buffer of the published code.
        momentum = self.optimizer.momentum
        moves = (
            [tf.convert_to_tensor(v) * momentum for v in self.optimizer.momentums] if momentum else [0.0] * len(weights)
        )
        unrolled = [w + m - rate * g for w, m, g in zip(weights, moves, slopes, strict=True)]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([*unrolled, *alphas])
            value = self._loss_at(unrolled, alphas, validation)
        found = tape.gradient(value, [*unrolled, *alphas], unconnected_gradients="zero")
        vector, direct = found[: len(weights)], found[len(weights) :]
        small = tf.cast(self.difference_step, weights[0].dtype) / tf.maximum(tf.linalg.global_norm(vector), 1e-12)
        ends = [self._alpha_slope(weights, vector, sign * small, alphas, train) for sign in (1.0, -1.0)]
        implicit = [(plus - minus) / (2 * small) for plus, minus in zip(*ends, strict=True)]
        return value, [d - rate * i for d, i in zip(direct, implicit, strict=True)]

    def _alpha_slope(
        self,
        weights: Sequence[tf.Tensor],
        vector: Sequence[tf.Tensor],
        size: tf.Tensor,
        alphas: Sequence[tf.Tensor],
        train: Any,
    ) -> list[tf.Tensor]:
        """Gradient of the training loss with respect to the alphas at ``weights + size * vector``."""
        moved = [w + size * v for w, v in zip(weights, vector, strict=True)]
        with self.frozen_supernets(), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(list(alphas))
            loss = self._loss_at(moved, alphas, train)
        return tape.gradient(loss, list(alphas), unconnected_gradients="zero")
