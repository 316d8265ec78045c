"""Every network by its name."""

import dataclasses
import functools
from collections.abc import Callable

import keras

from contextnet_tf.errors import InputError
from contextnet_tf.models.comparison.deeplab_v2 import build_deeplab_v2
from contextnet_tf.models.comparison.enet import build_enet
from contextnet_tf.models.comparison.erfnet import build_erfnet
from contextnet_tf.models.comparison.icnet import build_icnet
from contextnet_tf.models.comparison.pspnet import build_pspnet
from contextnet_tf.models.comparison.segnet import build_segnet
from contextnet_tf.models.contextnet import build_context_only, build_contextnet, build_detail_only
from contextnet_tf.models.spec import VARIANTS, ContextNetSpec

_BUILDERS: dict[str, Callable[..., keras.Model]] = {
    **{name: functools.partial(build_contextnet, spec) for name, spec in VARIANTS.items()},
    # Section 3.2.1, "ContextNet vs Ensemble Nets": the branches of cn14, each trained by itself.
    "context-only": functools.partial(build_context_only, dataclasses.replace(VARIANTS["cn14"], name="context-only")),
    "detail-only": functools.partial(build_detail_only, dataclasses.replace(VARIANTS["cn14"], name="detail-only")),
    # Tables 6 and 7: the systems that the paper compares with.
    "segnet": build_segnet,
    "enet": build_enet,
    "erfnet": build_erfnet,
    "icnet": build_icnet,
    "pspnet": build_pspnet,
    "deeplab_v2": build_deeplab_v2,
}


def model_names() -> tuple[str, ...]:
    """The names that `build_model` knows."""
    return tuple(_BUILDERS)


def build_model(
    name_or_spec: str | ContextNetSpec,
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (1024, 2048, 3),
    aux_head: bool = False,
) -> keras.Model:
    """Builds a network: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    With `aux_head` also "aux", logits of the same shape for an auxiliary loss, of the networks that have an
    auxiliary head: ContextNet, PSPNet and ICNet, which has a second one, "aux2". H and W may be None: the
    network then takes any size that is a multiple of what it needs. Weights are fresh.

    Raises:
      InputError: the name is unknown, or the network cannot have that input or number of classes.
    """
    if isinstance(name_or_spec, ContextNetSpec):
        builder = functools.partial(build_contextnet, name_or_spec)
    elif name_or_spec in _BUILDERS:
        builder = _BUILDERS[name_or_spec]
    else:
        raise InputError(f"unknown network {name_or_spec!r}; known are {', '.join(model_names())}")
    return builder(num_classes=num_classes, input_shape=input_shape, aux_head=aux_head)
