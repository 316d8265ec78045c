"""Copy-paste of rare objects: pixels of a rare class from another training image are pasted into a sample.

After Ghiasi et al. (2021), "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation", with all
pixels of one class in a crop instead of instances, which semantic labels do not distinguish. Not in the paper.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from contextnet_tf.datasets.labels import IGNORE
from contextnet_tf.datasets.sampling import ClassUniform, class_place
from contextnet_tf.errors import InputError

_SALT = -2  # of the order of the pasted classes and places


@dataclasses.dataclass(frozen=True)
class CopyPaste:
    """The share of samples that get pasted pixels, above 0, at most 1, and the places of the rare classes."""

    fraction: float
    places: ClassUniform


def rare_places(classes: ClassUniform, pixel_counts: np.ndarray) -> ClassUniform:
    """The places of the rare classes alone: those with less than half of an even share of the pixels.

    Args:
      classes: the places of all C classes.
      pixel_counts: int64 [C], pixels of each class in the training split.

    Raises:
      InputError: no class is rare.
    """
    rare = (pixel_counts > 0) & (pixel_counts < pixel_counts.sum() / (2 * len(pixel_counts)))
    if not (rare & (classes.counts > 0)).any():
        raise InputError(
            "`copy_paste_fraction`: no class is rare (below half of an even share of the pixels); set it to 0"
        )
    return dataclasses.replace(classes, counts=np.where(rare, classes.counts, 0))


def is_pasted(seed: tf.Tensor, fraction: float) -> tf.Tensor:
    """Whether the sample of the augmentation seed `seed` (int32 [2]) gets pasted pixels; bool []."""
    return tf.random.stateless_uniform([], seed) < fraction


def donor(sample: tf.Tensor, seed: int, places: ClassUniform) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Chooses what to paste into sample number `sample` (int64 []): the rare classes in turn, each place equally often.

    Returns:
      (index of the example int64 [], center of its crop int32 [2], train id int64 []).
    """
    place, train_id = class_place(sample, seed, places, _SALT)
    return tf.constant(places.examples)[place], tf.constant(places.centers)[place], train_id


def paste(
    image: tf.Tensor, label: tf.Tensor, donor_image: tf.Tensor, donor_label: tf.Tensor, train_id: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Replaces the pixels of a crop where the donor's crop shows the class `train_id`; ignored pixels stay.

    Args:
      image, donor_image: float32 [H, W, 3].
      label, donor_label: uint8 [H, W].
      train_id: int64 [].
    """
    shown = (donor_label == tf.cast(train_id, donor_label.dtype)) & (label != IGNORE)
    return tf.where(shown[..., tf.newaxis], donor_image, image), tf.where(shown, donor_label, label)
