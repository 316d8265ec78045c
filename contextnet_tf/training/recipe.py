"""Training recipes. Values from the paper cite its section; all others are our choice."""

import dataclasses
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from contextnet_tf.datasets.augmentation import LATER, Augmentation
from contextnet_tf.errors import InputError

if TYPE_CHECKING:  # Keras is imported where an optimizer is built: reading a recipe does not need it
    from keras.optimizers import Optimizer
    from keras.optimizers.schedules import LearningRateSchedule


@dataclasses.dataclass(frozen=True)
class RMSprop:
    """Section 3.1: "RMSprop with a discounting factor of 0.9, momentum of 0.9 and epsilon parameter
    equal to 1". Keras, like TensorFlow 1, which the paper used, adds epsilon inside the root. The mean square begins
    with 0; in TensorFlow 1 with 1, which is forgotten after about 20 steps.
    Weight decay is added to the gradient, like an L2 regularization loss."""

    discount: float = 0.9
    momentum: float = 0.9
    epsilon: float = 1.0
    # Not stated in the paper. 4e-5 is the value of MobileNetV2 [15], the source of the bottleneck blocks.
    coupled_weight_decay: float = 4e-5

    def with_weight_decay(self, weight_decay: float) -> "RMSprop":
        """The same with another weight decay; 0: none."""
        return dataclasses.replace(self, coupled_weight_decay=weight_decay)

    def build(self, learning_rate: "LearningRateSchedule") -> "Optimizer":
        """The Keras optimizer; the training step adds the weight decay to the gradients."""
        import keras

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

    def build(self, learning_rate: "LearningRateSchedule") -> "Optimizer":
        """The Keras optimizer, which applies the weight decay itself."""
        import keras

        return keras.optimizers.AdamW(
            learning_rate,
            beta_1=self.beta_1,
            beta_2=self.beta_2,
            epsilon=self.epsilon,
            weight_decay=self.weight_decay,
        )


