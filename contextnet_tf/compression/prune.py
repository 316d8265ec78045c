"""Progressive filter pruning (section 3.2.2): from a wider network to a narrower one with the strongest filters."""

import collections
import dataclasses
from collections.abc import Collection
from typing import Any

import keras
import numpy as np
from keras import layers

from contextnet_tf.errors import InputError
from contextnet_tf.models import graph
from contextnet_tf.models.pyramid import AveragePoolingTo, ResizeLike
from contextnet_tf.models.registry import build_model
from contextnet_tf.models.spec import ContextNetSpec

# Layers with the same channels in the output and the first input.
_CHANNEL_BY_CHANNEL = (
    layers.AveragePooling2D,
    layers.BatchNormalization,
    layers.DepthwiseConv2D,
    layers.Dropout,
    layers.ReLU,
    layers.UpSampling2D,
    layers.ZeroPadding2D,
    AveragePoolingTo,
    ResizeLike,
)
# Settings that may differ between the wider and the pruned network: widths and training settings.
_FREE_SETTINGS = {"filters", "rate", "momentum", "synchronized", "trainable", "dtype", "seed"}
_IMAGE = "image"


@dataclasses.dataclass(frozen=True)
class PruningGroup:
    """Channels that can only be pruned together, and the reason.

    Attributes:
      channels: number of channels.
      filters: the convolutions that output these channels. The L1 norms of their filters, summed over the group,
        decide which channels stay.
      joined_by: the additions that force all `filters` to keep the same channels.
      followers: layers with a weight or kernel per channel: batch normalization and depth-wise convolutions.
      readers: convolutions that lose the pruned input channels.
    """

    channels: int
    filters: tuple[str, ...]
    joined_by: tuple[str, ...]
    followers: tuple[str, ...]
    readers: tuple[str, ...]

    def __str__(self) -> str:
        parts = (
            ("filters of", self.filters),
            ("joined by", self.joined_by),
            ("followed by", self.followers),
            ("read by", self.readers),
        )
        lines = (f"  {what} {', '.join(names)}" for what, names in parts if names)
        return "\n".join([f"{self.channels} channels", *lines])


def pruning_groups(model: keras.Model) -> list[PruningGroup]:
    """The groups of channels that pruning must keep or drop together, in network order; printable.

    Image channels and class channels are never pruned and not included.

    Raises:
      InputError: the model is not functional, or a layer type is not supported.
    """
    channels = _Channels(model)
    found: dict[str, dict[str, list[str]]] = collections.defaultdict(lambda: collections.defaultdict(list))
    for node in graph.calls(channels.model):
        layer, groups = node.operation, channels.groups_of(node.outputs[0])
        if _has_filters(layer):
            found[groups[0]]["filters"].append(layer.name)
            for group in channels.groups_of(node.input_tensors[0]):
                found[group]["readers"].append(layer.name)
        elif isinstance(layer, layers.Add):
            found[groups[0]]["joined_by"].append(layer.name)
        elif layer.weights:
            for group in groups:
                found[group]["followers"].append(layer.name)
    fixed = {_IMAGE}.union(*(channels.groups_of(tensor) for tensor in channels.model.outputs))
    kinds = [field.name for field in dataclasses.fields(PruningGroup) if field.name != "channels"]
    return [
        PruningGroup(model.get_layer(names["filters"][0]).filters, **{kind: tuple(names[kind]) for kind in kinds})
        for group, names in found.items()
        if group not in fixed
    ]


def prune_filters(model: keras.Model, spec: ContextNetSpec) -> keras.Model:
    """The narrower network of `spec` with the strongest filters of `model`: those with the largest L1 norm.

    Section 3.2.2, after Li et al. (2017): removes the filters with the smallest sum of absolute weights, with their
    batch normalization, their depth-wise kernels and the kernels that read them. Channels joined by an addition are
    dropped everywhere; see `pruning_groups`. The paper does not say how to rank them; here, the sum of the norms of all
    added filters counts. Filters keep their order, so pruning to the same widths is the identity.

    A block has a residual connection only if it keeps its width. Pruning can therefore remove or add residual
    connections.

    Args:
      model: a ContextNet of any width, or a single branch; not folded. Not changed.
      spec: a spec of the same structure with at most as many channels as `model` in every layer; for example the
        spec that `model` was widened from.

    Returns:
      The network of `build_model(spec)` with the same image size, classes and auxiliary heads. Its moving statistics
      are copied; `reestimate_batch_statistics` adapts them.

    Raises:
      InputError: the network is not functional, differs from `spec` in more than width, or is narrower than `spec`
        in some layer.
    """
    model = graph.as_functional(model)
    if not isinstance(model.output, dict) or "main" not in model.output:
        raise InputError(f"network {model.name!r}: cannot be pruned, as it has no output 'main'; give a ContextNet")
    narrow = build_model(
        spec,
        num_classes=model.output["main"].shape[-1],
        input_shape=model.input_shape[1:],
        aux_head="aux" in model.output,
    )
    wide = {layer.name: layer for layer in model.layers}
    _check_same_form(model, narrow)
    channels = _Channels(narrow, separate={layer.name for layer in narrow.layers} - wide.keys())
    kept = _kept_channels(channels, wide)

    def indices(tensor: keras.KerasTensor) -> np.ndarray:
        """The indices of the wide network's channels that the narrow network keeps in this tensor."""
        starts = np.cumsum([0, *(channels.width(group, wide) for group in channels.groups_of(tensor))])
        return np.concatenate(
            [kept[group] + start for group, start in zip(channels.groups_of(tensor), starts[:-1], strict=True)]
        )

    for node in graph.calls(narrow):
        layer = node.operation
        if layer.weights:
            before, after = indices(node.input_tensors[0]), indices(node.outputs[0])
            layer.set_weights([_pruned(layer, weight, before, after) for weight in wide[layer.name].get_weights()])
    return narrow


