"""Measures the latency and throughput of networks in every installed runtime. The paper: Table 7.

The paper reports 18.3 frames/s for cn14 at 1024 x 2048 (height x width), and 41.9 pipelined, on an Nvidia Titan X.
Latency is that of one frame at a time, as in section 3.1; here from the image in memory to its labels in memory.
Each runtime has its own process; in each round, every runtime segments one frame, so that load on the machine affects
all alike. Takes about six minutes for three sizes of one network on two cores with [bench] installed, and up to 8 GB
of memory; fewer --engines need less. Run nothing else at the same time.

  python -m experiments.compare_runtime --checkpoint=runs/demo --output_dir=runs/runtime
  python -m experiments.compare_runtime --models=cn18,cn14,cn12 --sizes=512x1024 --engines=litert --output_dir=DIR

Without --checkpoint the networks have random weights. That only affects the upsampling, which is faster for large
areas of one class. ONNX Runtime, OpenVINO, ncnn and PyTorch are measured if the extra [bench] of BUILD.md has
installed them; their labels are first compared with LiteRT's. int8 is calibrated on the measured images: its speed is
measured, not its accuracy. Runtimes named "-in-graph" or "-labels" upsample and take the arg-max in the graph, as is
common; the others use this project's exact upsampling (`upsample_argmax`). Pipelined is the throughput of
Segmenter's stream on all cores, with one thread per worker.

Writes runtime.md and runtime.png into --output_dir, and the figures into the section "runtime_comparison" of its
result.json. Prints all rows; several networks also side by side, and speed ratios between the runtimes of the first
network, both at the first of --sizes.
"""

import dataclasses
import pathlib
import re
import sys
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import tqdm
from absl import flags

from contextnet_tf.benchmarking.runtimes.registry import REFERENCE, RUNTIMES, why_not
from contextnet_tf.datasets.sources import read_image
from contextnet_tf.datasets.sources.example import evenly_spread
from contextnet_tf.deployment.resizing import resize_image
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write
from contextnet_tf.machine import quietly
from contextnet_tf.models.registry import build_model, model_names
from contextnet_tf.reporting.runtime import (
    UPSAMPLED_LAST,
    compared_networks,
    networks_table,
    ratio_table,
    ratios,
    runtime_page,
    runtime_plot,
    runtime_table,
)
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.benchmarks import RuntimeComparisonSection, RuntimeRow, UpsamplingRow
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, update_results
from data.streets import draw_scene
from experiments import common_flags, opening, program
from experiments.progress import progress_bar

if TYPE_CHECKING:
    import keras

SIZES = ("1024x2048", "512x1024", "256x512")  # full, half and quarter: Table 7
MODES = ("sequential", "pipelined")
FRAMES = 4  # different images, used in rotation
ROUNDS, WARM_UP = 20, 2