@dataclasses.dataclass(frozen=True)
class Adam:
    """Adam with weight decay added to the gradient, like an L2 regularization loss; the published networks of this size
    (CGNet, DABNet and others) are trained so."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    coupled_weight_decay: float = 2e-4  # of CGNet and DABNet

    def with_weight_decay(self, weight_decay: float) -> "Adam":
        """The same with another weight decay; 0: none."""
        return dataclasses.replace(self, coupled_weight_decay=weight_decay)

    def build(self, learning_rate: "LearningRateSchedule") -> "Optimizer":
        """The Keras optimizer; the training step adds the weight decay to the gradients."""
        import keras

        return keras.optimizers.Adam(learning_rate, beta_1=self.beta_1, beta_2=self.beta_2, epsilon=self.epsilon)


AnyOptimizer = RMSprop | AdamW | Adam
_OPTIMIZERS: dict[str, type[AnyOptimizer]] = {"rmsprop": RMSprop, "adamw": AdamW, "adam": Adam}


def optimizer_names() -> list[str]:
    """The names that `new_optimizer` accepts."""
    return list(_OPTIMIZERS)


def new_optimizer(name: str, like: AnyOptimizer) -> AnyOptimizer:
    """The optimizer `name` with its default settings; `like` itself if it is already of this type.

    Raises:
      InputError: the name is unknown.
    """
    if name not in _OPTIMIZERS:
        raise InputError(f"`optimizer={name}` is unknown; choose from {', '.join(optimizer_names())}")
    return like if isinstance(like, _OPTIMIZERS[name]) else _OPTIMIZERS[name]()


# The range of each field: (description, predicate). NaN satisfies none of the predicates.
_LIMITS: dict[str, tuple[str, Callable[[float], bool]]] = {
    **dict.fromkeys(("epochs", "batch_size", "validation_epochs"), ("at least 1", lambda x: x >= 1)),
    **dict.fromkeys(
        (
            "power",
            "warmup_epochs",
            "aux_weight",
            "class_weight_exponent",
            "bn_recalibration_batches",
        ),
        ("at least 0", lambda x: x >= 0),
    ),
    **dict.fromkeys(("ema_decay", "batch_norm_momentum"), ("from 0 to less than 1", lambda x: 0 <= x < 1)),
    **dict.fromkeys(
        ("class_uniform_fraction", "label_smoothing", "copy_paste_fraction"), ("from 0 to 1", lambda x: 0 <= x <= 1)
    ),
    "base_learning_rate": ("more than 0", lambda x: x > 0),
    "ohem_threshold": ("more than 0 and at most 1", lambda x: 0 < x <= 1),
}
# Field name -> name of the parameter of `experiments.train.run`, where they differ.
_PARAMETERS = {"base_learning_rate": "learning_rate"}


CLASS_WEIGHTS = ("frequency", "enet")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """All settings of a training run except the network, the data and the seed.

    Raises:
      InputError: a value is out of range.
    """

    name: str
    epochs: int
    batch_size: int
    optimizer: AnyOptimizer
    base_learning_rate: float
    power: float  # of the poly schedule
    warmup_epochs: float  # length of the linear warm-up of the learning rate
    aux_weight: float
    augmentation: Augmentation
    class_weight_exponent: (
        float  # section 2.2.3: class weights are frequency ** -class_weight_exponent; 0: no class weights
    )
    ema_decay: float  # decay of the exponential moving average (EMA) of the weights; 0: no EMA
    batch_norm_momentum: float
    validation_epochs: int  # epochs between validations; the last step is always validated
    # Crop size of the training images: (height, width); "inside": the largest size within the image that the network
    # accepts; or "whole": the image padded, with ignored pixels, to a size that the network accepts. Not stated.
    crop: tuple[int, int] | Literal["inside", "whole"] = "inside"
    # The share of samples centered on each class in turn, as in Zhu et al. (2019). Not in the paper.
    class_uniform_fraction: float = 0.0
    # Not in the paper: see `CrossEntropy`.
    label_smoothing: float = 0.0
    ohem_threshold: float = 1.0
    # Training batches used to re-estimate the EMA network's batch statistics before each validation.
    bn_recalibration_batches: int = 0
    # "frequency": as `class_weight_exponent` says; "enet": 1 / ln(1.10 + frequency), and the exponent does not apply.
    class_weights: Literal["frequency", "enet"] = dataclasses.field(default="frequency", metadata=LATER)
    # The share of samples into which pixels of a rare class of another training image are pasted. Not in the paper.
    copy_paste_fraction: float = dataclasses.field(default=0.0, metadata=LATER)

    def __post_init__(self):
        if self.class_weights not in CLASS_WEIGHTS:
            raise InputError(f"`class_weights={self.class_weights}` is unknown; choose from {', '.join(CLASS_WEIGHTS)}")
        for name, (limits, allowed) in _LIMITS.items():
            value = getattr(self, name)
            if not (math.isfinite(value) and allowed(value)):
                raise InputError(f"`{_PARAMETERS.get(name, name)}={value}` is out of range; it must be {limits}")

    def to_json(self) -> dict[str, Any]:
        """All fields, nested ones included, as JSON-serializable values.

        Fields that older versions did not have are left out at their default, so that older runs can be resumed.
        """
        fields = dataclasses.asdict(self)
        for record, part in ((self, fields), (self.augmentation, fields["augmentation"])):
            for field in dataclasses.fields(record):
                if field.metadata == LATER and getattr(record, field.name) == field.default:
                    del part[field.name]
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
    augmentation=Augmentation(),  # section 3.1; the ranges of color_jitter are ours
    class_weight_exponent=0,  # section 2.2.3: class weights "did not help"
    ema_decay=0,  # not in the paper
    batch_norm_momentum=0.99,  # not stated; Keras' default
    validation_epochs=10,  # not stated
)

# The best recipe we found for a one-hour run on a small dataset.
SHORT = Recipe(
    name="short",
    epochs=60,
    batch_size=8,
    optimizer=AdamW(),
    base_learning_rate=4e-3,
    power=0.9,
    warmup_epochs=1,  # Adam's second-moment estimates are noisy at first
    aux_weight=0.4,
    # The paper's 0.5 would leave three quarters of a crop of the image's size empty.
    augmentation=Augmentation(scale=(0.75, 2.0)),
    class_weight_exponent=0.5,  # without it, rare classes are not learned in this time
    ema_decay=0.998,
    # Moving statistics must converge within a short run: with 0.99 they lag by hundreds of steps in a deep network.
    batch_norm_momentum=0.9,
    validation_epochs=5,
)

# Techniques with which later real-time networks are trained on Cityscapes and CamVid (OHEM, class weights, warm-up,
# deep supervision, longer schedules). Each can be set separately; docs/results/camvid.md has the ablation.
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
    # Class-uniform sampling and OHEM favor rare classes too. With an exponent of 0.5, rare classes were predicted too
    # often, even on training images; adding 0.3 times the log frequency to the logits was best there.
    class_weight_exponent=0.2,
    ema_decay=0.999,
    batch_norm_momentum=0.97,
    validation_epochs=10,
    class_uniform_fraction=0.5,
    ohem_threshold=0.9,
    bn_recalibration_batches=16,
)

# A few steps, to test that training runs, not that it learns.
SMOKE = dataclasses.replace(SHORT, name="smoke", epochs=1, batch_size=2, warmup_epochs=0)

_RECIPES = {recipe.name: recipe for recipe in (PAPER, MODERN, SHORT, SMOKE)}


def recipe_names() -> list[str]:
    """The names that `get_recipe` accepts."""
    return list(_RECIPES)


def get_recipe(name: str) -> Recipe:
    """The recipe `name`.

    Raises:
      InputError: the name is unknown.
    """
    if name not in _RECIPES:
        raise InputError(f"unknown recipe {name!r}; choose from {', '.join(recipe_names())}")
    return _RECIPES[name]
