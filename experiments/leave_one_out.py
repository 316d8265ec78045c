"""Trains each row of settings with each drive held out in turn, to estimate its accuracy on new streets.

The paper has no such table. Validation on drives that are also in the training images is too optimistic: on CamVid,
`modern` reached 63 % on val and 30 % on a drive that it was not trained on. A run of 30 epochs of CamVid takes 20
minutes on one core; there is a run for every row, drive and seed. The command below trains six: two hours.

  python -m experiments.leave_one_out --dataset=camvid --data_dir=DIR --drives=0016E5,0006R0,0001TP --epochs=30 \\
    --rows=0,1 --output_dir=OUT

A drive is a prefix of its images' names. Every run is validated once, after its last step, so that no figure is the
best of several. Rerun the same command to resume: complete runs are not trained again, so rows, drives and seeds can be
added later, and several processes can share the work. Writes leave_one_out.md and the section "leave_one_out" of
result.json.
"""

import functools
import itertools
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write
from contextnet_tf.reporting.leave_one_out import leave_one_out_page, leave_one_out_table
from contextnet_tf.reporting.tables import aligned
from contextnet_tf.runs.provenance import current_provenance
from contextnet_tf.runs.results import ensure_updatable, update_results
from contextnet_tf.runs.studies import LeaveOneOutRow, LeaveOneOutSection
from contextnet_tf.training.recipe import get_recipe
from experiments import ablation, common_flags, program, recipe_flags, train  # noqa: F401  ablation: for its flags
from experiments.ablation_rows import check_numbers, in_file_name, refuse_alike
from experiments.ablation_runs import mean_class_iou, shared_reports
from experiments.splits import Splits
from experiments.stopping import resume_advice, stoppable

if TYPE_CHECKING:
    from contextnet_tf.evaluation.evaluate import Report
    from contextnet_tf.models.spec import ContextNetSpec

    Reports = Mapping[tuple[str, int, str], Report]  # by name of the row, seed and drive


class Setting(NamedTuple):
    """A row: its name, and its changes by the names of train's flags: of the recipe, and `initial`."""

    name: str
    changes: Mapping[str, Any] = {}


_JITTER = {"color_jitter": 3.0, "min_scale": 0.5}

# The rows after the second change one thing of it.
ROWS = (
    Setting("the recipe"),
    Setting("color jitter 3, scales from 0.5", _JITTER),
    Setting("color jitter 5", {**_JITTER, "color_jitter": 5.0}),
    Setting("scales from 0.35", {**_JITTER, "min_scale": 0.35}),
    Setting("appearance 1", {**_JITTER, "appearance": 1.0}),
    Setting("copy-paste into half of the samples", {**_JITTER, "copy_paste_fraction": 0.5}),
    Setting("ENet's class weights", {**_JITTER, "class_weights": "enet"}),
    Setting("class weights of exponent 0.5", {**_JITTER, "class_weight_exponent": 0.5}),
    Setting("all pixels instead of hard ones", {**_JITTER, "ohem_threshold": 1.0}),
    Setting("Adam, coupled weight decay", {**_JITTER, "optimizer": "adam", "weight_decay": 2e-4}),
    Setting("pretrained on synthetic streets", {**_JITTER, "initial": "preset:cn14-streets"}),
    Setting("white balance 0.3", {**_JITTER, "white_balance": 0.3}),
)

flags.DEFINE_list("drives", [], "Drives, each a prefix of its images' names; each is held out in turn. Required.")
common_flags.key_flags(
    "drives", "model", "rows", "cache", "crop_height", "crop_width", *recipe_flags.FLAGS, *common_flags.DATASET_FLAGS,
    defaults={"seeds": "0", "recipe": "modern", "train_splits": "train,val"},
    **common_flags.UNRECORDED | {
        "train_splits": "Splits that contain the drives.",
        "output_dir": "Folder of the table and of all runs. Required.",
    },
)  # fmt: skip


