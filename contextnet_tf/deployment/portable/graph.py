"""A network as a list of plain operations. It needs neither Keras nor TensorFlow, and can be pickled."""

import dataclasses
from collections.abc import Mapping, Sequence

from contextnet_tf.deployment.portable.operations import Operation, PoolWithIndices, mirrored


@dataclasses.dataclass(frozen=True)
class Step:
    """An operation on values, which are numbered: 0 is the image, n the result of step n, counted from 1.

    Attributes:
      operation: what is computed.
      inputs: the numbers of the values that it takes.
      last_used: those of `inputs` that no later step takes, and that are no output.
      layer: the name of the Keras layer that the step stands for.
    """

    operation: Operation
    inputs: tuple[int, ...]
    last_used: tuple[int, ...]
    layer: str = dataclasses.field(default="", compare=False)


@dataclasses.dataclass(frozen=True)
class PortableGraph:
    """A network for images float32 [B, 3, H, W] in 0 to 1.

    Attributes:
      size: (height, width) of the images, None for any.
      steps: the operations, in the order in which they are computed.
      outputs: the number of the value of each output; logits [B, C, H, W] of full size.
      rotated: the graph takes images rotated by 180 degrees and gives logits rotated likewise.
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
    """The steps, each with the inputs that it is the last to use."""
    last = {number: index for index, draft in enumerate(drafts) for number in draft.inputs}
    kept = set(outputs.values())

    def last_used(index: int, inputs: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(number for number in dict.fromkeys(inputs) if last[number] == index and number not in kept)

    return tuple(
        Step(draft.operation, draft.inputs, last_used(index, draft.inputs), draft.layer)
        for index, draft in enumerate(drafts)
    )


def rotated_for_pytorch(graph: PortableGraph) -> PortableGraph:
    """The graph of the same network for images rotated by 180 degrees, so that PyTorch's layers can pad by themselves.

    If a stride leaves one odd row or column to pad, TensorFlow pads the end and PyTorch the start. The rotated network
    of one pads like the network of the other. A network that remembers indices of maxima is returned as it is: the
    last of equal maxima would count instead of the first.
    """
    if any(isinstance(step.operation, PoolWithIndices) for step in graph.steps):
        return graph
    steps = tuple(dataclasses.replace(step, operation=mirrored(step.operation)) for step in graph.steps)
    return dataclasses.replace(graph, steps=steps, rotated=True)
