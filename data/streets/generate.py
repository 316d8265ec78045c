"""Draws the dataset "streets": labeled street scenes, in the folder layout of Cityscapes.

Needs no download. 460 images of 256 x 512 pixels take about half a minute on one core and 120 MB. Rerun the same
command to resume; a complete set is kept.

  python -m data.streets.generate --output_dir=data/streets/drawn
"""

from collections.abc import Sequence

import tqdm
from absl import flags

from contextnet_tf.datasets.catalog import get_dataset
from data import streets
from experiments import common_flags, program

flags.DEFINE_integer(
    "image_height", 256, "Height of the images in pixels.", lower_bound=64, upper_bound=common_flags.MAX_SIDE
)
flags.DEFINE_integer(
    "image_width", 512, "Width of the images in pixels.", lower_bound=64, upper_bound=common_flags.MAX_SIDE
)
flags.DEFINE_integer("train_images", 400, "Number of images of the split train.", lower_bound=1, upper_bound=10_000_000)
flags.DEFINE_integer("val_images", 60, "Number of images of the split val.", lower_bound=1, upper_bound=10_000_000)
common_flags.key_flags(output_dir="Folder to write to. Default: data/streets/drawn.", seed="Seed of the scenes.")


def run(
    *,
    output_dir: str,
    seed: int = 0,
    image_height: int = 256,
    image_width: int = 512,
    train_images: int = 400,
    val_images: int = 60,
) -> int:
    """Draws the missing images of the set and returns their number. The arguments are the flags."""
    images = {"train": train_images, "val": val_images}
    with tqdm.tqdm(total=sum(images.values()), desc="drawing streets", unit="image", delay=0.3) as bar:
        return streets.write_set(
            output_dir, images, seed=seed, height=image_height, width=image_width, on_image=bar.update
        )


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    given = flags.FLAGS
    output_dir = given.output_dir or get_dataset("streets").default_data_dir
    drawn = run(
        output_dir=output_dir,
        seed=given.seed,
        image_height=given.image_height,
        image_width=given.image_width,
        train_images=given.train_images,
        val_images=given.val_images,
    )
    print(f"{drawn} images drawn: {output_dir}" if drawn else f"already drawn, left as it is: {output_dir}")


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
