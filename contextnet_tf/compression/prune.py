"""Progressive filter pruning (section 3.2.2): from a wider network to a narrower one with its strongest filters."""

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

# Layers whose output has the channels of their first input.
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
# Settings in which a network may differ from the wider one that it is pruned from: widths, and those of training.
_FREE_SETTINGS = {"filters", "rate", "momentum", "synchronized", "trainable", "dtype", "seed"}
_IMAGE = "image"


@dataclasses.dataclass(frozen=True)
class PruningGroup:
    """Channels that can only be pruned together, and why.

    Attributes:
      channels: how many there are.
      filters: the convolutions whose filters give these channels. Their L1 norms, summed over the group, decide which
        channels stay.
      joined_by: the additions because of which all `filters` must keep the same channels.
      followers: layers with a weight or kernel for each channel: batch normalization and depth-wise convolutions.
      readers: convolutions whose filters lose the pruned channels of their input.
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
    """The groups of channels that pruning must keep or drop together, in the order of the network; printable.

    The channels of the image and the classes are not among them: they are never pruned.

    Raises:
      InputError: the model is not functional, or it is unknown how a layer couples channels.
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
    """The narrower network of `spec` with the strongest filters of `model`: those of largest L1 norm.

    Li et al. (2017), as section 3.2.2 takes it: the filters with the smallest sum of absolute weights are removed, and
    with them their batch normalization, their depth-wise kernels and the kernels that read them. Channels joined by an
    addition are ranked by the sum of the norms of all filters that are added there, and dropped everywhere; see
    `pruning_groups`. Filters keep their order, so that pruning to the same widths is the identity.

    A residual connection exists where a block keeps its width. If only one of the two networks has one there, it is
    lost, or new.

    Args:
      model: a ContextNet of any width, or one of its branches alone; not folded. It stays as it is.
      spec: of the same form, with at most the channels of `model` everywhere; for example the one that `model` was
        widened from.

    Returns:
      The network of `build_model(spec)`, for the same images and classes and with the same auxiliary heads. Its moving
      statistics are copied; `reestimate_batch_statistics` adapts them.

    Raises:
      InputError: the network is not functional, is another one than that of `spec` but for its width, or is narrower
        somewhere.
    """
    model = graph.as_functional(model)
    if not isinstance(model.output, dict) or "main" not in model.output:
        raise InputError(f"network {model.name!r}: cannot be pruned, as it has no output 'main'; take a ContextNet")
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
        """The channels of the wide network's tensor that stand in the narrow one's."""
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
    """Which channels of a network's tensors are the same, because a layer works on each channel or adds tensors.

    `separate`: names of additions that do not couple their inputs; what they give counts as their last input.
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
        """The groups of a tensor's channels, first to last: several only where tensors are concatenated.

        A group is named after one of the convolutions that give its channels.
        """
        return tuple(map(self._group, self._groups[id(tensor)]))

    def members(self) -> dict[str, list[str]]:
        """The convolutions that give the channels of each group, by the group."""
        found = collections.defaultdict(list)
        for layer in self.model.layers:
            if _has_filters(layer):
                found[self._group(layer.name)].append(layer.name)
        return found

    def width(self, group: str, wide: dict[str, keras.Layer]) -> int:
        """The number of the group's channels in the network with the layers `wide`."""
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
    """The channels of the wide network that stay, in their order, by group."""
    kept = {_IMAGE: np.arange(channels.width(_IMAGE, wide))}
    for group, names in channels.members().items():
        norms = sum(np.abs(np.asarray(wide[name].kernel, np.float64)).sum(axis=(0, 1, 2)) for name in names)
        strongest = np.argsort(-norms, kind="stable")[: channels.model.get_layer(group).filters]
        kept[group] = np.sort(strongest)
    return kept


def _pruned(layer: keras.Layer, weight: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """A weight without the dropped channels; `before` and `after` stay of the layer's input and output."""
    if weight.ndim == 1:
        return weight[after]
    if isinstance(layer, layers.DepthwiseConv2D):
        return weight[:, :, before]
    return weight[:, :, before][..., after]


def _check_same_form(model: keras.Model, narrow: keras.Model) -> None:
    """Raises InputError unless the networks differ in widths and residual connections alone, and `model` is wider."""
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
    """Whether the layer is the addition of a bottleneck, which exists only where the block keeps its width."""
    return isinstance(layer, layers.Add) and "_bottleneck" in layer.name
