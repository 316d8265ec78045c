"""Measures the speed of training on this machine, and the memory of a training step.

Three measurements: the bare step on one batch; the whole loop on the same batch, which shows the loop's overhead; and
the loop with real input. The first two alternate step by step, so that both see the same load of the machine. If
PyTorch is installed (the extra "bench"), a step of the same network, loss and optimizer in PyTorch alternates with
them; where this is impossible, as with --recipe=paper, a note says why. Class weights and the EMA are left out
everywhere. Then the memory of a step at 1024 x 2048 is compared with that of a simple implementation, each in its own
process. Takes some minutes on two cores.

  python -m experiments.benchmark_training --dataset=camvid --data_dir=DIR --output_dir=runs/speed

Without --dataset, synthetic scenes are drawn first. With --output_dir the figures go into the section "training_speed"
of result.json there.
"""

import contextlib
import dataclasses
import functools
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import tqdm
from absl import flags

from contextnet_tf.benchmarking.pytorch_baseline import TorchProcess
from contextnet_tf.errors import InputError
from contextnet_tf.models.registry import build_model
from contextnet_tf.runs.benchmarks import StepMemoryRow, TrainingSpeedSection
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, update_results
from contextnet_tf.training.recipe import Recipe, get_recipe
from experiments import common_flags, opening, program
from experiments.benchmark_images import benchmark_images
from experiments.progress import progress_bar

if TYPE_CHECKING:
    from contextnet_tf.benchmarking.training_step import LoopSpeed

IMAGE_SIZE = (360, 480)  # of the synthetic scenes, as CamVid's images
MEMORY_SIZE = (1024, 2048)  # of Cityscapes' images
MEMORY_BATCHES = (1, 2)