flags.DEFINE_list(
    "models",
    None,
    f"Networks to measure with random weights, instead of --checkpoint: {', '.join(model_names())}. Default: cn14.",
)
flags.DEFINE_list("sizes", list(SIZES), "Image sizes in pixels, each as HEIGHTxWIDTH.")
flags.DEFINE_list("engines", None, f"Runtimes to measure: {', '.join(RUNTIMES)}. Default: all that are installed.")
flags.DEFINE_list(
    "thread_counts", ["1"], "Numbers of threads per frame to measure the sequential mode with, for example 1,2."
)
flags.DEFINE_list(
    "modes",
    list(MODES),
    "sequential: latency of one frame at a time; pipelined: throughput of a stream on all cores.",
)
common_flags.key_flags(
    *common_flags.DATASET_FLAGS,
    "rounds",
    dataset=common_flags.dataset_text("the one recorded with the checkpoint, else synthetic scenes of each size"),
    split="Split of the dataset to take the images from, for example val or train.",
    checkpoint=f"Trained network to measure: {common_flags.PRESET}, the folder of a run (its "
    "best.keras) or a .keras file. Default: none, see --models.",
    output_dir="Folder for runtime.md, runtime.png and result.json. Required.",
    seed="Seed of the random weights and the synthetic scenes.",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Frames:
    """The images to segment: uint8 [FRAMES, H, W, 3], from a split of a dataset, or synthetic (`dataset` None)."""

    title: str
    images: np.ndarray
    dataset: str | None = None


def run(
    *,
    checkpoint: str | None = None,
    models: Sequence[str] | None = None,
    sizes: Sequence[str] = SIZES,
    engines: Sequence[str] | None = None,
    thread_counts: Sequence[str] = ("1",),
    modes: Sequence[str] = MODES,
    rounds: int = ROUNDS,
    dataset: str | None = None,
    data_dir: str | None = None,
    split: str = "val",
    output_dir: str,
    seed: int = 0,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> RuntimeComparisonSection:
    """Measures and writes; returns the section "runtime_comparison" of result.json. The arguments are the flags."""
    from contextnet_tf.benchmarking.comparison import Case, Comparison, cases_of, upsampled_last
    from contextnet_tf.deployment.network import folded_at_size

    provenance = current_provenance()
    sizes = [_size(text) for text in sizes]
    threads = [_threads(text) for text in thread_counts]
    _check_names("modes", modes, MODES)
    runtimes, left_out = _available(engines)
    if not sizes or not cases_of("", runtimes, threads, modes):
        raise InputError(
            "nothing to measure; --sizes, --thread_counts and --modes need a value each, and runtimes with upsampling "
            "in the graph have no pipelined mode"
        )
    if checkpoint and models:
        raise InputError("--checkpoint and --models (random weights) cannot be combined; choose one")
    originals = _networks(checkpoint, models or ["cn14"], seed)
    parts = [(model, size, folded_at_size(model, size)) for model in originals for size in sizes]
    images = {size: _frames(checkpoint, dataset, data_dir, split, class_table, size, seed) for size in sizes}
    folder = ensure_updatable(output_dir)
    rows: list[RuntimeRow] = []
    upsampling: list[UpsamplingRow] = []
    for number, (model, size, network) in enumerate(parts, start=1):
        title = f"{number} of {len(parts)}: {model.name} {size[0]} x {size[1]}"
        cases = cases_of(model.name, runtimes, threads, modes)
        with (
            tempfile.TemporaryDirectory(prefix="runtime") as work,
            progress_bar(desc=f"{title}, getting ready", unit="frame", smoothing=0) as bar,
        ):
            comparison = Comparison(pathlib.Path(work), images[size].images)
            with quietly():  # converters print messages
                comparison.add(network, cases)
                if other := upsampled_last(model):
                    last = Case(f"{model.name}, {UPSAMPLED_LAST}", REFERENCE, 1)
                    comparison.add(folded_at_size(other, size), [last])
                comparison.add_upsampling(model.name)

            def start(samples: int, bar: tqdm.tqdm = bar, title: str = title) -> None:
                bar.set_description(title)
                bar.reset(samples)

            found = comparison.run(rounds=rounds, warm_up=WARM_UP, on_start=start, on_sample=bar.update)
        rows += found[0]
        upsampling += found[1]
        left_out |= comparison.left_out
    if not rows:
        raise InputError(f"nothing could be measured: {'; '.join(left_out.values())}")
    frames = next(iter(images.values()))
    section = RuntimeComparisonSection(
        weights="trained" if checkpoint else "random, so that the upsampling takes longer than with trained ones",
        frames=frames.title,
        rounds=rounds,
        warm_up=WARM_UP,
        distributions=tuple(sorted({x for name in runtimes for x in RUNTIMES[name].distributions} | {"tensorflow"})),
        left_out=left_out,
        rows=tuple(rows),
        upsampling=tuple(upsampling),
        dataset=frames.dataset,
        split=split if frames.dataset else None,
        provenance=provenance,
    )
    with atomic_write(folder / "runtime.md") as temporary:
        temporary.write_text(runtime_page(section), encoding="utf-8")
    with atomic_write(folder / "runtime.png") as temporary:
        temporary.write_bytes(runtime_plot(section.rows))
    update_results(output_dir, section, flags={"compare_runtime": given_flags or {}})
    return section


def _available(engines: Sequence[str] | None) -> tuple[list[str], dict[str, str]]:
    """The names of the runtimes that are available here, and why others are not, by title."""
    names = list(engines or RUNTIMES)
    _check_names("engines", names, RUNTIMES)
    reasons = {name: why_not(RUNTIMES[name]) for name in names}
    left_out = {RUNTIMES[name].title: reason for name, reason in reasons.items() if reason}
    able = [name for name in names if not reasons[name]]
    if not able:
        raise InputError(f"--engines={','.join(names)}: none can run here: {'; '.join(left_out.values())}")
    return able, left_out


def _networks(checkpoint: str | None, names: Sequence[str], seed: int) -> "list[keras.Model]":
    import keras

    if checkpoint:
        return [opening.open_network(checkpoint)]
    keras.utils.set_random_seed(seed)
    return [build_model(name, input_shape=(None, None, 3)) for name in names]


def _frames(
    checkpoint: str | None,
    dataset: str | None,
    data_dir: str | None,
    split: str,
    class_table: dict[str, Any] | None,
    size: tuple[int, int],
    seed: int,
) -> Frames:
    """Frames from the dataset, or synthetic scenes."""
    recorded_in = opening.recording_dirs(opening.checkpoint_file(checkpoint)) if checkpoint else ()
    description, data_dir = opening.find_dataset(
        dataset=dataset, data_dir=data_dir, class_table=class_table, recorded_in=recorded_in, default="streets"
    )
    if description.name == "streets" and data_dir is None:
        frames = [draw_scene(seed, split, number, *size).image for number in range(FRAMES)]
        return Frames(f"{FRAMES} synthetic scenes", np.stack(frames))
    examples = evenly_spread(opening.list_examples(description, data_dir, split), FRAMES)
    frames = [resize_image(read_image(example.image_path), size, 1) for example in examples]
    return Frames(f"{len(frames)} images of {description.name} {split}", np.stack(frames), description.name)


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match:
        raise InputError(f"--sizes: {text!r} is not a size; give HEIGHTxWIDTH in pixels, for example {SIZES[0]}")
    height, width = int(match[1]), int(match[2])
    if max(height, width) > common_flags.MAX_SIDE:
        raise InputError(f"--sizes: {text!r} is too large; give at most {common_flags.MAX_SIDE} pixels per side")
    return height, width


def _threads(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= common_flags.MAX_THREADS:
        raise InputError(
            f"--thread_counts: {text!r} is not a number of threads; give whole numbers from 1 to "
            f"{common_flags.MAX_THREADS}, for example 1,2"
        )
    return int(text)


def _check_names(flag: str, names: Sequence[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"--{flag}: {name!r} is unknown; choose from: {', '.join(known)}")


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    section = run(
        checkpoint=values.checkpoint,
        models=values.models,
        sizes=values.sizes,
        engines=values.engines,
        thread_counts=values.thread_counts,
        modes=values.modes,
        rounds=values.rounds or ROUNDS,
        split=values.split,
        output_dir=common_flags.required("output_dir"),
        seed=values.seed,
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
    )
    for title, reason in section.left_out.items():
        print(program.with_flags(f"note: {title} left out: {reason}"), file=sys.stderr)
    rows = section.rows
    first = rows[0]
    print(aligned(runtime_table(rows)))
    if len(compared_networks(rows)) > 1:
        print(aligned(networks_table(rows, first.size)))
    print(aligned(ratio_table(ratios(section, first.model, first.size))))
    print(f"{values.output_dir}/runtime.md, runtime.png, section runtime_comparison of result.json")


if __name__ == "__main__":
    program.run(main)
