"""Shows and measures the contribution of each branch of a trained ContextNet, by zeroing the other one: Figure 2.

The paper: section 3.2.1, "Context Branch Analysis", without numbers: the context branch finds large objects but fails
at borders and in thin regions; the detail branch finds borders but fails inside of objects; they complement each other.
Here this is measured as IoU of each class, and as mean IoU within 3, 5 and 9 pixels of a border and in the interior.

  python -m experiments.analyze_branches --checkpoint=preset:cn14-camvid --data_dir=DIR --output_dir=runs/branches
  python -m experiments.analyze_branches --checkpoint=runs/camvid --figure_input="street/*.jpg" --output_dir=out

Writes branches.png (for each image: image, ground truth, context branch alone, detail branch alone, both), branches.md
and the section "branches" of result.json; with --figure_input only branches.png. Takes a minute for the 101 images of
CamVid's validation split on two cores.
"""

import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from absl import flags

from contextnet_tf.datasets import sources
from contextnet_tf.datasets.catalog import Dataset
from contextnet_tf.datasets.sources import Example, read_example
from contextnet_tf.datasets.sources.example import evenly_spread
from contextnet_tf.evaluation.borders import BorderConfusion
from contextnet_tf.files import atomic_write
from contextnet_tf.reporting.branches import BranchSample, borders_table, branches_figure, branches_note, branches_page
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, update_results
from contextnet_tf.runs.sections import Accuracy
from contextnet_tf.runs.studies import BranchesRow, BranchesSection
from experiments import common_flags, inputs, opening, program, splits
from experiments.progress import progress_bar

FIGURE_IMAGES = 4

flags.DEFINE_string(
    "figure_input",
    None,
    "Images to show, without measuring: a file, folder, or quoted pattern. Default: the dataset's, measured.",
)
flags.DEFINE_integer("figure_images", FIGURE_IMAGES, "Images of the split to show, evenly spread.", 1, 100)
common_flags.key_flags("checkpoint", *common_flags.DATASET_FLAGS, "output_dir", split=splits.SPLIT_TEXT)

Segment = Callable[[Any], Any]  # uint8 [H, W, 3] -> train ids uint8 [H, W]


def run(
    *,
    checkpoint: str,
    figure_input: str | None = None,
    figure_images: int = FIGURE_IMAGES,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str | None = None,
    output_dir: str,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> BranchesSection | None:
    """Draws branches.png; without `figure_input`, also measures and returns the section "branches".

    The arguments are the flags. `split` None: as in `evaluate.run`.

    Raises:
      InputError: the network has no fusion unit or other classes than the dataset; or files are missing.
    """
    from contextnet_tf.analysis.branches import zero_branch
    from contextnet_tf.evaluation.evaluate import segmentation

    provenance = current_provenance()
    path = opening.checkpoint_file(checkpoint)
    description, data_dir = opening.dataset_of(
        path, dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=opening.recording_dirs(path)
    )
    network = opening.open_network(checkpoint)
    opening.require_classes(path, network.output["main"].shape[-1], description)
    segments = {
        "context": segmentation(zero_branch(network, "detail")),
        "detail": segmentation(zero_branch(network, "context")),
        "both": segmentation(network),
    }
    folder = ensure_updatable(output_dir)
    if figure_input:
        _, items = inputs.named_images(figure_input)
        _draw(folder, ((item.name, item.image, None) for item in items), segments, description)
        return None
    chosen = splits.evaluated(split, (), splits.splits_of_run(opening.recording_dirs(path), description))
    chosen.warn_if_trained_on()
    examples = chosen.examples(description, data_dir)
    sources.check_files(examples)
    _draw(folder, _named_images(evenly_spread(examples, figure_images), description), segments, description)
    matrices = {name: BorderConfusion(description.num_classes) for name in segments}
    for example in progress_bar(examples, desc="evaluating", unit="image"):
        image, ground_truth = read_example(example, description)
        for name, segment in segments.items():
            matrices[name].update(ground_truth, np.asarray(segment(image)))
    both = matrices["both"]
    section = BranchesSection(
        model=network.name,
        checkpoint=path.name,
        images=len(examples),
        rows=tuple(_row(name, matrix, description, len(examples)) for name, matrix in matrices.items()),
        border_share={str(width): both.share(width) for width in both.near},
        dataset=description.name,
        split=chosen.label,
        provenance=provenance,
    )
    with atomic_write(folder / "branches.md") as temporary:
        temporary.write_text(branches_page(section), encoding="utf-8")
    update_results(folder, section, flags={"analyze_branches": given_flags or {}})
    return section


def _named_images(examples: Sequence[Example], dataset: Dataset) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    for example in examples:
        yield example.name, *read_example(example, dataset)


def _draw(folder: pathlib.Path, images: Any, segments: Mapping[str, Segment], dataset: Dataset) -> None:
    """Writes branches.png of `images`: (name, image, ground truth or None)."""
    samples = [
        BranchSample(
            name,
            image,
            {key: np.asarray(segment(image)) for key, segment in segments.items()},
            ground_truth,
        )
        for name, image, ground_truth in images
    ]
    names, colors = [label.name for label in dataset.classes], dataset.palette
    with atomic_write(folder / "branches.png") as temporary:
        temporary.write_bytes(branches_figure(samples, names, [tuple(color) for color in colors]))


def _row(name: str, matrix: BorderConfusion, dataset: Dataset, images: int) -> BranchesRow:
    from contextnet_tf.evaluation.evaluate import report_of

    accuracy = Accuracy.of(report_of(matrix.whole, dataset, images))
    near = {str(width): _number(part.mean_iou()) for width, part in matrix.near.items()}
    return BranchesRow(name, accuracy.mean_iou, accuracy.class_iou, near, _number(matrix.interior.mean_iou()))


def _number(figure: float) -> float | None:
    return None if np.isnan(figure) else figure


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    section = run(
        checkpoint=common_flags.required("checkpoint"),
        figure_input=values.figure_input,
        figure_images=values.figure_images,
        split=common_flags.given("split"),
        output_dir=common_flags.required("output_dir"),
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
    )
    if section:
        print(f"{branches_note(section)}\n{aligned(borders_table(section))}", end="")
    print(f"{values.output_dir}/branches.png")


if __name__ == "__main__":
    program.run(main)