flags.DEFINE_integer(
    "measured_steps", 20, "Number of measured steps; medians are reported.", lower_bound=1, upper_bound=1_000_000
)
flags.DEFINE_integer(
    "images_per_step", None, "Images per step. Default: the recipe's.", lower_bound=1, upper_bound=65_536
)
flags.DEFINE_bool("step_memory", True, "Also measure the memory of a step at 1024 x 2048.")
common_flags.key_flags(
    "model", *common_flags.DATASET_FLAGS, "recipe", "seed", "crop_height", "crop_width", "images",
    **common_flags.UNRECORDED
    | {"output_dir": "Folder whose result.json gets the figures. Default: they are only printed."},
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class TrainingMeasurements:
    """The measurements: the loop on one batch with the interleaved runtimes, the loop with real input, and memory."""

    ready: "LoopSpeed"
    real: "LoopSpeed"
    memory: tuple[StepMemoryRow, ...]


def run(
    *,
    model: str = "cn14",
    dataset: str | None = None,
    data_dir: str | None = None,
    output_dir: str | None = None,
    recipe: str = "short",
    images: int = 16,
    images_per_step: int | None = None,
    measured_steps: int = 20,
    crop_size: tuple[int, int] | None = None,
    image_size: tuple[int, int] = IMAGE_SIZE,
    memory_size: tuple[int, int] | None = MEMORY_SIZE,
    seed: int = 0,
    class_table: dict[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
) -> TrainingMeasurements:
    """Measures; the arguments are the flags. `memory_size` None: memory is not measured."""
    from contextnet_tf.benchmarking.training_step import bare_step, first_batch, loop_speed
    from contextnet_tf.training.plan import default_crop

    provenance = current_provenance()
    if output_dir:
        ensure_updatable(output_dir)
    description, data_dir = opening.find_dataset(
        dataset=dataset, data_dir=data_dir, class_table=class_table, default="streets"
    )
    used = dataclasses.replace(get_recipe(recipe), ema_decay=0.0, class_uniform_fraction=0.0)
    used = dataclasses.replace(used, batch_size=images_per_step or used.batch_size)

    def build():
        return build_model(model, num_classes=description.num_classes, input_shape=(None, None, 3), aux_head=True)

    drawn = dataset is None and data_dir is None
    with (
        benchmark_images(description, drawn, data_dir, images, image_size, seed) as examples,
        progress_bar(desc="measuring", unit="step", delay=0.3) as bar,
        contextlib.ExitStack() as processes,
    ):
        description = description.measured(examples[0])
        crop_size = crop_size or default_crop(build(), description)
        batch = first_batch(description, examples, used, crop_size, seed)
        runtimes = {"bare": bare_step(build(), used, measured_steps, batch)}
        if importlib.util.find_spec("torch"):
            with _left_out_if_impossible("PyTorch baseline"):
                baseline = TorchProcess(build(), used, batch["image"].numpy(), batch["label"].numpy())
                processes.enter_context(baseline)
                runtimes["torch"] = functools.partial(baseline.step, baseline.fastest_threads())
        plan = {"crop_size": crop_size, "steps": measured_steps, "seed": seed, "on_step": bar.update}
        measured = TrainingMeasurements(
            ready=loop_speed(build, used, description, examples, ready=batch, runtimes=runtimes, **plan),
            real=loop_speed(build, used, description, examples, **plan),
            memory=_memory(model, used, memory_size, description.num_classes) if memory_size else (),
        )
    if output_dir:
        section = TrainingSpeedSection(
            model=model,
            recipe=used.to_json(),
            crop_size=crop_size,
            steps=measured_steps,
            seconds_a_step={**measured.ready.runtimes, "loop": measured.ready.loop, "real": measured.real.loop},
            input_wait_share=measured.real.input_wait_share,
            memory_size=memory_size if measured.memory else None,
            memory=measured.memory,
            dataset=dataset or f"streets, drawn at {image_size[0]} x {image_size[1]}",
            split="train",
            provenance=provenance,
        )
        update_results(output_dir, section, flags={"benchmark_training": given_flags or {}})
    return measured


def table(measured: TrainingMeasurements, images_per_step: int) -> str:
    """The figures as lines of text."""
    seconds = {
        "bare step": measured.ready.runtimes["bare"],
        "loop, input ready": measured.ready.loop,
        "loop, real input": measured.real.loop,
    }
    if "torch" in measured.ready.runtimes:
        seconds["bare step in PyTorch"] = measured.ready.runtimes["torch"]
    lines = [f"{'':24} {'steps/s':>8} {'images/s':>11}"]
    for name, time in seconds.items():
        lines.append(f"{name:24} {1 / time:>8.2f} {images_per_step / time:>11.1f}")
    bare = seconds["bare step"]
    lines.append(f"the loop costs {100 * (seconds['loop, input ready'] / bare - 1):.1f} % over the bare step")
    lines.append(f"with real input it waits {100 * measured.real.input_wait_share:.1f} % of its time")
    if "bare step in PyTorch" in seconds:
        lines.append(f"PyTorch's step takes {seconds['bare step in PyTorch'] / bare:.2f} times as long")
    for memory in measured.memory:
        step = f"{'simple ' if memory.simple else ''}step of {memory.images}"
        lines.append(
            f"memory of a {step}: {memory.of_the_step / 2**20:,.0f} MiB (the process {memory.peak / 2**20:,.0f})"
        )
    return "\n".join(lines)


def _memory(model: str, recipe: Recipe, size: tuple[int, int], num_classes: int) -> tuple[StepMemoryRow, ...]:
    from contextnet_tf.benchmarking.step_memory import step_memory

    rows = []
    for count in MEMORY_BATCHES:
        for simple in (False, True):
            with _left_out_if_impossible(f"memory of a {'simple ' if simple else ''}step of {count}"):
                rows.append(step_memory(model, recipe, size, count, num_classes=num_classes, simple=simple))
    return tuple(rows)


@contextlib.contextmanager
def _left_out_if_impossible(what: str) -> Iterator[None]:
    """Turns an InputError of one measurement into a note; the others are still made."""
    try:
        yield
    except InputError as error:
        tqdm.tqdm.write(program.with_flags(f"note: {what} left out: {error}"), file=sys.stderr)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    measured = run(
        model=values.model or "cn14",
        output_dir=values.output_dir,
        recipe=values.recipe,
        images=values.images,
        images_per_step=values.images_per_step,
        measured_steps=values.measured_steps,
        crop_size=common_flags.given_size("crop_height", "crop_width"),
        memory_size=MEMORY_SIZE if values.step_memory else None,
        seed=values.seed,
        **common_flags.given_dataset(),
        given_flags=program.given_flags(),
    )
    print(table(measured, values.images_per_step or get_recipe(values.recipe).batch_size))


if __name__ == "__main__":
    program.run(main)
