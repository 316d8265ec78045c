"""Draws the data set "streets": labelled street scenes, in the folder layout of Cityscapes.

Needs no download. 460 pictures of 256 x 512 pixels take about half a minute on one core and 120 MB. A drawing
that was interrupted goes on where it was; a set that is there already is left as it is.

  python -m data.streets.generate --output_dir=data/streets/drawn
"""

from collections.abc import Sequence

import tqdm
from absl import flags

from contextnet_tf.datasets import streets
from contextnet_tf.datasets.catalog import get_dataset
from experiments import program

flags.DEFINE_integer("picture_height", 256, "Height of the pictures.", lower_bound=64)
flags.DEFINE_integer("picture_width", 512, "Width of the pictures.", lower_bound=64)
flags.DEFINE_integer("train_pictures", 400, "Number of pictures to train on.", lower_bound=1)
flags.DEFINE_integer("val_pictures", 60, "Number of pictures to validate on.", lower_bound=1)
program.key_flags("output_dir", "seed")


def run(
    *,
    output_dir: str,
    seed: int = 0,
    picture_height: int = 256,
    picture_width: int = 512,
    train_pictures: int = 400,
    val_pictures: int = 60,
) -> int:
    """Draws what is missing of the set, returns how many pictures that were; the arguments are the flags."""
    pictures = {"train": train_pictures, "val": val_pictures}
    with tqdm.tqdm(total=sum(pictures.values()), desc="drawing streets", unit="picture", delay=0.3) as bar:
        return streets.write_set(
            output_dir, pictures, seed=seed, height=picture_height, width=picture_width, on_picture=bar.update
        )


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    given = flags.FLAGS
    output_dir = given.output_dir or get_dataset("streets").default_data_dir
    drawn = run(
        output_dir=output_dir,
        seed=given.seed,
        picture_height=given.picture_height,
        picture_width=given.picture_width,
        train_pictures=given.train_pictures,
        val_pictures=given.val_pictures,
    )
    print(f"{drawn} pictures drawn: {output_dir}" if drawn else f"already drawn, left as it is: {output_dir}")


if __name__ == "__main__":
    program.run(main)
