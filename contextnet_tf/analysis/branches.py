"""Zeroed branches: a ContextNet without the output of one branch (section 3.2.1, Figure 2)."""

from typing import Any

import keras
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.rewrite import Subgraph, copy_layer, rewrite


def zero_branch(model: keras.Model, branch: str) -> keras.Model:
    """A copy in which the fusion unit gets zeros instead of a branch; inputs, outputs and other weights are the same.

    Section 3.2.1: "We have zeroed the output of either the detail branch or the context branch". The zeros replace the
    branch's term of the sum in the fusion unit (Table 3), or its part of the concatenation: zeros before the unit's
    convolutions would leave their biases in the sum. Layers that only the zeroed branch needs are removed. Auxiliary
    heads stay.

    Args:
      model: a ContextNet, folded or not.
      branch: "detail" or "context"; in cn124 also "half", the shallow branch at half size.

    Raises:
      InputError: the network has no such branch, or no fusion unit, or is not functional.
    """
    terms = _fused_terms(model)
    if not terms:
        raise InputError(f"network {model.name!r}: has no fusion unit, so no branch can be zeroed; give a ContextNet")
    if branch not in terms:
        raise InputError(f"branch {branch!r}: network {model.name!r} has the branches {', '.join(sorted(terms))}")
    merge, index = terms[branch]

    def merged(x: keras.KerasTensor) -> keras.KerasTensor:
        """The fusion of the other branch's features with zeros of the same shape."""
        if isinstance(merge.operation, layers.Add):
            return x
        zeros = layers.Rescaling(0.0, name=f"{merge.operation.name}_zeros")(x)
        return copy_layer(merge.operation)([zeros, x] if index == 0 else [x, zeros])

    other = merge.input_tensors[1 - index]
    return rewrite(model, replace=[Subgraph(output=merge.outputs[0], inputs=(other,), build=merged)])


def _fused_terms(model: keras.Model) -> dict[str, tuple[Any, int]]:
    """Branch name -> the call that merges the branch, and the index of the branch among its two inputs."""
    merges = {}
    for node in graph.calls(model):
        unit, _, operator = node.operation.name.rpartition("_")
        if unit in ("fusion", "fusion_half") and operator in ("add", "concatenate"):
            merges[unit] = node
    if "fusion" not in merges:
        return {}
    # The first input comes from the coarser features.
    terms = {"detail": (merges["fusion"], 1), "context": (merges["fusion"], 0)}
    if "fusion_half" in merges:
        terms |= {"half": (merges["fusion_half"], 1), "context": (merges["fusion_half"], 0)}
    return terms
