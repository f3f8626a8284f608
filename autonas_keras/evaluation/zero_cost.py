"""What an untrained network promises, from one minibatch: parameters, FLOPs, synflow, nwot, jacob_cov, grad_norm, snip.

References: Abdelfattah, Mehrotra, Dudziak, Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, section 3; Tanaka,
Kunin, Yamins, Ganguli, "Pruning Neural Networks without Any Data by Iteratively Conserving Synaptic Flow", NeurIPS 2020;
Mellor, Turner, Storkey, Crowley, "Neural Architecture Search without Training", ICML 2021 (nwot) and its first version,
arXiv 2006.04647v1 (jacob_cov); Lee, Ajanthan, Torr, "SNIP: Single-shot Network Pruning based on Connection Sensitivity",
ICLR 2019.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from autonas_keras.evaluation.costs import model_costs
from autonas_keras.evaluation.untrained import (
    batch_statistics,
    functional,
    linear_end,
    run_layers,
    unbounded,
    unchanged,
)
from autonas_keras.spaces import close_names

PROXIES = ("params", "flops", "synflow", "nwot", "jacob_cov", "grad_norm", "snip")
VOTERS = ("synflow", "nwot", "jacob_cov")  # those that say different things, and more together than any alone
LOWEST = -np.finfo(np.float32).max.item()  # what a proxy says that is no number
TINY = 1e-5  # of jacob_cov, as published
# Functions that are positive where what they read is: the bit of nwot's code.
RECTIFIERS = {"relu", "relu6", "leakyrelu", "leaky_relu", "prelu", "elu", "selu", "silu", "swish", "gelu", "hard_silu"}

Loss = Callable[[Any, Any], Any]


def zero_cost(
    model: keras.Model, x: Any, y: Any = None, proxies: Sequence[str] = VOTERS, loss: Loss | None = None
) -> dict[str, float]:
    """What zero-cost proxies say of an untrained network; larger is better for each.

    - "params", "flops": as ``model_costs`` counts them.
    - "synflow": natural logarithm of the sum over the kernels of ``|theta * dR/dtheta|``, where R is the sum of the
      outputs for an input of ones, with absolute weights, no biases, no normalisation, and rectifiers without an upper
      bound; in float64 (Tanaka et al., algorithm 1). It sees no data.
    - "nwot": ``log|det K|``, where K counts for two samples the rectifiers that are on for both or off for both
      (Mellor et al., ICML 2021).
    - "jacob_cov": minus the sum of ``log(v + k) + 1 / (v + k)`` over the eigenvalues v of the correlations of the
      samples' gradients of the summed logits in the images (Mellor et al., version 1; k is 1e-5).
    - "grad_norm": sum over the kernels of the norm of the loss's gradient.
    - "snip": sum over the kernels of ``|theta * dL/dtheta|``.

    Batch normalisation uses the statistics of the minibatch in the last four. Dropout is off. The model is left as it
    was; a softmax or sigmoid at its end is looked through.

    Args:
        model: A functional or sequential model of stock layers with fresh weights.
        x: A minibatch, one array for each input; some 64 samples.
        y: Its targets, for "grad_norm" and "snip".
        proxies: Names of ``PROXIES``.
        loss: Function of y and the logits; by default cross-entropy of labels (integers) or of rows of probabilities.

    Returns:
        Finite numbers by name.

    Raises:
        ValueError: When a proxy is unknown, needs ``y``, or the model is not of these.
    """
    check_proxies(proxies, y)
    model = functional(model)
    found: dict[str, float] = {}
    if {"params", "flops"} & set(proxies):
        found |= {name: float(value) for name, value in model_costs(model).items()}
    with linear_end(model) as plain:
        if "synflow" in proxies:
            found["synflow"] = synflow(plain)
        if set(proxies) - {"params", "flops", "synflow"}:
            found |= _from_minibatch(plain, x, y, proxies, loss or cross_entropy)
    return {name: found[name] for name in proxies}


def voters(model: keras.Model, x: Any) -> list[float]:
    """What the proxies of the vote say of an untrained model; nwot has nothing to count in one without rectifiers.

    Args:
        model: A model that was never trained.
        x: A minibatch, one array for each input.

    Returns:
        Finite numbers in the order of ``VOTERS``.
    """
    said = zero_cost(model, x, proxies=[name for name in VOTERS if name != "nwot" or has_rectifiers(model)])
    return [said.get(name, LOWEST) for name in VOTERS]


def check_proxies(proxies: Sequence[str], y: Any) -> None:
    """Refuse proxies that are unknown, or that lack targets."""
    if isinstance(proxies, str) or not proxies:
        raise ValueError(f"Expected names of proxies, got {proxies!r}.")
    for name in proxies:
        if name not in PROXIES:
            raise ValueError(f"Expected proxies of {', '.join(PROXIES)}, got {name!r}{close_names(name, PROXIES)}.")
        if name in ("grad_norm", "snip") and y is None:
            raise ValueError(f"Expected y, the targets of the minibatch, for {name!r}, got None.")


def synflow(model: keras.Model) -> float:
    """Natural logarithm of the synaptic flow of a model that ends in logits; see ``zero_cost``."""
    kernels = {id(weight): weight for weight in model.weights if _is_kernel(weight)}
    values = {
        key: tf.constant(np.abs(keras.ops.convert_to_numpy(weight)).astype("float64"))
        for key, weight in kernels.items()
    }
    ones = [tf.ones([1, *(size or 1 for size in tensor.shape[1:])], tf.float64) for tensor in model.inputs]
    with keras.StatelessScope() as scope, tf.GradientTape() as tape, unbounded(model):
        tape.watch(list(values.values()))
        for weight in model.weights:
            # Biases would flow from the middle of the network, and float32 would overflow.
            scope.add_update((weight, values.get(id(weight), tf.zeros(weight.shape, tf.float64))))
        outputs = run_layers(model, ones, unchanged, None)
        flow = tf.add_n([tf.reduce_sum(output) for output in keras.tree.flatten(outputs)])
    gradients = tape.gradient(flow, values, unconnected_gradients="zero")
    total = sum(float(tf.reduce_sum(tf.abs(values[key] * gradients[key]))) for key in values)
    if np.isnan(total):
        return LOWEST
    return float(np.log(np.clip(total, np.finfo(float).tiny, np.finfo(float).max)))


def _from_minibatch(model: keras.Model, x: Any, y: Any, proxies: Sequence[str], loss: Loss) -> dict[str, float]:
    """The proxies that share one pass over the data."""
    inputs = [tf.convert_to_tensor(np.asarray(part, dtype="float32")) for part in keras.tree.flatten(x)]
    weights = [weight for weight in model.trainable_weights if _is_kernel(weight)]
    kernels = [tf.convert_to_tensor(weight) for weight in weights]
    codes = _Codes() if "nwot" in proxies else None
    found: dict[str, float] = {}
    learns, sees = {"grad_norm", "snip"} & set(proxies), "jacob_cov" in proxies
    with keras.StatelessScope() as scope, tf.GradientTape(persistent=bool(learns and sees)) as tape:
        tape.watch([*(inputs if sees else []), *(kernels if learns else [])])
        for weight, kernel in zip(weights, kernels, strict=True):
            scope.add_update((weight, kernel))
        logits = keras.tree.flatten(run_layers(model, inputs, batch_statistics, codes))
        flow = tf.add_n([tf.reduce_sum(output) for output in logits]) if sees else None
        value = loss(y, logits[0] if len(logits) == 1 else logits) if learns else None
    if codes is not None:
        found["nwot"] = log_determinant(codes.kernel)
    if sees:
        gradients = tape.gradient(flow, inputs, unconnected_gradients="zero")
        found["jacob_cov"] = jacobian_score(np.concatenate([_rows(gradient) for gradient in gradients], axis=1))
    if learns:
        slopes = tape.gradient(value, kernels, unconnected_gradients="zero")
        pairs = [(np.asarray(k, "float64"), np.asarray(g, "float64")) for k, g in zip(kernels, slopes, strict=True)]
        found["grad_norm"] = float(sum(np.linalg.norm(slope) for _, slope in pairs))
        found["snip"] = float(sum(np.abs(kernel * slope).sum() for kernel, slope in pairs))
    return {name: value if np.isfinite(value) else LOWEST for name, value in found.items()}


def has_rectifiers(model: keras.Model) -> bool:
    """Whether a functional or sequential model has a rectifier, without which there is no "nwot"."""
    inside = functional(model).operations
    return any(has_rectifiers(one) if isinstance(one, keras.Model) else _rectifies(one) for one in inside)


def _rectifies(operation: Any) -> bool:
    name = getattr(getattr(operation, "activation", None), "__name__", type(operation).__name__.lower())
    return name in RECTIFIERS


class _Codes:
    """Counts, for each two samples, the rectifiers that are on for both or off for both."""

    def __init__(self) -> None:
        self.kernel: Any = 0.0

    def __call__(self, operation: Any, result: Any) -> None:
        if not _rectifies(operation):
            return
        code = tf.cast(result > 0, tf.float32)
        code = tf.reshape(code, [code.shape[0], -1])
        both = np.asarray(tf.matmul(code, code, transpose_b=True), dtype="float64")
        on = both.diagonal()
        # c_i c_j + (1 - c_i)(1 - c_j), summed over the rectifiers.
        self.kernel = self.kernel + 2 * both - on[:, None] - on[None, :] + code.shape[1]


def log_determinant(kernel: np.ndarray) -> float:
    """``log|det K|`` of a positive semidefinite matrix of shape (samples, samples).

    An eigenvalue that is zero but for rounding counts as the least that is not, so that a network that tells samples
    not apart gets a low score, and not one of noise.
    """
    if np.ndim(kernel) == 0:
        raise ValueError("Expected a model with rectifiers such as ReLU for the proxy 'nwot', got one without.")
    values = np.linalg.eigvalsh(kernel)
    least = max(values[-1], 1.0) * len(values) * np.finfo(float).eps
    return float(np.log(np.maximum(values, least)).sum())


def jacobian_score(jacobian: np.ndarray) -> float:
    """jacob_cov of the gradients in the images, of shape (samples, features).

    Gradients that do not vary say nothing that tells samples apart: they count as correlated.
    """
    if len(jacobian) < 2:
        raise ValueError(f"Expected a minibatch of two samples or more for 'jacob_cov', got {len(jacobian)}.")
    with np.errstate(divide="ignore", invalid="ignore"):
        correlation = np.nan_to_num(np.corrcoef(jacobian), nan=1.0)
    values = np.maximum(np.linalg.eigvalsh(correlation), 0.0)
    return float(-np.sum(np.log(values + TINY) + 1.0 / (values + TINY)))


def cross_entropy(y: Any, logits: Any) -> tf.Tensor:
    """Mean cross-entropy of the logits of one output: of labels (batch,) or (batch, 1), or rows of probabilities."""
    y = np.asarray(y)
    if isinstance(logits, list):
        raise ValueError("Expected a loss for a model of several outputs, got None.")
    if logits.shape[-1] == 1:
        return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(y.reshape(-1, 1).astype("float32"), logits))
    if y.ndim == 2 and y.shape[1] == logits.shape[-1]:
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y.astype("float32"), logits))
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y.reshape(-1).astype("int32"), logits))


def _is_kernel(weight: Any) -> bool:
    return bool(weight.trainable) and len(weight.shape) >= 2


def _rows(values: tf.Tensor) -> np.ndarray:
    return np.asarray(values, dtype="float64").reshape(values.shape[0], -1)