def run(
    *,
    output_dir: str,
    drives: Sequence[str],
    dataset: str,
    data_dir: str,
    class_table: Any = None,
    train_splits: Sequence[str] = ("train", "val"),
    seeds: Sequence[int] = (0,),
    rows: Sequence[int] | None = None,
    table: Sequence[Setting] = ROWS,
    model: "str | ContextNetSpec | None" = None,
    recipe: str | None = None,
    changes: Mapping[str, Any] | None = None,
    given_flags: dict[str, Any] | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> LeaveOneOutSection:
    """Trains what is missing, writes the table; returns the section "leave_one_out". The arguments are the flags.

    `rows` None: all of `table`; row 0 is always trained. `settings` are those of `train.run`.

    Raises:
      InputError: there are fewer than two drives, or no seeds; two rows train the same; and what `train.run` raises.
      InUseError: all that is left is being trained by another process.
      Stopped: `should_stop` returned True.
    """
    if len(drives) < 2 or len(set(drives)) < len(drives):
        raise InputError("`drives` needs two or more different prefixes; give for example `drives=0016E5,0001TP`")
    for one, other in itertools.permutations(drives, 2):
        if one.startswith(other):
            raise InputError(f"`drives`: {other!r} is a prefix of {one!r}, so they share images; give disjoint drives")
        if in_file_name(one) == in_file_name(other):
            raise InputError(f"`drives`: {one!r} and {other!r} get the same folder; give longer or shorter prefixes")
    if not seeds:
        raise InputError("`seeds` is empty; give for example `seeds=0`")
    check_numbers(rows, len(table))
    given = dict(changes or {})
    used_recipe = recipe_flags.changed(get_recipe(recipe or "modern"), given)
    numbers = [number for number in range(len(table)) if rows is None or number in (0, *rows)]
    chosen = [table[number] for number in numbers]
    trained_by = {}
    for number, setting in zip(numbers, chosen, strict=True):
        own = {**given, **setting.changes}
        trained_by[number] = (own.pop("initial", None), recipe_flags.changed(get_recipe(used_recipe.name), own))
    refuse_alike({number: table[number].name for number in numbers}, trained_by)
    held_out = {drive: Splits(tuple(train_splits), None, (drive,)) for drive in drives}
    description = get_dataset(dataset, class_table)
    for each in held_out.values():
        each.examples(description, data_dir, parameter="drives")  # before the first training: it may fit nothing
    folder = ensure_updatable(output_dir)

    def trained(setting: Setting, seed: int, drive: str) -> "Report":
        import keras

        out = _folder_of_run(folder, setting, seed, drive)
        print(f"{setting.name}, seed {seed}, without {drive}: {out}", flush=True)
        keras.backend.clear_session()  # frees the memory of the run before
        # Validated after the last step alone. A complete run is evaluated again here, not trained again.
        own = {**given, **setting.changes, "validation_epochs": used_recipe.epochs}
        initial = own.pop("initial", None)
        return train.run(
            output_dir=str(out), model=model or "cn14", recipe=used_recipe.name, changes=own, initial=initial,
            seed=seed, data_splits=held_out[drive], dataset=dataset, data_dir=data_dir, class_table=class_table,
            should_stop=should_stop, **settings,
        ).report  # fmt: skip

    # Row by row: the mean over the drives of one row is more useful than one drive of all rows.
    reports = shared_reports(
        {
            (setting.name, seed, drive): functools.partial(trained, setting, seed, drive)
            for seed in seeds
            for setting in chosen
            for drive in drives
        }
    )
    section = LeaveOneOutSection(
        model=getattr(model, "name", model) or "cn14",
        recipe=used_recipe.to_json(),
        given=given,
        seeds=tuple(seeds),
        drives=tuple(drives),
        rows=tuple(_row(setting, reports, seeds, drives) for setting in chosen),
        dataset=dataset,
        split="+".join(train_splits),
        provenance=current_provenance(),
    )
    with atomic_write(folder / "leave_one_out.md") as temporary:
        temporary.write_text(leave_one_out_page(section), encoding="utf-8")
    update_results(folder, section, flags={"leave_one_out": given_flags or {}})
    return section


def _folder_of_run(folder: pathlib.Path, setting: Setting, seed: int, drive: str) -> pathlib.Path:
    return folder / in_file_name(drive) / in_file_name(f"{setting.name}-seed{seed}")


def _row(setting: Setting, reports: "Reports", seeds: Sequence[int], drives: Sequence[str]) -> LeaveOneOutRow:
    of_row = {drive: [reports[setting.name, seed, drive] for seed in seeds] for drive in drives}
    return LeaveOneOutRow(
        name=setting.name,
        changes=dict(setting.changes),
        mean_iou={drive: tuple(report.mean_iou for report in found) for drive, found in of_row.items()},
        class_iou=mean_class_iou([report for found in of_row.values() for report in found]),
    )


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    with stoppable(resume_advice("leave_one_out")) as asked_to_stop:
        section = run(
            output_dir=common_flags.required("output_dir"),
            drives=values.drives,
            train_splits=common_flags.given("train_splits") or ("train", "val"),
            seeds=common_flags.whole_numbers("seeds") if common_flags.given("seeds") else (0,),
            rows=common_flags.whole_numbers("rows") if values.rows else None,
            model=values.model,
            recipe=common_flags.given("recipe"),
            changes=recipe_flags.given_changes(),
            crop_size=recipe_flags.given_crop(),
            cache=values.cache,
            **common_flags.given_dataset("streets"),
            given_flags=program.given_flags(),
            should_stop=asked_to_stop,
        )
    print(f"\n{aligned(leave_one_out_table(section))}", end="")


if __name__ == "__main__":
    program.run(main)
