"""A network as a list of plain operations. Needs neither Keras nor TensorFlow, and can be pickled."""

import dataclasses
from collections.abc import Mapping, Sequence

from contextnet_tf.deployment.portable.operations import Operation, PoolWithIndices, mirrored


@dataclasses.dataclass(frozen=True)
class Step:
    """An operation on numbered values: value 0 is the image, value n the result of step n, counted from 1.

    Attributes:
      operation: the operation.
      inputs: the numbers of the input values.
      last_used: the inputs that no later step uses and that are not outputs; their memory can be freed.
      layer: the name of the corresponding Keras layer.
    """

    operation: Operation
    inputs: tuple[int, ...]
    last_used: tuple[int, ...]
    layer: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class PortableGraph:
    """A network for images float32 [B, 3, H, W] in 0 to 1.

    Attributes:
      size: (height, width) of the images; None: any size.
      steps: the operations in order of execution.
      outputs: output name -> value number; the values are logits [B, C, H/f, W/f], f is 1 in a network that
        upsamples them.
      rotated: whether the images and logits are rotated by 180 degrees.
    """

    size: tuple[int, int] | None
    steps: tuple[Step, ...]
    outputs: Mapping[str, int]
    rotated: bool = False


@dataclasses.dataclass(frozen=True)
class Draft:
    """A step before the last uses of its inputs are known; see `Step`."""

    operation: Operation
    inputs: tuple[int, ...]
    layer: str


def finished(drafts: Sequence[Draft], outputs: Mapping[str, int]) -> tuple[Step, ...]:
    """The steps, each with its `last_used` inputs."""
    last = {number: index for index, draft in enumerate(drafts) for number in draft.inputs}
    kept = set(outputs.values())

    def last_used(index: int, inputs: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(number for number in dict.fromkeys(inputs) if last[number] == index and number not in kept)

    return tuple(
        Step(draft.operation, draft.inputs, last_used(index, draft.inputs), draft.layer)
        for index, draft in enumerate(drafts)
    )


def rotated_for_pytorch(graph: PortableGraph) -> PortableGraph:
    """The graph of the same network for images rotated by 180 degrees, so that PyTorch needs no padding layers.

    For an odd number of padding rows or columns, TensorFlow puts the extra one at the end and PyTorch at the start.
    Rotation makes both match. A network with max-pooling indices is returned unchanged: rotation would select the last
    of equal maxima instead of the first.
    """
    if any(isinstance(step.operation, PoolWithIndices) for step in graph.steps):
        return graph
    steps = tuple(dataclasses.replace(step, operation=mirrored(step.operation)) for step in graph.steps)
    return dataclasses.replace(graph, steps=steps, rotated=True)
