"""Measures the cost of each stage of data loading on this machine.

Not in the paper. Targets on images of 1024 x 2048 (height x width): all other stages together cost at most as much as
PNG decoding; at scale 2, cropping first is at least three times cheaper than resizing the whole image first. Takes 90
seconds on two cores. Without --dataset, 16 synthetic scenes are drawn first (6 seconds) and removed afterwards.

  python -m experiments.benchmark_input --output_dir=runs/input
  python -m experiments.benchmark_input --dataset=cityscapes --data_dir=DIR --crop_height=1024 --crop_width=1024

Each stage runs on one thread, the whole pipeline ("total") on all cores. Core-milliseconds are processor time summed
over all cores. With --output_dir the figures go into the section "input" of result.json there.
"""

from collections.abc import Sequence
from typing import Any

from absl import flags

from contextnet_tf.runs.benchmarks import InputCost, InputSection
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, update_results
from experiments import common_flags, opening, program
from experiments.benchmark_images import benchmark_images
from experiments.progress import progress_bar

IMAGE_SIZE = (1024, 2048)  # of the synthetic scenes, as Cityscapes' images
CROPS = ((1024, 1024), (1024, 2048))  # half of such an image, and all of it
BATCH_SIZE = 4

# The title of each measured name in the table, in order.
ROWS = {
    "read": "read the files",
    "png": "decode PNG, nothing else",
    "load": "read, decode, map the labels",
    "augment": "augment",
    "batch": "batch",
    "total": "total",
    "crop_first": "scale 2: crop, then scale",
    "scale_first": "scale 2: scale, then crop",
}

common_flags.key_flags(
    "images",
    *common_flags.DATASET_FLAGS,
    **common_flags.UNRECORDED
    | {
        "crop_height": "Height of the crops in pixels. Default: 1024.",
        "crop_width": "Width of the crops in pixels. Default: 1024 and 2048, one after the other.",
        "rounds": "Measurement rounds; medians are reported. Default: 5.",
        "seed": "Seed of sample order, augmentation and synthetic scenes.",
        "output_dir": "Folder whose result.json gets the figures. Default: they are only printed.",
    },
)

ROUNDS = 5


def run(
    *,
    dataset: str | None = None,
    data_dir: str | None = None,
    output_dir: str | None = None,
    images: int = 16,
    rounds: int = ROUNDS,
    crop_size: tuple[int, int] | None = None,
    image_size: tuple[int, int] = IMAGE_SIZE,
    seed: int = 0,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> dict[str, dict[str, InputCost]]:
    """Measures each crop size: "height x width" -> name -> cost. The arguments are the flags."""
    from contextnet_tf.benchmarking.input_pipeline import measure_input

    provenance = current_provenance()
    if output_dir:
        ensure_updatable(output_dir)
    crops = [crop_size] if crop_size else CROPS
    description, data_dir = opening.find_dataset(
        dataset=dataset, data_dir=data_dir, class_table=class_table, default="streets"
    )
    drawn = dataset is None and data_dir is None
    with benchmark_images(description, drawn, data_dir, images, image_size, seed) as examples:
        with progress_bar(total=len(crops) * (rounds + 1), desc="measuring", unit="round", delay=0.3) as bar:
            costs = {
                f"{crop[0]} x {crop[1]}": measure_input(
                    description, examples, crop_size=crop, batch_size=BATCH_SIZE, rounds=rounds, seed=seed,
                    on_round=bar.update,
                )
                for crop in crops
            }  # fmt: skip
    if output_dir:
        section = InputSection(
            images=len(examples),
            rounds=rounds,
            batch_size=BATCH_SIZE,
            crops=costs,
            dataset=dataset or f"streets, drawn at {image_size[0]} x {image_size[1]}",
            split="train",
            provenance=provenance,
        )
        update_results(output_dir, section, flags={"benchmark_input": given_flags or {}})
    return costs


def table(costs: dict[str, InputCost]) -> str:
    """The figures of one crop size as lines of text."""
    lines = [f"{'':30} {'images/s':>10} {'core-ms an image':>18}"]
    for name, title in ROWS.items():
        cost = costs[name]
        lines.append(f"{title:30} {cost.images_per_second:>10.1f} {cost.core_milliseconds:>18.1f}")
    total, png = costs["total"].core_milliseconds, costs["png"].core_milliseconds
    ratio = costs["scale_first"].core_milliseconds / costs["crop_first"].core_milliseconds
    lines.append(
        f"decoding PNG is {100 * png / total:.0f} % of the total, "
        f"all the rest {(total - png) / png:.2f} times as much; "
        f"at scale 2, crop first is {ratio:.1f} times cheaper"
    )
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    costs = run(
        output_dir=values.output_dir,
        images=values.images,
        rounds=values.rounds or ROUNDS,
        crop_size=common_flags.given_size("crop_height", "crop_width"),
        seed=values.seed,
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
    )
    print("\n\n".join(f"crops of {crop} (height x width)\n{table(measured)}" for crop, measured in costs.items()))


if __name__ == "__main__":
    program.run(main)
