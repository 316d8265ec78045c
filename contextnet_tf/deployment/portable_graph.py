"""A Keras network as a list of plain operations, from which networks of other libraries are built.

Only what inference does: batch normalization that can be folded must have been, dropout is left out.
"""

import dataclasses
from collections.abc import Sequence

import keras

from contextnet_tf.deployment import portable_operations
from contextnet_tf.deployment.portable_layers import operation_of
from contextnet_tf.deployment.portable_operations import Item, Operation, PoolWithPlaces, Resize
from contextnet_tf.errors import InputError
from contextnet_tf.models import graph


@dataclasses.dataclass(frozen=True)
class Step:
    """An operation on the values with the numbers `inputs`: 0 is the image, n what step n gave, from 1.

    `last_used`: those of the inputs that no later step takes.
    """

    operation: Operation
    inputs: tuple[int, ...]
    last_used: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class PortableGraph:
    """A network for images of `size` (height, width): float32 in 0 to 1 -> the last step's logits, of full size.

    `turned`: it takes images turned by 180 degrees and gives logits turned so.
    """

    size: tuple[int, int]
    steps: tuple[Step, ...]
    turned: bool = False


def portable_graph_of(network: keras.Model) -> PortableGraph:
    """The plan of a folded functional network of fixed size, for its output "main".

    Raises:
      InputError: a layer has no operation here, or has a setting that it does not know.
    """
    network = keras.Model(network.input, network.output["main"], name=network.name)
    numbers = {id(network.inputs[0]): 0}
    drafts: list[tuple[Operation, tuple[int, ...]]] = []
    for node in graph.calls(network):
        inputs = tuple(numbers[id(tensor)] for tensor in node.input_tensors)
        operation = operation_of(node, network.name)
        if operation is None:
            numbers[id(node.outputs[0])] = inputs[0]
            continue
        # The second input of a resizing layer says its size only, which is fixed.
        drafts.append((operation, inputs[:1] if isinstance(operation, Resize) else inputs))
        whole = len(drafts)
        for index, tensor in enumerate(node.outputs):
            if len(node.outputs) > 1:
                drafts.append((Item(index), (whole,)))
            numbers[id(tensor)] = len(drafts)
    if numbers[id(network.outputs[0])] != len(drafts):
        raise InputError(f"network {network.name!r}: its logits are not what its last layer gives")
    return PortableGraph(tuple(network.input_shape[1:3]), _with_last_uses(drafts))


def for_pytorch(plan: PortableGraph) -> PortableGraph:
    """The plan of the same network, for images turned by 180 degrees where that is better for PyTorch.

    Where a stride leaves an odd row or column to pad, TensorFlow has it at the end and PyTorch at the start:
    turned, a network of one is a network of the other. Not where the places of maxima are remembered: of equal
    ones the last would count.
    """
    if any(isinstance(step.operation, PoolWithPlaces) for step in plan.steps):
        return plan
    steps = (dataclasses.replace(step, operation=portable_operations.mirrored(step.operation)) for step in plan.steps)
    return PortableGraph(plan.size, tuple(steps), turned=True)


def _with_last_uses(drafts: Sequence[tuple[Operation, tuple[int, ...]]]) -> tuple[Step, ...]:
    last_step = {number: step for step, (_, inputs) in enumerate(drafts) for number in inputs}
    return tuple(
        Step(operation, inputs, tuple(number for number in dict.fromkeys(inputs) if last_step[number] == step))
        for step, (operation, inputs) in enumerate(drafts)
    )
