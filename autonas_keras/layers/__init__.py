"""Candidate operations and networks of cells, out of stock Keras layers."""

from autonas_keras.layers.chain import chain_network
from autonas_keras.layers.drop_path import DropPath, DropPathAdd
from autonas_keras.layers.dropout import without_dropout
from autonas_keras.layers.functions import NETWORKS, NetworkFunction, function_network, has_function, network_function
from autonas_keras.layers.macro import macro_network
from autonas_keras.layers.mobile import mobile_network
from autonas_keras.layers.names import layer_names
from autonas_keras.layers.network import cell_network
from autonas_keras.layers.operations import (
    OPERATIONS,
    apply_operation,
    batch_norm,
    factorized_reduce,
    operation_model,
    register_operation,
    relu_conv_bn,
)
from autonas_keras.layers.picking import Picked, Picker
from autonas_keras.layers.recurrent import recurrent_network
from autonas_keras.layers.tables import normalised_table
from autonas_keras.layers.tabular import tabular_network
from autonas_keras.layers.text import text_network
from autonas_keras.layers.training import depthwise_slope, faster_training, on_processor
from autonas_keras.layers.weights import copy_weights, initialize_weights, initializers

__all__ = [
    "DropPath",
    "DropPathAdd",
    "NETWORKS",
    "NetworkFunction",
    "OPERATIONS",
    "Picked",
    "Picker",
    "apply_operation",
    "batch_norm",
    "cell_network",
    "chain_network",
    "copy_weights",
    "depthwise_slope",
    "factorized_reduce",
    "faster_training",
    "function_network",
    "has_function",
    "initialize_weights",
    "initializers",
    "layer_names",
    "macro_network",
    "mobile_network",
    "network_function",
    "normalised_table",
    "on_processor",
    "operation_model",
    "recurrent_network",
    "register_operation",
    "relu_conv_bn",
    "tabular_network",
    "text_network",
    "without_dropout",
]
