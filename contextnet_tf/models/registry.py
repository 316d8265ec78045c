"""All networks by name."""

import dataclasses
import functools
import importlib
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from contextnet_tf.errors import InputError, needed_by
from contextnet_tf.models.spec import VARIANTS, ContextNetSpec

if TYPE_CHECKING:
    import keras

_SPECS: dict[str, ContextNetSpec] = {
    **VARIANTS,
    # Section 3.2.1, "ContextNet vs Ensemble Nets": the branches of cn14, each trained separately.
    "context-only": dataclasses.replace(VARIANTS["cn14"], name="context-only", branches="context"),
    "detail-only": dataclasses.replace(VARIANTS["cn14"], name="detail-only", branches="detail"),
}
# Tables 6 and 7: the paper's comparison networks. comparison/NAME.py defines build_NAME.
_COMPARISON = ("segnet", "enet", "erfnet", "icnet", "pspnet", "deeplab_v2")
_WIDENED = re.compile(r"(?P<name>.+)x(?P<factor>\d+(\.\d+)?(e-\d+)?)")  # as `ContextNetSpec.widened` names it


def model_names() -> tuple[str, ...]:
    """The names that `build_model` accepts: ContextNet's variants, its branches, the comparison networks.

    `build_model` also accepts each ContextNet with a width factor, for example "cn14x1.5".
    """
    return (*_SPECS, *_COMPARISON)


def is_model_name(name: str) -> bool:
    """Whether `build_model` accepts `name`: one of `model_names`, or a ContextNet's with a width factor."""
    try:
        return name in _COMPARISON or bool(spec_named(name))
    except InputError:
        return False


def build_model(
    name_or_spec: str | ContextNetSpec,
    *,
    num_classes: int = 19,
    input_shape: tuple[int | None, int | None, int] = (1024, 2048, 3),
    aux_head: bool = False,
) -> "keras.Model":
    """Builds a network: float32 [B, H, W, 3] in 0 to 1 -> {"main": logits float32 [B, H, W, num_classes]}.

    With `aux_head`, ContextNet, PSPNet and ICNet also have "aux", logits of the same shape for an auxiliary loss; ICNet
    has a second auxiliary head, "aux2". H and W may be None: the network then accepts every multiple of its
    `size_multiple`. Weights are random.

    Args:
      name_or_spec: a spec; one of `model_names()`; or a ContextNet's name, "x" and a factor for
        `spec.widened(factor)`, for example "cn14x1.5" or "context-onlyx2".
      num_classes: number of classes.
      input_shape: (H, W, 3).
      aux_head: whether the network has its auxiliary heads.

    Raises:
      InputError: the name is unknown, or the width, input shape or number of classes is invalid; or Keras is set to
        channels_first.
      NotInstalledError: Keras or TensorFlow is not installed.
    """
    if not isinstance(name_or_spec, str | ContextNetSpec):
        raise InputError(f"network {name_or_spec!r}: it must be a name or a ContextNetSpec")
    if name_or_spec in _COMPARISON:
        builder = _builder("comparison", name_or_spec)
    else:
        spec = name_or_spec if isinstance(name_or_spec, ContextNetSpec) else spec_named(name_or_spec)
        builder = functools.partial(_builder("contextnet"), spec)
    return builder(num_classes=num_classes, input_shape=input_shape, aux_head=aux_head)


def _builder(*path: str) -> Callable[..., "keras.Model"]:
    """`build_NAME` of the module NAME, the last part of `path`. Imported on use: listing the names loads no Keras."""
    with needed_by("build_model"):
        module = importlib.import_module(".".join(("contextnet_tf.models", *path)))
        from contextnet_tf.models.keras_settings import require_channels_last
    require_channels_last()
    return getattr(module, f"build_{path[-1]}")


def spec_named(name: str, whole: str | None = None) -> ContextNetSpec:
    """The spec of a ContextNet's name, which may end in factors, as in "cn14x1.5"; an error quotes the `whole` name.

    Raises:
      InputError: no ContextNet has this name, or a factor is out of range.
    """
    if name in _SPECS:
        return _SPECS[name]
    widened = _WIDENED.fullmatch(name)
    if not widened:
        raise InputError(
            f"unknown network {whole or name!r}; choose from {', '.join(model_names())}, "
            "and each ContextNet with a factor, as in cn14x1.5"
        )
    return spec_named(widened["name"], whole or name).widened(float(widened["factor"]))
