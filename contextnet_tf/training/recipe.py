"""How a network is trained, as values. What the paper states cites its section; the rest is ours."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any, Literal

import keras

from contextnet_tf.datasets.augment import Augmentation
from contextnet_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class RMSprop:
    """Section 3.1: "RMSprop with a discounting factor of 0.9, momentum of 0.9 and epsilon parameter
    equal to 1". Keras' form is that of TensorFlow 1, which the paper used: epsilon inside the root.
    Weight decay joins the gradient, as a regularization loss does."""

    discount: float = 0.9
    momentum: float = 0.9
    epsilon: float = 1.0
    # Not stated. 4e-5 is that of MobileNetV2 [15], whose blocks the network takes over.
    coupled_weight_decay: float = 4e-5

    def with_weight_decay(self, weight_decay: float) -> "RMSprop":
        """The same with another weight decay; 0: none."""
        return dataclasses.replace(self, coupled_weight_decay=weight_decay)

    def build(self, learning_rate: keras.optimizers.schedules.LearningRateSchedule) -> keras.optimizers.Optimizer:
        """The Keras optimizer; the loop adds the weight decay to the gradients."""
        return keras.optimizers.RMSprop(learning_rate, rho=self.discount, momentum=self.momentum, epsilon=self.epsilon)


@dataclasses.dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019)."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    weight_decay: float = 0.01
    coupled_weight_decay: float = 0.0

    def with_weight_decay(self, weight_decay: float) -> "AdamW":
        """The same with another weight decay; 0: none."""
        return dataclasses.replace(self, weight_decay=weight_decay)

    def build(self, learning_rate: keras.optimizers.schedules.LearningRateSchedule) -> keras.optimizers.Optimizer:
        """The Keras optimizer; it decays the weights by itself."""
        return keras.optimizers.AdamW(
            learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            weight_decay=self.weight_decay,
        )


_OPTIMIZERS = {"rmsprop": RMSprop, "adamw": AdamW}


def optimizer_names() -> list[str]:
    """The names that `new_optimizer` knows."""
    return list(_OPTIMIZERS)


def new_optimizer(name: str, like: RMSprop | AdamW) -> RMSprop | AdamW:
    """The optimizer `name` with its default settings; `like` itself where it is of that kind already.

    Raises:
      InputError: there is no optimizer of that name.
    """
    if name not in _OPTIMIZERS:
        raise InputError(f"`optimizer={name}` is unknown; choose from {', '.join(optimizer_names())}")
    return like if isinstance(like, _OPTIMIZERS[name]) else _OPTIMIZERS[name]()


# What each field may be: (in words, the condition), which nan never meets.
_LIMITS: dict[str, tuple[str, Callable[[float], bool]]] = {
    **dict.fromkeys(("epochs", "batch_size", "validation_epochs"), ("at least 1", lambda x: x >= 1)),
    **dict.fromkeys(
        (
            "base_learning_rate",
            "power",
            "warmup_epochs",
            "aux_weight",
            "class_weight_exponent",
            "bn_recalibration_batches",
        ),
        ("at least 0", lambda x: x >= 0),
    ),
    **dict.fromkeys(("ema_decay", "batch_norm_momentum"), ("from 0 to less than 1", lambda x: 0 <= x < 1)),
    **dict.fromkeys(("class_uniform_fraction", "label_smoothing"), ("from 0 to 1", lambda x: 0 <= x <= 1)),
    "ohem_threshold": ("more than 0 and at most 1", lambda x: 0 < x <= 1),
}
# Fields whose parameter of `experiments.train.run` has another name.
_PARAMETERS = {"base_learning_rate": "learning_rate"}


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything about a training run but the network, the data and the seed.

    Raises:
      InputError: a value is out of its range.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: RMSprop | AdamW
    base_learning_rate: float
    power: float  # of the poly schedule
    warmup_epochs: float  # the learning rate rises linearly from 0 over them
    aux_weight: float
    augmentation: Augmentation
    class_weight_exponent: (
        float  # section 2.2.3: a class counts with frequency ** -class_weight_exponent; 0: all classes alike
    )
    ema_decay: float  # decay of the exponential moving average of the weights; 0: no averaging
    batch_norm_momentum: float
    validation_epochs: int  # epochs from one measurement on the validation split to the next; the end is always one
    # The training images: (height, width) of a crop; "inside", the largest crop inside the dataset's images that
    # the network takes; or "whole", the images with a border, ignored, up to what the network takes. Not stated.
    crop: tuple[int, int] | Literal["inside", "whole"] = "inside"
    # The share of samples that are centered on each class in turn, as Zhu et al. (2019) have it. Not in the paper.
    class_uniform_fraction: float = 0.0
    # Not in the paper: see `CrossEntropy`.
    label_smoothing: float = 0.0
    ohem_threshold: float = 1.0
    # Training batches on which the averaged network's batch statistics are measured anew before it is validated.
    bn_recalibration_batches: int = 0

    def __post_init__(self):
        for name, (limits, allowed) in _LIMITS.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and allowed(value)):
                raise InputError(f"`{_PARAMETERS.get(name, name)}={value}` is out of range; it must be {limits}")

    def to_json(self) -> dict[str, Any]:
        """All fields, also of the parts, as values that JSON knows."""
        fields = dataclasses.asdict(self)
        fields["augmentation"]["scale"] = list(self.augmentation.scale)
        fields["crop"] = self.crop if isinstance(self.crop, str) else list(self.crop)
        fields["optimizer"]["name"] = type(self.optimizer).__name__
        return fields


PAPER = Recipe(
    name="paper",
    epochs=1000,  # section 3.1: "The maximum number of epochs is set to 1000"
    batch_size=16,  # section 2.2.3: "when we increased batch-size to 16 or more"
    optimizer=RMSprop(),  # section 3.1
    base_learning_rate=0.045,  # section 3.1
    power=0.98,  # section 3.1
    warmup_epochs=0,  # section 3.1 names none
    aux_weight=0.4,  # section 2.2.3
    augmentation=Augmentation(),  # section 3.1; the ranges of the colors are ours
    class_weight_exponent=0,  # section 2.2.3: class weights "did not help"
    ema_decay=0,  # not in the paper
    batch_norm_momentum=0.99,  # not stated; Keras' default
    validation_epochs=10,  # not stated
)

# The best that we found for a run of an hour on a small dataset.
SHORT = Recipe(
    name="short",
    epochs=60,
    batch_size=8,
    optimizer=AdamW(),
    base_learning_rate=4e-3,
    power=0.9,
    warmup_epochs=1,  # Adam's second moments are noise at first
    aux_weight=0.4,
    # Half the paper's range of small scales: a crop of the image's own size would be mostly empty.
    augmentation=Augmentation(scale=(0.75, 2.0)),
    class_weight_exponent=0.5,  # the rare classes would not be learned at all in this time
    ema_decay=0.998,
    # Moving statistics must follow within a short run: 0.99 lags by hundreds of steps in a deep network.
    batch_norm_momentum=0.9,
    validation_epochs=5,
)

# What published networks of this size are trained with when nothing is pretrained (BiSeNet, DDRNet, PIDNet and
# others, on Cityscapes and CamVid), each part with a flag of its own: RESULTS.md has what each is worth here.
MODERN = Recipe(
    name="modern",
    epochs=400,  # hundreds of epochs: a small network without pretraining learns slowly
    batch_size=8,
    optimizer=AdamW(weight_decay=0.02),
    base_learning_rate=4e-3,
    power=0.9,
    warmup_epochs=1,
    aux_weight=0.4,
    augmentation=Augmentation(scale=(0.75, 2.0)),
    # Class-uniform samples and hard pixels favor rare classes too. With 0.5 they were predicted too often, also on the
    # training images; there 0.3 times the logarithm of the frequency, added to the logits, was best.
    class_weight_exponent=0.2,
    ema_decay=0.999,
    batch_norm_momentum=0.97,
    validation_epochs=10,
    class_uniform_fraction=0.5,
    ohem_threshold=0.9,
    bn_recalibration_batches=16,
)

# A few steps, for tests: that everything runs, not that it learns.
SMOKE = dataclasses.replace(SHORT, name="smoke", epochs=1, batch_size=2, warmup_epochs=0)

_RECIPES = {recipe.name: recipe for recipe in (PAPER, MODERN, SHORT, SMOKE)}


def recipe_names() -> list[str]:
    """The names that `get_recipe` knows."""
    return list(_RECIPES)


def get_recipe(name: str) -> Recipe:
    """The recipe `name`.

    Raises:
      InputError: there is no recipe of that name.
    """
    if name not in _RECIPES:
        raise InputError(f"{name!r} is no recipe; known are {', '.join(recipe_names())}")
    return _RECIPES[name]
