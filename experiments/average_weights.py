"""Averages the weights of trained networks into one network, which is as fast as each of them.

Not in the paper. It suits networks that began with the same weights: one from before further training and one from
after it, or several that were trained from the same --initial with other seeds or settings. Their average is often as
accurate as the best of them and more robust: evaluate it, and experiments.evaluate_robustness shows what it gains. The
average of networks from different random weights is useless. Takes seconds.

  python -m experiments.average_weights --checkpoints=runs/first,runs/tuned --output_dir=runs/average

Writes best.keras, and result.json with the training of the last run in --checkpoints. Every program that takes the
folder of a run takes --output_dir. To train the average further, give it as --initial of train.
"""

import pathlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from contextnet_tf.datasets.labels import differing_classes
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write
from contextnet_tf.models.loading import BEST_NETWORK
from contextnet_tf.runs.layout import RESULT
from contextnet_tf.runs.results import Results, ensure_updatable, read_results, update_results
from experiments import common_flags, flag_kinds, opening, program
from experiments.splits import recorded_splits

if TYPE_CHECKING:
    import keras

flag_kinds.define_path_list(
    "checkpoints",
    [],
    f"Networks to average, two or more, separated by commas; each {common_flags.PRESET}, the folder of a run or a "
    ".keras file. Required.",
)
common_flags.key_flags("checkpoints", output_dir="New folder of the averaged network. Required.")


def run(*, checkpoints: Sequence[str], output_dir: str, given_flags: dict[str, Any] | None = None) -> "keras.Model":
    """Writes the averaged network and what its runs recorded; returns the network. The arguments are the flags.

    Raises:
      InputError: there are fewer than two checkpoints, or one twice; one cannot be read; they differ in their layers,
        classes or the images that they were trained on; or `output_dir` holds a network or a result.json.
    """
    paths = [opening.checkpoint_file(checkpoint) for checkpoint in checkpoints]
    if len(paths) < 2:
        raise InputError("`checkpoints` needs two or more networks; give for example `checkpoints=runs/a,runs/b`")
    for place, path in enumerate(paths):
        if path.resolve() in (other.resolve() for other in paths[:place]):
            raise InputError(f"`checkpoints` names {checkpoints[place]} twice; give each network once")
    recorded = [read_results(path.parent, missing_ok=True) for path in paths]
    _require_same_data(checkpoints, recorded)
    networks = [opening.open_network(checkpoint) for checkpoint in checkpoints]
    from contextnet_tf.models.averaging import averaged_weights

    try:
        average = averaged_weights(networks)
    except InputError as error:
        raise InputError(f"{', '.join(checkpoints)}: cannot be averaged; {error}") from None
    folder = pathlib.Path(output_dir)
    for name in (BEST_NETWORK, RESULT):
        if (folder / name).exists():
            raise InputError(f"{folder}: already holds {name}; give a new folder as `output_dir`")
    ensure_updatable(folder)
    with atomic_write(folder / BEST_NETWORK) as temporary:
        average.save(temporary)
    last = next((results for results in reversed(recorded) if results.dataset), Results())
    sections = [section for section in (last.model, last.dataset, last.training) if section]
    flags_by_program = {"train": last.flags.get("train", {}), "average_weights": given_flags or {}}
    update_results(folder, *sections, flags=flags_by_program)
    return average


def _require_same_data(checkpoints: Sequence[str], recorded: Sequence[Results]) -> None:
    """Checks that all networks that recorded it have the same classes and were trained on the same images.

    So what the average records about them is true of each.
    """
    known = [(name, results) for name, results in zip(checkpoints, recorded, strict=True) if results.dataset]
    for name, results in known[1:]:
        first_name, first = known[0]
        before, now = (
            f"{each.dataset.name}, {recorded_splits(each.flags.get('train', {})).train_label}"
            for each in (first, results)
        )
        if before != now:
            raise InputError(
                f"{name}: was trained on {now}, {first_name} on {before}; average networks of the same data"
            )
        names = ([entry.name for entry in each.dataset.classes] for each in (results, first))
        if difference := differing_classes(*names):
            raise InputError(f"{name}: its classes and those of {first_name} are {difference}")


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    output_dir = common_flags.required("output_dir")
    run(checkpoints=flags.FLAGS.checkpoints, output_dir=output_dir, given_flags=program.given_flags())
    print(pathlib.Path(output_dir) / BEST_NETWORK)


if __name__ == "__main__":
    program.run(main)
