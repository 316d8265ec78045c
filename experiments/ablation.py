"""The harness of all ablations: rows x seeds, trained once, shared between processes, in one table beside the paper's.

A program names its rows (`Ablation`) and calls `run`; `run_from_flags` takes the arguments from the flags. Each run has
a folder of its own in --output_dir and is resumable; complete runs are evaluated again, not trained again, so rows and
seeds can be added later. Writes ablation.md, ablation.png and the section "ablation" of result.json.

The same command may run several times at once: each process trains what no other has begun. One that finds nothing
left but what another is training ends with a line that says so; the last one writes the table. On a machine of two
cores, two processes of one thread each (on Linux `taskset --cpu-list 0 python -m ...` and the same with 1) train more
than one process of two threads.
"""

import dataclasses
import math
import pathlib
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from absl import flags

from contextnet_tf.analysis.complexity import count_parameters
from contextnet_tf.errors import InputError, InUseError, Stopped
from contextnet_tf.evaluation.evaluate import Report
from contextnet_tf.files import atomic_write, ensure_writable_dir
from contextnet_tf.models.loading import BEST_NETWORK, load_network
from contextnet_tf.models.spec import ContextNetSpec
from contextnet_tf.reporting import paper
from contextnet_tf.reporting.ablation import ablation_note, ablation_page, ablation_plot, ablation_table
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.measurements import AblationRow, AblationSection
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import read_results, update_results
from contextnet_tf.training.recipe import Recipe, get_recipe
from experiments import evaluate, flag_kinds, program, recipe_flags, train
from experiments.stopping import StopSignals

flags.DEFINE_list("seeds", ["0", "1"], "Seeds, each a run of every row.")
flags.DEFINE_list("rows", None, "Only these rows, by their numbers; row 0 is always trained. Default: all.")
flag_kinds.define_path(
    "runtime_dir", None, "Folder in which compare_runtime measured the rows' networks. Default: no frames per second."
)
flags.disclaim_key_flags()


@dataclasses.dataclass(frozen=True)
class Row:
    """One row: a network that is trained, or one that is made of other rows' trained networks.

    Attributes:
      name: name in the table and of the run folders.
      changes: changes of the recipe, by flag name.
      model: name or spec of the network; None: the ablation's network.
      against: name of the row to compare with; None: the first row.
      paper_mean_iou: the paper's figure, in per cent.
      paper_frames_per_second: the paper's figure.
      made_of: names of the rows whose networks `make` combines, in order; empty for a trained row.
      make: from trained networks to the network of this row, which is evaluated but not trained.
    """

    name: str
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    model: str | ContextNetSpec | None = None
    against: str | None = None
    paper_mean_iou: float | None = None
    paper_frames_per_second: float | None = None
    made_of: tuple[str, ...] = ()
    make: Callable[[Sequence[keras.Model]], keras.Model] | None = None


def paper_row(name: str, model: str) -> Row:
    """The row of a network that Table 4 has, with what the paper prints of it."""
    printed = paper.variant(model)
    return Row(name, model=model, paper_mean_iou=printed.mean_iou, paper_frames_per_second=printed.frames_per_second)


@dataclasses.dataclass(frozen=True)
class Ablation:
    """The rows and settings of an ablation program.

    Attributes:
      program: name of the program.
      title: heading of the page.
      rows: the first is the reference.
      recipe: name of the recipe unless --recipe names another.
      changes: of the recipe, for all rows; a person's flags and a row's own changes take precedence.
    """

    program: str
    title: str
    rows: tuple[Row, ...]
    recipe: str = "modern"
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def key_flags(*names: str) -> None:
    """Lists the flags of an ablation, and `names`, in the `--help` of the program that calls this at import."""
    program.key_flags(
        "seeds", "rows", "runtime_dir", *names, *program.DATASET_FLAGS, "output_dir", "recipe", "cache", "crop_height",
        "crop_width", *recipe_flags.FLAGS,
    )  # fmt: skip


