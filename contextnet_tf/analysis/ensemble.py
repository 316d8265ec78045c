"""Ensembles: one network that averages the outputs of several (section 3.2.1, "ContextNet vs Ensemble Nets")."""

from collections.abc import Sequence

import keras
from keras import layers

from contextnet_tf.errors import InputError, reason_of
from contextnet_tf.models.graph import require_model
from contextnet_tf.models.logits import LogOfMean
from contextnet_tf.models.outputs import without_aux_heads
from contextnet_tf.models.rewrite import copy_layer, rewrite


def ensemble(models: Sequence[keras.Model]) -> keras.Model:
    """A network that averages the soft-max outputs of others: float32 [B, H, W, 3] -> {"main": logits [B, H, W, C]}.

    The logits are the logarithms of the mean probabilities, so their soft-max is the mean, and every program accepts
    the ensemble like any network. H and W must be valid for all members. The ensemble holds copies of the members
    without auxiliary heads; layer names start with `member1_` and so on. Its name joins the members' names by "_and_".

    Raises:
      InputError: there are fewer than two models; they differ in the number of classes or the fixed size, or contain
        inner models of the same name; or a model is not functional or has no output "main".
    """
    if not isinstance(models, list | tuple):
        raise InputError(f"an ensemble needs a list of networks, not a {type(models).__name__}")
    for model in models:
        require_model(model)
    if len(models) < 2:
        raise InputError(f"an ensemble needs two networks or more, not {len(models)}")
    for model in models:
        if not isinstance(getattr(model, "output", None), dict) or "main" not in model.output:
            raise InputError(f"network {model.name!r}: has no output 'main'; give a segmentation network")
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
    except ValueError as error:  # inner models keep their names, which may collide
        raise InputError(f"network {name!r}: cannot be built ({reason_of(error)})") from error


def _renaming(prefix: str):
    return lambda layer: copy_layer(layer, name=f"{prefix}_{layer.name}")


def _common_size(models: Sequence[keras.Model]) -> tuple[int | None, int | None]:
    """The common fixed height and width; None: any size."""
    sizes = {tuple(model.input_shape[1:3]) for model in models} - {(None, None)}
    if len(sizes) > 1:
        shown = " and ".join(f"{height} x {width}" for height, width in sorted(sizes, key=str))
        raise InputError(f"networks of an ensemble need the same image size; these have {shown}")
    return sizes.pop() if sizes else (None, None)
