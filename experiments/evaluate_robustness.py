"""Evaluates a trained network on images as another camera, light or transmission would give them.

Not in the paper. Each image is evaluated as it is, and darker, brighter, paler, with a reddish and a bluish color cast,
blurred, noisy, and compressed. Where a network loses many points, train it with changes of that kind: --color_jitter
for light, --white_balance for color casts, --appearance for blur and noise. Takes a minute for the 101 images
of 480 x 360 of CamVid's validation split on two cores.

  python -m experiments.evaluate_robustness --checkpoint=preset:cn14-camvid --data_dir=DIR --output_dir=out
  python -m experiments.evaluate_robustness --checkpoint=runs/camvid --corruptions=reddish,bluish --output_dir=out

The dataset and the images are those that experiments.evaluate takes. Prints a table and writes robustness.md,
robustness.png (a plot of the mean IoU), corruptions.png (an image with each change, and the prediction) and the section
"robustness" of result.json.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from absl import flags

from contextnet_tf.errors import InputError
from contextnet_tf.evaluation.corruptions import CORRUPTIONS, UNCHANGED, Corruption
from contextnet_tf.files import atomic_write
from contextnet_tf.reporting.robustness import (
    ChangedImage,
    changed_images_figure,
    robustness_note,
    robustness_page,
    robustness_plot,
    robustness_table,
)
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, update_results
from contextnet_tf.runs.sections import Accuracy
from contextnet_tf.runs.studies import RobustnessRow, RobustnessSection
from experiments import common_flags, evaluate, opening, program
from experiments.progress import progress_bar

flags.DEFINE_list(
    "corruptions", list(CORRUPTIONS), f"Changes of the images, of {', '.join(CORRUPTIONS)}. Default: all."
)
common_flags.key_flags(
    *common_flags.DATASET_FLAGS,
    "corruptions",
    **evaluate.EVALUATED
    | {
        "output_dir": "Folder for robustness.md, robustness.png, corruptions.png and the figures in result.json. "
        "Required.",
    },
)


def run(
    *,
    checkpoint: str,
    corruptions: Sequence[str] = tuple(CORRUPTIONS),
    model: str | None = None,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str | None = None,
    holdout: Sequence[str] = (),
    output_dir: str,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> RobustnessSection:
    """Measures the network and writes the figures; returns the section "robustness". The arguments are the flags.

    Raises:
      InputError: a name in `corruptions` is unknown, there is none, or no pixel is labeled; and what `evaluate.run`
        raises.
    """
    for name in corruptions:
        if name not in CORRUPTIONS:
            raise InputError(f"`corruptions={name}` is unknown; choose from {', '.join(CORRUPTIONS)}")
    if not corruptions:
        raise InputError(f"`corruptions` is empty; choose from {', '.join(CORRUPTIONS)}")
    import keras
    import tensorflow as tf

    from contextnet_tf.datasets.pipeline import evaluation_examples
    from contextnet_tf.evaluation.confusion import ConfusionMatrix
    from contextnet_tf.evaluation.evaluate import report_of, segmentation

    provenance = current_provenance()
    opened = evaluate.opened(
        checkpoint, model=model, dataset=dataset, data_dir=data_dir, class_table=class_table, split=split,
        holdout=holdout,
    )  # fmt: skip
    opening.require_own_results(output_dir, opened.path)
    folder = ensure_updatable(output_dir)
    description, examples = opened.dataset, opened.examples
    network = opened.segment
    segment: Callable[[Any], Any] = segmentation(network) if isinstance(network, keras.Model) else network
    changes = {UNCHANGED: Corruption("", lambda image, seed: image)} | {
        name: CORRUPTIONS[name] for name in CORRUPTIONS if name in corruptions
    }
    matrices = {name: ConfusionMatrix(description.num_classes, description.ignore_label) for name in changes}
    shown = []
    with progress_bar(total=len(examples), desc="evaluating", unit="image") as bar:
        for place, (image, label) in enumerate(evaluation_examples(description, examples)):
            for name, change in changes.items():
                changed = change.apply(image.numpy(), place)
                prediction = np.asarray(segment(tf.constant(changed)))
                matrices[name].update(label.numpy(), prediction)
                if place == len(examples) // 2:
                    shown.append(ChangedImage(name, changed, prediction))
            bar.update()
    accuracies = {name: Accuracy.of(report_of(matrix, description, len(examples))) for name, matrix in matrices.items()}
    if accuracies[UNCHANGED].mean_iou is None:
        raise InputError(
            f"{description.name}: the {len(examples)} images of {opened.split} have no pixel whose class is known; "
            "correct the label images"
        )
    section = RobustnessSection(
        model=model or getattr(network, "name", None) or opened.path.name,
        checkpoint=opened.path.name,
        images=len(examples),
        rows=tuple(
            RobustnessRow(name, changes[name].text, accuracy.mean_iou, accuracy.class_iou)
            for name, accuracy in accuracies.items()
        ),
        dataset=description.name,
        split=opened.split,
        provenance=provenance,
    )
    names, colors = [label.name for label in description.classes], [tuple(color) for color in description.palette]
    with atomic_write(folder / "robustness.png") as temporary:
        temporary.write_bytes(robustness_plot(section))
    with atomic_write(folder / "corruptions.png") as temporary:
        temporary.write_bytes(changed_images_figure(section, shown, names, colors))
    with atomic_write(folder / "robustness.md") as temporary:
        temporary.write_text(robustness_page(section), encoding="utf-8")
    update_results(folder, section, flags={"evaluate_robustness": given_flags or {}})
    return section


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    section = run(
        checkpoint=common_flags.required("checkpoint"),
        corruptions=values.corruptions,
        model=values.model,
        split=common_flags.given("split"),
        holdout=values.holdout,
        output_dir=common_flags.required("output_dir"),
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
    )
    print(f"{robustness_note(section)}\n{aligned(robustness_table(section))}", end="")


if __name__ == "__main__":
    program.run(main)
