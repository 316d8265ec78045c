"""Initial weights: copies the weights of another network, by layer name."""

import dataclasses
import hashlib
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from contextnet_tf.datasets.labels import differing_classes
from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.loading import load_network
from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.models.registry import is_model_name
from contextnet_tf.runs import layout
from contextnet_tf.runs.results import recorded_classes
from contextnet_tf.training.checkpoints import model_variables, newest_network


@dataclasses.dataclass(frozen=True)
class InitialWeights:
    """The result of `initialize_from`. The four tuples hold layer names.

    Attributes:
      source: name of the source network, or its path.
      sha256: digest of all weights of the source, with their paths and shapes.
      copied: layers with copied weights.
      reinitialized: classifiers of other classes than those of the source; their weights stay random.
      missing: layers of auxiliary heads that the source lacks; their weights stay random.
      unused: layers of the source that the network lacks.
      other_classes: why the classifiers are random, in words.
    """

    source: str
    sha256: str
    copied: tuple[str, ...]
    reinitialized: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    other_classes: str = "another number of classes"

    def to_json(self) -> dict[str, Any]:
        """The source and its digest, for settings.json."""
        return {"source": self.source, "sha256": self.sha256}

    def __str__(self) -> str:
        parts = [f"{len(self.copied)} layers copied"]
        if self.reinitialized:
            parts.append(f"random weights for {self.other_classes}: {', '.join(self.reinitialized)}")
        if self.missing:
            parts.append(f"random weights, since the source has none: {', '.join(self.missing)}")
        if self.unused:
            parts.append(f"not used: {', '.join(self.unused)}")
        return f"initial weights of {self.source}: {'; '.join(parts)}"


def initialize_from(
    model: keras.Model, source: str | os.PathLike | keras.Model, *, classes: Sequence[str] = ()
) -> InitialWeights:
    """Copies the weights of `source` into `model` by layer name; returns the matched and unmatched layers.

    Args:
      model: the network to initialize. A classifier with another number of classes than the source keeps its weights;
        so does an auxiliary head that the source lacks.
      source: a network, a .keras file, or a run folder. For a run, the weights are those of its best network;
        auxiliary heads, which the best network lacks, come from the newest checkpoint.
      classes: names of the model's classes; where the result.json beside the source names others, classifiers keep
        their weights.

    Raises:
      InputError: the source cannot be read; or a layer of `model` is missing in it or has another shape, and is
        neither a classifier nor part of an auxiliary head. `model` is then unchanged.
    """
    network = source if isinstance(source, keras.Model) else load_network(source)
    name = f"the network {network.name}" if isinstance(source, keras.Model) else os.fspath(source)
    found = {path: variable.numpy() for path, variable in model_variables(network).items()}
    if not isinstance(source, keras.Model) and pathlib.Path(source).is_dir():
        # Only layers that the best network lacks: the checkpoint has the weights of the last step, not of the best.
        layers = {_layer_of(path) for path in found}
        of_checkpoint = newest_network(pathlib.Path(source) / layout.CHECKPOINTS) or {}
        found |= {path: value for path, value in of_checkpoint.items() if _layer_of(path) not in layers}
    found = {path: value for path, value in found.items() if _is_weight(path)}
    wanted = {path: variable for path, variable in model_variables(model).items() if _is_weight(path)}
    numbers = network.output["main"].shape[-1], model.output["main"].shape[-1]
    known = () if isinstance(source, keras.Model) else recorded_classes([_folder_of(source)])
    difference = differing_classes(known, classes) if numbers[0] == numbers[1] else None
    auxiliary = {layer.name for layer in set(graph.all_layers(model)) - set(graph.all_layers(without_aux_heads(model)))}
    same = f"; set `model={network.name}`" if network.name != model.name and is_model_name(network.name) else ""
    classifiers, reinitialized, missing = _classifiers(model), set(), set()
    for path, variable in wanted.items():
        layer = _layer_of(path)
        if path not in found:
            if layer not in auxiliary:
                raise InputError(f"{name}: does not fit {model.name}: it has no {path}{same}")
            missing.add(layer)
        elif found[path].shape != tuple(variable.shape):
            if layer not in classifiers or not _differ_by_classes(found[path].shape, variable.shape, numbers):
                raise InputError(
                    f"{name}: does not fit {model.name}: {path} has the shape {list(found[path].shape)}, "
                    f"{list(variable.shape)} is needed{same}"
                )
            reinitialized.add(layer)
        elif difference and layer in classifiers:
            reinitialized.add(layer)
    wanted_layers = dict.fromkeys(_layer_of(path) for path in wanted)
    copied = [layer for layer in wanted_layers if layer not in reinitialized | missing]
    for path, variable in wanted.items():
        if _layer_of(path) in copied:
            variable.assign(found[path])
    return InitialWeights(
        source=name,
        sha256=_digest(found),
        copied=tuple(copied),
        reinitialized=tuple(layer for layer in wanted_layers if layer in reinitialized),
        missing=tuple(layer for layer in wanted_layers if layer in missing),
        unused=tuple(dict.fromkeys(_layer_of(path) for path in found if _layer_of(path) not in wanted_layers)),
        **({"other_classes": f"other classes, {difference}"} if difference else {}),
    )


def _folder_of(source: str | os.PathLike) -> pathlib.Path:
    path = pathlib.Path(source)
    return path if path.is_dir() else path.parent


def _layer_of(path: str) -> str:
    return path.rsplit("/", 1)[0]


def _is_weight(path: str) -> bool:
    """Whether the variable is a weight, not the state of a dropout layer's random generator."""
    return not path.split(":")[0].endswith("seed_generator_state")


def _classifiers(model: keras.Model) -> set[str]:
    """The names of the classifiers: the last layers with weights before each output."""
    names, pending = set(), list(model.outputs)
    while pending:
        call = graph.call_behind(pending.pop())
        if graph.is_model(call.operation):
            pending += graph.as_functional(call.operation).outputs
        elif getattr(call.operation, "weights", None):
            names.add(call.operation.name)
        else:
            pending += call.input_tensors
    return names


def _differ_by_classes(before: tuple[int, ...], now: tuple[int, ...], classes: tuple[int, int]) -> bool:
    """Whether two shapes differ in exactly one axis, and by the numbers of classes there."""
    return len(before) == len(now) and [pair for pair in zip(before, now, strict=True) if pair[0] != pair[1]] == [
        classes
    ]


def _digest(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for path in sorted(arrays):
        array = np.ascontiguousarray(arrays[path])
        digest.update(f"{path} {array.dtype} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
