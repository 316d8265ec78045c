"""Several networks as one that averages their decisions (section 3.2.1, "ContextNet vs Ensemble Nets")."""

from collections.abc import Sequence

import keras
from keras import layers, ops

from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.models.rewrite import copy_layer, rewrite

# Probabilities below this are all the same to float32 beside those near 1, and an int8 file needs a finite range.
_LEAST_PROBABILITY = 1e-7


@keras.saving.register_keras_serializable(package="contextnet_tf")
class LogOfMean(layers.Layer):
    """The logarithm of the mean of several probabilities: a list of float32 [B, H, W, C] -> float32 [B, H, W, C].

    Probabilities below 1e-7 count as 1e-7.
    """

    def call(self, probabilities: list[keras.KerasTensor]) -> keras.KerasTensor:
        """See the class."""
        mean = sum(probabilities[1:], probabilities[0]) * (1.0 / len(probabilities))
        return ops.log(ops.maximum(mean, _LEAST_PROBABILITY))

    def compute_output_shape(self, input_shapes: list[tuple[int | None, ...]]) -> tuple[int | None, ...]:
        """The shape that the call gives."""
        return input_shapes[0]


def ensemble(models: Sequence[keras.Model]) -> keras.Model:
    """A network that averages the soft-maxes of others: float32 [B, H, W, 3] -> {"main": logits [B, H, W, C]}.

    Its logits are the logarithms of the mean probabilities, so that the soft-max of them is that mean, and every
    program takes it as it takes any network. H and W must suit all members. It holds copies of them, whose layers are
    named `member1_...`, and auxiliary heads are left out. The name joins the members' names by "_and_".

    Raises:
      InputError: there are fewer than two models, or they have different numbers of classes or fixed sizes, or models
        of one name within them; or one is not functional or has no output "main".
    """
    if len(models) < 2:
        raise InputError(f"an ensemble needs two networks or more, not {len(models)}")
    for model in models:
        if not isinstance(getattr(model, "output", None), dict) or "main" not in model.output:
            raise InputError(f"network {model.name!r}: has no output 'main'; take a segmentation network")
    classes = [model.output["main"].shape[-1] for model in models]
    if len(set(classes)) > 1:
        raise InputError(f"networks of an ensemble need the same classes; these have {', '.join(map(str, classes))}")
    image = keras.Input((*_common_size(models), 3), name="image")
    probabilities = []
    for number, model in enumerate(models, start=1):
        member = rewrite(without_aux_heads(model), _renaming(f"member{number}"), inputs=image)
        softmax = layers.Softmax(dtype="float32", name=f"member{number}_softmax")
        probabilities.append(softmax(member.output["main"]))
    logits = LogOfMean(dtype="float32", name="main")(probabilities)
    name = "_and_".join(model.name for model in models)
    try:
        return keras.Model(image, {"main": logits}, name=name)
    except ValueError as error:  # models within the members keep their names
        raise InputError(f"network {name!r}: cannot be built ({reason_of(error)})") from error


def _renaming(prefix: str):
    return lambda layer: copy_layer(layer, name=f"{prefix}_{layer.name}")


def _common_size(models: Sequence[keras.Model]) -> tuple[int | None, int | None]:
    """Height and width that all take; None for any."""
    sizes = {tuple(model.input_shape[1:3]) for model in models} - {(None, None)}
    if len(sizes) > 1:
        shown = " and ".join(f"{height} x {width}" for height, width in sorted(sizes, key=str))
        raise InputError(f"networks of an ensemble need the same image size; these have {shown}")
    return sizes.pop() if sizes else (None, None)
