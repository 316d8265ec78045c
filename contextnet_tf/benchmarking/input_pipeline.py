"""The cost of each stage of the input pipeline on this machine, measured with the code used in training."""

import itertools
import statistics
import time
from collections.abc import Callable, Sequence

import tensorflow as tf

from contextnet_tf.datasets.augment import Augmentation, augment, scaled_crop
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.pipeline import evaluation_dataset, training_dataset
from contextnet_tf.datasets.sources import Example
from contextnet_tf.datasets.uninterrupted import Uninterrupted
from contextnet_tf.datasets.windows import window_at
from contextnet_tf.errors import InputError
from contextnet_tf.runs.benchmarks import InputCost

LARGE_SCALE = 2.0  # section 3.1's largest scale, where cropping first saves most
_AUGMENTATION = Augmentation()
_IMAGES_A_PASS = 16  # amortizes the start of a stage, some milliseconds


def measure_input(
    dataset: Dataset,
    examples: Sequence[Example],
    *,
    crop_size: tuple[int, int],
    batch_size: int,
    rounds: int,
    seed: int = 0,
    on_round: Callable[[], None] = lambda: None,
) -> dict[str, InputCost]:
    """Measures all stages in each round, in order; returns medians over the rounds.

    The stages run on one thread, each on the cached result of the stage before; the total is the whole pipeline with
    automatic parallelism. An extra first round traces and warms up. In each round a stage processes every example;
    a short list is repeated.

    Args:
      dataset, examples: the data; a few images of one size, since decoded and augmented images are kept in memory.
      crop_size: (height, width) of the crops.
      batch_size: images per batch.
      rounds: number of measured rounds.
      seed: of order and augmentation.
      on_round: called after each round.

    Returns:
      By name: "read" (files to memory), "png" (PNG decoding of image and label only), "load" (files to image and train
      ids), "augment", "batch", "total"; and at scale 2, with the same crops, "crop_first" (ours) and "scale_first"
      (resizes the whole image, then crops).

    Raises:
      InputError: the crop is more than twice as large as the images.
    """
    images = -(-max(_IMAGES_A_PASS, len(examples)) // batch_size) * batch_size
    passed = list(itertools.islice(itertools.cycle(examples), images))
    stages = _stages(dataset, passed, crop_size, batch_size, seed)
    costs: dict[str, list[InputCost]] = {name: [] for name in stages}
    for number in range(rounds + 1):
        for name, stage in stages.items():
            cost = _cost(stage, images)
            if number:
                costs[name].append(cost)
        on_round()
    return {
        name: InputCost(
            statistics.median(cost.milliseconds for cost in measured),
            statistics.median(cost.core_milliseconds for cost in measured),
        )
        for name, measured in costs.items()
    }


def scale_then_crop(image: tf.Tensor, label: tf.Tensor, scale: float, origin: tuple[int, int], crop_size):
    """The simple method, for comparison: resizes the whole image, then crops.

    Args:
      image: uint8 [H, W, 3].
      label: uint8 [H, W].
      scale: above 1.
      origin: (y, x) of the crop's upper left corner in pixels of the image.
      crop_size: (height, width) of the crop, which lies inside the scaled image.

    Returns:
      (float32 [height, width, 3] in [0, 1], uint8 [height, width]).
    """
    size = tf.cast(tf.round(tf.cast(tf.shape(label), tf.float32) * scale), tf.int32)
    top, left = (round(scale * place) for place in origin)
    height, width = crop_size
    scaled = tf.image.resize(image, size)[top : top + height, left : left + width]
    ids = tf.image.resize(label[..., tf.newaxis], size, method="nearest")[top : top + height, left : left + width, 0]
    return scaled / 255.0, ids


def _stages(
    dataset: Dataset,
    examples: Sequence[Example],
    crop_size: tuple[int, int],
    batch_size: int,
    seed: int,
) -> dict[str, tf.data.Dataset]:
    files = tf.data.Dataset.from_tensor_slices(
        ([example.image_path for example in examples], [example.label_path for example in examples])
    )
    read = files.map(lambda *paths: tuple(tf.io.read_file(path) for path in paths))
    contents = read.cache()
    load = evaluation_dataset(dataset, examples, num_parallel_calls=1)
    images = load.cache()
    seeds = tf.data.Dataset.range(len(examples)).map(lambda number: tf.random.fold_in([seed, 0], number))

    def change(pair, sample_seed):
        image, label = pair
        return augment(image, label, sample_seed, crop_size, _AUGMENTATION)

    changed = tf.data.Dataset.zip(images, seeds).map(change)
    # At the image center, on whole pixels, so that both methods give the same crop.
    size = next(iter(load))[1].shape
    if any(crop > LARGE_SCALE * length for crop, length in zip(crop_size, size, strict=True)):
        raise InputError(
            f"a crop of {crop_size[0]} x {crop_size[1]} (height x width) is more than twice as large as the images, "
            f"which are {size[0]} x {size[1]}; give a smaller one"
        )
    top, left = (int(length - crop / LARGE_SCALE) // 2 for length, crop in zip(size, crop_size, strict=True))
    origin = top, left

    def crop_first(image, label):
        window = window_at(tf.cast(origin, tf.float32), tf.constant(LARGE_SCALE), tf.shape(label), crop_size)
        return scaled_crop(image, label, window, crop_size)

    stages = {
        "read": read,
        "png": contents.map(
            lambda image, label: (tf.io.decode_png(image, channels=3), tf.io.decode_png(label, channels=1))
        ),
        "load": load,
        "augment": changed,
        "batch": changed.cache().batch(batch_size),
        "crop_first": images.map(crop_first),
        "scale_first": images.map(lambda image, label: scale_then_crop(image, label, LARGE_SCALE, origin, crop_size)),
    }
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    total = training_dataset(
        dataset,
        examples,
        augmentation=_AUGMENTATION,
        crop_size=crop_size,
        batch_size=batch_size,
        seed=seed,
        first_step=0,
        last_step=len(examples) // batch_size,
    )
    return {name: stage.with_options(options) for name, stage in stages.items()} | {"total": total}


def _cost(stage: tf.data.Dataset, images: int) -> InputCost:
    started, started_computing = time.perf_counter(), time.process_time()
    for _ in Uninterrupted(stage):
        pass
    return InputCost(
        1000.0 * (time.perf_counter() - started) / images,
        1000.0 * (time.process_time() - started_computing) / images,
    )