class _Channels:
    """Tracks which tensors of a network share channels, because of channel-wise layers and additions.

    `separate`: names of additions that do not couple their inputs; their output counts as their last input.
    """

    def __init__(self, model: keras.Model, separate: Collection[str] = ()):
        self.model = graph.as_functional(model)
        self._parents: dict[str, str] = {}
        self._groups: dict[int, tuple[str, ...]] = {id(tensor): (_IMAGE,) for tensor in self.model.inputs}
        for node in graph.calls(self.model):
            groups: tuple[str, ...]
            layer, inputs = node.operation, [self._groups[id(tensor)] for tensor in node.input_tensors]
            if _has_filters(layer):
                groups = (layer.name,)
            elif isinstance(layer, layers.Concatenate):
                groups = tuple(group for each in inputs for group in each)
            elif isinstance(layer, layers.Add):
                groups = inputs[-1]
                if layer.name not in separate:
                    self._join(layer, inputs)
            elif isinstance(layer, _CHANNEL_BY_CHANNEL) and getattr(layer, "depth_multiplier", 1) == 1:
                groups = inputs[0]
            else:
                raise InputError(
                    f"layer {layer.name!r}: it is unknown how a {type(layer).__name__} couples channels, so "
                    f"{model.name!r} cannot be pruned"
                )
            self._groups[id(node.outputs[0])] = groups

    def groups_of(self, tensor: keras.KerasTensor) -> tuple[str, ...]:
        """The groups of a tensor's channels, first to last; several only after a concatenation.

        A group is named after one of the convolutions that output its channels.
        """
        return tuple(map(self._group, self._groups[id(tensor)]))

    def members(self) -> dict[str, list[str]]:
        """Group -> the convolutions that output its channels."""
        found = collections.defaultdict(list)
        for layer in self.model.layers:
            if _has_filters(layer):
                found[self._group(layer.name)].append(layer.name)
        return found

    def width(self, group: str, wide: dict[str, keras.Layer]) -> int:
        """The number of channels of the group in the network with the layers `wide`."""
        return self.model.inputs[0].shape[-1] if group == _IMAGE else wide[group].filters

    def _group(self, name: str) -> str:
        while name in self._parents:
            name = self._parents[name]
        return name

    def _join(self, layer: keras.Layer, groups_of_inputs: list[tuple[str, ...]]) -> None:
        if len({len(groups) for groups in groups_of_inputs}) > 1:
            raise InputError(f"layer {layer.name!r}: adds concatenated channels to others, which cannot be pruned")
        for first, *others in zip(*groups_of_inputs, strict=True):
            for other in others:
                root, joined = self._group(first), self._group(other)
                if root != joined:
                    self._parents[joined] = root


def _kept_channels(channels: _Channels, wide: dict[str, keras.Layer]) -> dict[str, np.ndarray]:
    """Group -> the channels of the wide network to keep, in increasing order."""
    kept = {_IMAGE: np.arange(channels.width(_IMAGE, wide))}
    for group, names in channels.members().items():
        norms = sum(np.abs(np.asarray(wide[name].kernel, np.float64)).sum(axis=(0, 1, 2)) for name in names)
        strongest = np.argsort(-norms, kind="stable")[: channels.model.get_layer(group).filters]
        kept[group] = np.sort(strongest)
    return kept


def _pruned(layer: keras.Layer, weight: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """A weight without the dropped channels; `before` and `after` are the kept input and output channels."""
    if weight.ndim == 1:
        return weight[after]
    if isinstance(layer, layers.DepthwiseConv2D):
        return weight[:, :, before]
    return weight[:, :, before][..., after]


def _check_same_form(model: keras.Model, narrow: keras.Model) -> None:
    """Raises InputError unless the networks differ only in widths and residual connections, and `model` is wider."""
    wide = {layer.name: layer for layer in model.layers if not _is_residual(layer)}
    target = {layer.name: layer for layer in narrow.layers if not _is_residual(layer)}
    differing = sorted(wide.keys() ^ target.keys())
    if differing:
        folded = " (is it folded? prune first)" if all(name.endswith("_bn") for name in differing) else ""
        raise InputError(
            f"network {model.name!r} cannot be pruned to {narrow.name!r}: only one of them has the layer "
            f"{differing[0]!r}{folded}"
        )
    for name, layer in target.items():
        for setting, value in _settings(layer).items():
            own = _settings(wide[name]).get(setting)
            if own != value:
                raise InputError(
                    f"network {model.name!r} cannot be pruned to {narrow.name!r}: layer {name!r} has {setting} {own} "
                    f"instead of {value}"
                )
        if _has_filters(layer) and wide[name].filters < layer.filters:
            raise InputError(
                f"network {model.name!r} cannot be pruned to {narrow.name!r}: layer {name!r} has {wide[name].filters} "
                f"filters, fewer than {layer.filters}"
            )


def _settings(layer: keras.Layer) -> dict[str, Any]:
    config = {"kind": type(layer).__name__} | layer.get_config()
    if isinstance(layer, layers.InputLayer):
        return {}
    return {
        name: value
        for name, value in config.items()
        if name not in _FREE_SETTINGS and not name.endswith("_initializer")
    }


def _has_filters(layer: Any) -> bool:
    return type(layer) is layers.Conv2D and layer.groups == 1


def _is_residual(layer: keras.Layer) -> bool:
    """Whether the layer is the addition of a bottleneck, which exists only if the block keeps its width."""
    return isinstance(layer, layers.Add) and "_bottleneck" in layer.name
