"""Compares training runs side by side, finished or not: the best and the last validation, and curves.

The paper shows no curves. Where runs differ in dataset or network, the table names both, with a note. Takes a second
per run.

  python -m experiments.compare_runs --runs=runs/paper,runs/modern --output_dir=runs/compared

Prints the table and writes it as runs.md, and mean IoU on the validation split over the epochs as runs.png, into
--output_dir.
"""

from collections.abc import Sequence

from absl import flags

from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, ensure_writable_dir
from contextnet_tf.reporting.runs import differences_note, read_run, runs_plot, runs_table
from contextnet_tf.reporting.tables import aligned
from experiments import common_flags, flag_kinds, program

flag_kinds.define_path_list("runs", [], "Folders of runs, separated by commas. Required.")
common_flags.key_flags(output_dir="Folder for runs.md and runs.png. Required.")


def run(*, runs: Sequence[str], output_dir: str) -> tuple[str, str]:
    """Writes runs.md and runs.png of the runs in these folders; returns the table as Markdown, and a note or ""."""
    if not runs:
        raise InputError("`runs` names no folder; give `runs=runs/one,runs/other`")
    found, missing = [], []
    for run_dir in runs:
        try:
            found.append(read_run(run_dir))
        except InputError as error:
            missing.append(str(error))
    if not found:
        raise InputError(missing[0])
    folder = ensure_writable_dir(output_dir)
    table = runs_table(found)
    note = "; ".join([*filter(None, [differences_note(found)]), *(f"left out: {error}" for error in missing)])
    with atomic_write(folder / "runs.md") as temporary:
        temporary.write_text(f"{table}\n{note}\n" if note else table, encoding="utf-8")
    with atomic_write(folder / "runs.png") as temporary:
        temporary.write_bytes(runs_plot(found))
    return table, note


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    output_dir = common_flags.required("output_dir")
    table, note = run(runs=flags.FLAGS.runs, output_dir=output_dir)
    print(aligned(table))
    if note:
        print(program.with_flags(f"note: {note}"))
    print(f"{output_dir}/runs.md, runs.png")


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
