"""Unpacks Cityscapes' archives into the folder that `--dataset=cityscapes` reads.

Put leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip, available from the dataset's site after
registration, into one folder. Unpacking takes about 12 GB.

  python -m data.cityscapes.prepare --zip_dir=DOWNLOADS --data_dir=data/cityscapes

Only images, label ids and instance ids are unpacked, not polygons and colored labels. Rerun the same command to
resume: complete files are kept. Damaged archives, and archives with members outside of --data_dir, are refused.
"""

import functools
import pathlib
from collections.abc import Sequence

import tqdm
from absl import flags

from contextnet_tf.datasets.archives import members, unpack
from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.datasets.sources.cityscapes import IMAGE_END, IMAGES, INSTANCE_END, LABEL_END, LABELS
from contextnet_tf.errors import InputError
from experiments import common_flags, flag_kinds, program

ARCHIVES = {
    "leftImg8bit_trainvaltest.zip": (IMAGES, (IMAGE_END,)),
    "gtFine_trainvaltest.zip": (LABELS, (LABEL_END, INSTANCE_END)),
}

flag_kinds.define_path(
    "zip_dir", None, "Folder with leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip. Required."
)
common_flags.key_flags(data_dir="Folder to unpack to. Default: data/cityscapes.")


def run(*, zip_dir: str, data_dir: str) -> dict[str, tuple[int, int, int]]:
    """Unpacks the missing files; returns (images, label files, published number of both) by split. The arguments are
    the flags."""
    wanted = []
    for name, (folder, ends) in ARCHIVES.items():
        found = members(pathlib.Path(zip_dir) / name, functools.partial(_is_needed, folder=folder, ends=ends))
        if not found:
            raise InputError(
                f"{pathlib.Path(zip_dir) / name}: holds no {folder}/SPLIT/CITY/*{ends[0]}; is it another archive?"
            )
        wanted += found
    with tqdm.tqdm(
        total=sum(member.size for member in wanted), desc="unpacking", unit="B", unit_scale=True, dynamic_ncols=True
    ) as bar:
        unpack(wanted, data_dir, on_bytes=bar.update)
    return {
        split: (
            sum(member.parts[1] == split and member.name.endswith(IMAGE_END) for member in wanted),
            sum(member.parts[1] == split and member.name.endswith(LABEL_END) for member in wanted),
            published,
        )
        for split, published in get_dataset("cityscapes").split_sizes.items()
    }


def _is_needed(parts: tuple[str, ...], folder: str, ends: tuple[str, ...]) -> bool:
    return len(parts) == 4 and parts[0] == folder and parts[-1].endswith(ends)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    data_dir = flags.FLAGS.data_dir or get_dataset("cityscapes").default_data_dir
    counts = run(zip_dir=common_flags.required("zip_dir"), data_dir=data_dir)
    for split, (images, labels, published) in counts.items():
        print(f"{split:6}{images:,} of {published:,} images, {labels:,} of {published:,} label files")
    print(f"unpacked: {data_dir}")


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