def run(
    ablation: Ablation,
    *,
    output_dir: str,
    seeds: Sequence[int] = (0, 1),
    rows: Sequence[int] | None = None,
    model: str | None = None,
    recipe: str | None = None,
    changes: Mapping[str, Any] | None = None,
    runtime_dir: str | None = None,
    given_flags: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> AblationSection:
    """Trains what is missing; returns the section "ablation".

    Args:
      ablation: the rows.
      output_dir: folder of the table and of all runs.
      seeds: each a run of every row.
      rows: numbers of the rows to train; None: all. The first, and those that a row is compared with or made of, are
        always among them.
      model: network of the rows that name none; None: cn14.
      recipe: name of the recipe; None: the ablation's.
      changes: of the recipe, for all rows, by the names of the flags.
      runtime_dir: folder whose result.json has the frames per second.
      should_stop: called after each step; on True the current row is saved.
      settings: those of `train.run`.

    Raises:
      InputError: there are no seeds, a row has no such number or changes nothing, `model` is given though the rows
        name their networks; and what `train.run` raises.
      InUseError: all that is left is being trained by another process.
      Stopped: `should_stop` said so.
    """
    if not seeds:
        raise InputError("--seeds is empty; two or more seeds tell a difference from noise")
    if model and ablation.rows[0].model:
        raise InputError("--model: the rows of this ablation name their networks; leave it out")
    given = {**ablation.changes, **(changes or {})}
    used_recipe = recipe_flags.changed(get_recipe(recipe or ablation.recipe), given)
    chosen = _chosen_rows(ablation.rows, rows, used_recipe)
    speeds, speed = _speeds(runtime_dir) if runtime_dir else ({}, None)
    folder = ensure_writable_dir(output_dir)

    def trained(row: Row, seed: int) -> Report:
        out = _folder_of_run(folder, row.name, seed)
        print(f"{row.name}, seed {seed}: {out}", flush=True)
        keras.backend.clear_session()  # frees the memory of the run before
        # A complete run is evaluated again here, and refused if it has other settings.
        return train.run(
            output_dir=str(out), model=row.model or model or "cn14", recipe=used_recipe.name,
            changes={**given, **row.changes}, seed=seed, should_stop=should_stop, **settings,
        ).report  # fmt: skip

    # Seed by seed: all rows with one seed are more useful than half the rows with two.
    reports = _shared([(row, seed) for seed in seeds for row in chosen if not row.make], trained)
    for row in chosen:
        for seed in seeds if row.make else ():
            reports[row.name, seed] = _made(folder, row, seed, settings)
    reference = read_results(_folder_of_run(folder, chosen[0].name, seeds[0]))
    section = AblationSection(
        model=reference.model.name,
        images=reference.dataset.images,
        recipe=used_recipe.to_json(),
        given=given,
        seeds=tuple(seeds),
        rows=tuple(_row_of_section(folder, row, [reports[row.name, seed] for seed in seeds], seeds[0], speeds)
                   for row in chosen),
        title=ablation.title,
        speed=speed,
        dataset=reference.dataset.name,
        split=reference.dataset.split,
        provenance=current_provenance(),
    )  # fmt: skip
    with atomic_write(folder / "ablation.md") as temporary:
        temporary.write_text(ablation_page(section), encoding="utf-8")
    if len(chosen) > 1:
        with atomic_write(folder / "ablation.png") as temporary:
            temporary.write_bytes(ablation_plot(section))
    update_results(output_dir, section, flags={ablation.program: given_flags or {}})
    return section


def run_from_flags(run_program: Callable[..., AblationSection], ablation: Ablation) -> None:
    """Calls a program's `run` with the arguments that the flags give, and prints the table."""
    values = flags.FLAGS
    with StopSignals() as signals:
        try:
            section = run_program(
                output_dir=program.required("output_dir"),
                seeds=program.whole_numbers("seeds"),
                rows=program.whole_numbers("rows") if values.rows else None,
                model=values.model,
                recipe=program.given("recipe"),
                dataset=values.dataset or "streets",
                data_dir=values.data_dir,
                changes=recipe_flags.given_changes(),
                runtime_dir=values.runtime_dir,
                crop_size=program.given_size("crop_height", "crop_width"),
                cache=values.cache,
                class_table=program.given_class_table(),
                given_flags=program.given_flags(),
                should_stop=signals.asked,
            )
        except Stopped as stopped:
            command = f"python -m experiments.{ablation.program} {shlex.join(sys.argv[1:])}"
            print(f"{stopped}; rerun the same command to resume: {command}", file=sys.stderr)
            sys.exit(signals.exit_status)
    print(f"\n{ablation_note(section)}\n{aligned(ablation_table(section))}", end="")


def _shared(runs: Sequence[tuple[Row, int]], train_row: Callable[[Row, int], Report]) -> dict[tuple[str, int], Report]:
    """The report of each of `runs`, by name and seed. Runs in training by another process are retried last."""
    reports, passed_over = {}, []
    for row, seed in runs:
        try:
            reports[row.name, seed] = train_row(row, seed)
        except InUseError:
            print("skipped for now: another process trains it", flush=True)
            passed_over.append((row, seed))
    return reports | {(row.name, seed): train_row(row, seed) for row, seed in passed_over}


def _made(folder: pathlib.Path, row: Row, seed: int, settings: Mapping[str, Any]) -> Report:
    """Makes the network of a row that is not trained, writes it as best.keras and evaluates it."""
    out = ensure_writable_dir(_folder_of_run(folder, row.name, seed))
    print(f"{row.name}, seed {seed}: {out}", flush=True)
    keras.backend.clear_session()
    network = row.make([load_network(_folder_of_run(folder, name, seed)) for name in row.made_of])
    with atomic_write(out / BEST_NETWORK) as temporary:
        network.save(temporary)
    data = {name: settings.get(name) for name in ("dataset", "data_dir", "class_table")}
    return evaluate.run(checkpoint=str(out), output_dir=str(out), **data)


def _row_of_section(
    folder: pathlib.Path, row: Row, reports: Sequence[Report], seed: int, speeds: Mapping[str, float]
) -> AblationRow:
    """The row as result.json has it; `seed` is one whose folder holds a network of it."""
    path = _folder_of_run(folder, row.name, seed)
    model = read_results(path).model
    if model is None:  # made, not trained
        network = load_network(path)
        name, parameters = network.name, count_parameters(network, folded=True)
    else:
        name, parameters = model.name, model.parameters_folded
    return AblationRow(
        name=row.name,
        changes=dict(row.changes),
        mean_iou=tuple(report.mean_iou for report in reports),
        model=name,
        parameters=parameters,
        multiply_adds=model.multiply_adds if model else None,
        class_iou={label: _mean([report.class_iou[label] for report in reports]) for label in reports[0].class_iou},
        against=row.against,
        paper_mean_iou=None if row.paper_mean_iou is None else row.paper_mean_iou / 100,
        frames_per_second=speeds.get(name),
        paper_frames_per_second=row.paper_frames_per_second,
    )


def _mean(figures: Sequence[float]) -> float | None:
    """The mean of those that are numbers: a class may not occur."""
    known = [figure for figure in figures if not math.isnan(figure)]
    return sum(known) / len(known) if known else None


def _chosen_rows(rows: Sequence[Row], numbers: Sequence[int] | None, recipe: Recipe) -> list[Row]:
    """The rows of these numbers, with the first and all that they are compared with or made of."""
    wrong = [number for number in numbers or () if not 0 <= number < len(rows)]
    if wrong:
        raise InputError(f"--rows={wrong[0]}: the rows are 0 to {len(rows) - 1}")
    wanted = {rows[0].name} | {rows[number].name for number in (range(len(rows)) if numbers is None else numbers)}
    for row in reversed(rows):
        if row.name in wanted:
            wanted |= {*row.made_of, *([row.against] if row.against else [])}
    chosen = [number for number, row in enumerate(rows) if row.name in wanted]
    for number in chosen[1:]:
        row = rows[number]
        same_model = row.model in (None, rows[0].model) and not row.make
        if same_model and recipe_flags.changed(recipe, row.changes) == recipe:
            others = ",".join(str(other) for other in chosen if other != number)
            raise InputError(f"row {number}, {row.name}, changes nothing here; leave it out by --rows={others}")
    return [rows[number] for number in chosen]


def _speeds(runtime_dir: str) -> tuple[dict[str, float], str]:
    """Frames per second by network, and what they are of: LiteRT on one thread, the largest size that was measured."""
    section = read_results(runtime_dir).runtime_comparison
    rows = [row for row in section.rows if (row.runtime, row.mode, row.threads) == ("litert", "sequential", 1)] \
        if section else []  # fmt: skip
    if not rows:
        raise InputError(
            f"{runtime_dir}: holds no frames per second of LiteRT on one thread; run compare_runtime first"
        )
    size = max(row.size for row in rows)
    found = {row.model: row.frames_per_second for row in rows if row.size == size}
    return found, f"LiteRT on one thread, images of {size[0]} x {size[1]}"


def _folder_of_run(folder: pathlib.Path, name: str, seed: int) -> pathlib.Path:
    return folder / f"{re.sub('[^a-z0-9]+', '-', name)}-seed{seed}"
