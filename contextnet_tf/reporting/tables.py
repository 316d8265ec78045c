"""Results as Markdown tables: the rows of RESULTS.md and of the experiments' summaries."""

from collections.abc import Mapping, Sequence

from contextnet_tf.reporting import paper, wording
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.sections import (
    Accuracy,
    DatasetSection,
    EvaluationSection,
    ModelSection,
    RuntimeSection,
    TrainingSection,
)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Markdown table; the first `left` columns are aligned left, the others right.

    A vertical bar or a line break in a cell is escaped. The text ends with a line break.
    """
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    lines = [header, rule, *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def aligned(table: str) -> str:
    """A Markdown table with its columns padded, for a terminal: names to the left, figures to the right."""
    lines = [line.removeprefix("| ").removesuffix(" |") for line in table.splitlines()]
    rows = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    header, rule, *others = rows
    lines = [header, ["-" * width for width in widths], *others]
    to_right = [cell.endswith(":") for cell in rule]
    return "".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, to_right, strict=True)
        ).rstrip()
        + "\n"
        for line in lines
    )


def run_table(runs: Mapping[str, Results]) -> str:
    """One row a run: what was trained on what, how good it is, how fast, where the figure comes from.

    `runs` are results by the name of their row.
    """
    header = [
        "Run", "Network", "Dataset", "Mean IoU %", "Parameters", "Multiply-adds", "Frames/s", "Image",
        "Epochs", "Minutes", "Seed", "Commit", "Machine",
    ]  # fmt: skip
    return markdown_table(header, [_run_row(name, results) for name, results in runs.items()], left=3)


def class_table(runs: Mapping[str, Results], paper_rows: Sequence[str] = ()) -> str:
    """IoU in per cent: one row a class, one column a run, then one for each named row of Table 5.

    The classes are those of the first run, in its order; the last row is the mean.

    Raises:
      KeyError: a name that Table 5 does not have.
    """
    accuracies = [_accuracy(results) for results in runs.values()]
    columns = [accuracy.class_iou or {} for accuracy in accuracies]
    printed = [dict(zip(paper.TABLE_5_CLASSES, paper.TABLE_5[row])) for row in paper_rows]
    rows = [
        [name]
        + [wording.percent(column.get(name)) for column in columns]
        + [wording.decimal(column.get(name)) for column in printed]
        for name in next(iter(columns), {})
    ]
    means = [wording.percent(accuracy.mean_iou) for accuracy in accuracies]
    means += [wording.decimal(paper.variant(row).mean_iou) for row in paper_rows]
    header = ["Class", *runs, *(f"paper, {row}" for row in paper_rows)]
    return markdown_table(header, [*rows, ["**mean**", *means]])


def _run_row(name: str, results: Results) -> list[str]:
    model, dataset = results.model or ModelSection(), results.dataset or DatasetSection()
    training, runtime = results.training or TrainingSection(), results.runtime or RuntimeSection()
    evaluation = results.evaluation or EvaluationSection()
    return [
        name,
        model.name or wording.UNKNOWN,
        f"{wording.dataset_title(evaluation.dataset or dataset.name)}, "
        f"{evaluation.split or dataset.split or wording.UNKNOWN}",
        wording.percent(evaluation.accuracy.mean_iou),
        wording.count(model.parameters_folded),
        wording.magnitude(model.multiply_adds),
        wording.decimal(runtime.frames_per_second),
        wording.image_size(runtime.size),
        wording.significant(training.epochs),
        wording.decimal(training.minutes),
        str(wording.UNKNOWN if training.seed is None else training.seed),
        wording.commit(evaluation.provenance.commit),
        wording.machine(evaluation.provenance.machine),
    ]


def _accuracy(results: Results) -> Accuracy:
    return (results.evaluation or EvaluationSection()).accuracy


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", "<br>")
