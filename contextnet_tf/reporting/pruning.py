"""The section "pruning" of result.json as a page: an explanation and a table of the stages."""

import statistics

from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.runs.studies import PruningRow, PruningSection


def pruning_page(section: PruningSection) -> str:
    """The whole section as a page of Markdown."""
    return f"# Progressive pruning of {section.model}\n\n{pruning_note(section)}\n{pruning_table(section)}"


def pruning_note(section: PruningSection) -> str:
    """Paragraphs on the runs, their data, and the gain from pruning."""
    given = " ".join(wording.flag(name, value) for name, value in section.given.items())
    tuned = " ".join(wording.flag(name, value) for name, value in section.fine_tuning.items())
    paragraphs = [
        f"{section.model} on {wording.dataset_title(section.dataset)}, recipe {section.recipe.get('name')}"
        f"{given and f' with {given}'}; after each pruning {tuned or 'the same settings'}. Flags are those of "
        "experiments.train.",
        f"Mean IoU in % on the {section.images} images of the validation split. Before fine-tuning, a pruned network "
        "has new batch-normalization statistics only. After it, the best of the validations of each run.",
        f"Latency: LiteRT float32 on one thread, images of {wording.image_size(section.size)}, interleaved.",
    ]
    if section.directly:
        gains = [100 * (pruned - direct) for pruned, direct in
                 zip(section.rows[-1].mean_iou, section.directly.mean_iou, strict=True)]  # fmt: skip
        spread = f" (standard deviation {statistics.stdev(gains):.2f})" if len(gains) > 1 else ""
        paragraphs.append(
            f"Pruned minus trained directly for the same number of epochs: {statistics.mean(gains):+.2f} points"
            f"{spread}. The paper, on Cityscapes' test set: {paper.PRUNING_AFTER - paper.PRUNING_BEFORE:+.1f} points "
            f"({paper.PRUNING_BEFORE} to {paper.PRUNING_AFTER} %)."
        )
    return "\n\n".join(paragraphs) + "\n"


def pruning_table(section: PruningSection) -> str:
    """One row per network, from the widest to the narrowest, and the last width trained directly."""
    rows = [("trained" if not row.mean_iou_before else "pruned", row) for row in section.rows]
    rows += [("trained directly", section.directly)] if section.directly else []
    header = ["Network", "", "Parameters", "Multiply-adds", "Latency, ms", "Epochs", "Before fine-tuning"]
    header += [f"Seed {seed}" for seed in section.seeds]
    return markdown_table([*header, "Mean", "Paper"], [_cells(section, kind, row) for kind, row in rows], left=2)


def _cells(section: PruningSection, kind: str, row: PruningRow) -> list[str]:
    printed = {"trained directly": paper.PRUNING_BEFORE}.get(kind)
    if row is section.rows[-1]:
        printed = paper.PRUNING_AFTER
    return [
        row.name,
        kind,
        wording.count(row.parameters),
        wording.magnitude(row.multiply_adds),
        wording.decimal(row.milliseconds, 2),
        wording.count(row.epochs),
        wording.mean_percent(row.mean_iou_before, 2),
        *(wording.percent(figure, 2) for figure in row.mean_iou),
        wording.mean_percent(row.mean_iou, 2),
        wording.decimal(printed),
    ]
