"""The harness of all ablations: rows x seeds, trained once, shared between processes, in one table beside the paper's.

A program names its rows (`Ablation`) and takes its `run` and `main` from `entry_points`. Each run has a folder of its
own in --runs_dir, named by network and settings, and is resumable; complete runs are evaluated again, not trained
again, so rows and seeds can be added later. Writes ablation.md, ablation.png and the section "ablation" of result.json
into --output_dir.

The same command may run in several processes at once: each trains runs that no other has begun. A process ends with a
message when all remaining runs are being trained by others; the last one writes the table. On a machine of two cores,
two processes of one thread each (on Linux `taskset --cpu-list 0 python -m ...`, and the same with 1) are faster than
one process of two threads.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags

from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, ensure_writable_dir
from contextnet_tf.models.loading import load_network
from contextnet_tf.reporting.ablation import ablation_note, ablation_page, ablation_plot, ablation_table
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, read_results, update_results
from contextnet_tf.runs.studies import AblationRow, AblationSection
from contextnet_tf.training.recipe import get_recipe
from experiments import common_flags, flag_kinds, opening, program, recipe_flags, splits
from experiments.ablation_rows import Ablation, Row, chosen_rows
from experiments.ablation_runs import Runs, mean_class_iou
from experiments.splits import Splits
from experiments.stopping import resume_advice, stoppable

if TYPE_CHECKING:
    from contextnet_tf.evaluation.evaluate import Report
    from contextnet_tf.models.spec import ContextNetSpec
    from contextnet_tf.training.recipe import Recipe

flags.DEFINE_list("rows", None, "Numbers of the rows to train; row 0 is always trained. Default: all.")
flag_kinds.define_path(
    "runs_dir", None, "Folder of the runs. Ablations with the same --runs_dir share identical runs. "
    "Default: --output_dir.",
)  # fmt: skip
flag_kinds.define_path(
    "runtime_dir", None, "The --output_dir of a compare_runtime of the rows' networks, for the column of frames per "
    "second. Default: none.",
)  # fmt: skip
flags.disclaim_key_flags()

_DATASET = ("dataset", "data_dir", "class_table")


def entry_points(
    ablation: Ablation, *more_flags: str
) -> tuple[Callable[..., AblationSection], Callable[[Sequence[str]], None]]:
    """`run` and `main` of the program that calls this at import; its `--help` lists the flags, and `more_flags`."""
    common_flags.key_flags(
        "seeds", "rows", "runs_dir", "runtime_dir", *more_flags, *common_flags.DATASET_FLAGS, *splits.FLAGS, "cache",
        "crop_height", "crop_width", *recipe_flags.FLAGS, defaults={"recipe": ablation.recipe},
        **common_flags.UNRECORDED
        | {"output_dir": "Folder of the table, and of the runs unless --runs_dir is given. Required."},
    )  # fmt: skip
    return functools.partial(run, ablation), functools.partial(_main, ablation)


def run(
    ablation: Ablation,
    *,
    output_dir: str,
    runs_dir: str | None = None,
    seeds: Sequence[int] = (0, 1),
    rows: Sequence[int] | None = None,
    model: str | None = None,
    recipe: str | None = None,
    changes: Mapping[str, Any] | None = None,
    runtime_dir: str | None = None,
    data_splits: Splits = Splits(),
    crop_size: tuple[int, int] | None = None,
    given_flags: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> AblationSection:
    """Trains what is missing, writes the table; returns the section "ablation".

    Args:
      ablation: the rows.
      output_dir: folder of the table.
      runs_dir: folder of the runs; None: `output_dir`.
      seeds: every row is trained once per seed.
      rows: numbers of the rows to train; None: all. The first, and those that a row is compared with or made of, are
        always among them.
      model: network of the rows without one; None: cn14.
      recipe: name of the recipe; None: the ablation's.
      changes: of the recipe, for all rows, by the names of the flags.
      runtime_dir: folder whose result.json has the frames per second.
      data_splits: the splits to train and validate on.
      should_stop: called after each step; on True the current row is saved.
      crop_size: (height, width) of the training images; None: the largest that the networks of all rows accept.
      settings: further arguments of `train.run`.

    Raises:
      InputError: there are no seeds or no validation, a row has no such number or trains the same as another, `model`
        is given though the rows name their networks; and what `train.run` raises.
      InUseError: all remaining runs are being trained by other processes.
      Stopped: `should_stop` returned True.
    """
    if not seeds:
        raise InputError("--seeds is empty; give two or more, to distinguish differences from noise")
    data_splits.require_validation()
    if model and ablation.rows[0].model:
        raise InputError("--model: the rows of this ablation have their own networks; leave it out")
    given = {**ablation.changes, **(changes or {})}
    used_recipe = recipe_flags.changed(get_recipe(recipe or ablation.recipe), given)
    chosen = chosen_rows(ablation.rows, rows, used_recipe)
    speeds, speed = _speeds(runtime_dir) if runtime_dir else ({}, None)
    networks = list(dict.fromkeys(row.model or model or "cn14" for row in chosen if not row.make))
    common = None if crop_size else _common_crop(networks, used_recipe, data_splits, settings)
    if common:
        print(f"crops of {common[0]} x {common[1]} in all rows: the largest that all networks accept", flush=True)
    folder = ensure_updatable(output_dir)
    runs = Runs(
        ensure_writable_dir(runs_dir or output_dir), model or "cn14", used_recipe.name, ablation.changes, changes or {},
        data_splits, common, {**settings, "crop_size": crop_size or common}, should_stop,
    )  # fmt: skip
    reports = runs.reports(chosen, seeds)
    reference = read_results(runs.folder_of(chosen[0], seeds[0]))
    section = AblationSection(
        model=reference.model.name,
        images=reference.dataset.images,
        recipe=used_recipe.to_json(),
        given=given,
        seeds=tuple(seeds),
        rows=tuple(_row_of_section(runs, row, [reports[row.name, seed] for seed in seeds], seeds[0], speeds)
                   for row in chosen),
        title=ablation.title,
        speed=speed,
        dataset=reference.dataset.name,
        split=data_splits.label,
        provenance=current_provenance(),
    )  # fmt: skip
    with atomic_write(folder / "ablation.md") as temporary:
        temporary.write_text(ablation_page(section), encoding="utf-8")
    if len(chosen) > 1:
        with atomic_write(folder / "ablation.png") as temporary:
            temporary.write_bytes(ablation_plot(section))
    update_results(output_dir, section, flags={ablation.program: given_flags or {}})
    return section


def _main(ablation: Ablation, argv: Sequence[str]) -> None:
    """Runs the ablation from the flags and prints the table."""
    del argv
    values = flags.FLAGS
    with stoppable(resume_advice(ablation.program)) as asked_to_stop:
        section = run(
            ablation,
            output_dir=common_flags.required("output_dir"),
            runs_dir=values.runs_dir,
            seeds=common_flags.whole_numbers("seeds"),
            rows=common_flags.whole_numbers("rows") if values.rows else None,
            model=values.model,
            recipe=common_flags.given("recipe"),
            changes=recipe_flags.given_changes(),
            runtime_dir=values.runtime_dir,
            data_splits=splits.given_splits(),
            crop_size=recipe_flags.given_crop(),
            cache=values.cache,
            **common_flags.given_dataset("streets"),
            given_flags=program.given_flags(),
            should_stop=asked_to_stop,
        )
    print(f"\n{ablation_note(section)}\n{aligned(ablation_table(section))}", end="")


def _common_crop(
    networks: "Sequence[str | ContextNetSpec]", recipe: "Recipe", data_splits: Splits, settings: Mapping[str, Any]
) -> tuple[int, int] | None:
    """The crop size (height, width) that all networks accept; None where each by itself would have the same."""
    if len(networks) < 2 or not isinstance(recipe.crop, str):
        return None
    from contextnet_tf.models.registry import build_model
    from contextnet_tf.training.plan import common_crop

    dataset, data_dir = opening.find_dataset(**{name: settings.get(name) for name in _DATASET})
    dataset = dataset.measured(data_splits.train_examples(dataset, data_dir)[0])
    models = [build_model(name, num_classes=dataset.num_classes, input_shape=(None, None, 3)) for name in networks]
    common = common_crop(models, recipe, dataset)
    return None if all(common_crop([model], recipe, dataset) == common for model in models) else common


def _row_of_section(
    runs: Runs, row: Row, reports: "Sequence[Report]", seed: int, speeds: Mapping[str, float]
) -> AblationRow:
    """The row of result.json; `seed` is one whose folder holds the network."""
    from contextnet_tf.analysis.complexity import count_parameters

    path = runs.folder_of(row, seed)
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
        mean_category_iou=tuple(report.mean_category_iou for report in reports),
        model=name,
        parameters=parameters,
        multiply_adds=model.multiply_adds if model else None,
        class_iou=mean_class_iou(reports),
        against=row.against,
        paper_mean_iou=_fraction(row.paper_mean_iou),
        paper_category_iou=_fraction(row.paper_category_iou),
        paper_million_parameters=row.paper_million_parameters,
        frames_per_second=speeds.get(name),
        paper_frames_per_second=row.paper_frames_per_second,
    )


def _fraction(percent: float | None) -> float | None:
    return None if percent is None else percent / 100


def _speeds(runtime_dir: str) -> tuple[dict[str, float], str]:
    """Frames per second by network, and their description: LiteRT on one thread, at the largest measured size."""
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
