"""Compares the untrained networks: layers, receptive field, parameters and multiply-adds.

The paper's figures stand beside ours: parameters of Tables 4 and 6 (cn14 0.85 M, cn124 0.93 M, cn14-500 0.49 M,
cn14-160 0.16 M), frames per second of Tables 4 and 7, mean IoU of Tables 4 and 6. No figure depends on a seed. Takes
half a minute.

  python -m experiments.compare_models

Prints the table and writes models.md, models.png and models.json into --output_dir.
"""

import pathlib
from collections.abc import Sequence

from absl import flags

from contextnet_tf.files import atomic_write, ensure_writable_dir, write_json
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.reporting.models import models_plot, models_table
from contextnet_tf.reporting.tables import aligned
from experiments import common_flags, program
from experiments.progress import progress_bar

DEFAULT_OUTPUT_DIR = "runs/models"
SIZES = ((1024, 2048), (512, 1024), (256, 512))  # full, half and quarter: Table 7

common_flags.key_flags(output_dir=f"Folder for models.md, models.png and models.json. Default: {DEFAULT_OUTPUT_DIR}.")


def run(*, output_dir: str = DEFAULT_OUTPUT_DIR) -> str:
    """Writes the figures of all networks; returns the table as Markdown."""
    from contextnet_tf.analysis.overview import overview

    ensure_writable_dir(output_dir)
    overviews = []
    with progress_bar(model_names(), unit="network") as bar:
        for name in bar:
            bar.set_description(name)
            overviews.append(overview(build_model(name, input_shape=(None, None, 3)), SIZES))
    table, folder = models_table(overviews), pathlib.Path(output_dir)
    with atomic_write(folder / "models.md") as temporary:
        temporary.write_text(table, encoding="utf-8")
    with atomic_write(folder / "models.png") as temporary:
        temporary.write_bytes(models_plot(overviews))
    write_json(folder / "models.json", [found.to_json() for found in overviews])
    return table


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    output_dir = flags.FLAGS.output_dir or DEFAULT_OUTPUT_DIR
    print(aligned(run(output_dir=output_dir)))
    print(f"{output_dir}/models.md, models.png, models.json")


if __name__ == "__main__":
    program.run(main)
