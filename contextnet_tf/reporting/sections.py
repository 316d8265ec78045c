"""The sections of the report about images, training and confusion; `classes` has the one between.

Each function takes what was recorded and gives a section, or empty Markup where nothing was.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from contextnet_tf.reporting import images, plots, wording
from contextnet_tf.reporting.page import (
    Markup,
    chart,
    columns,
    element,
    facts,
    image,
    join,
    section,
    swatch,
    table,
)  # fmt: skip
from contextnet_tf.runs.history import IMAGES_PER_SECOND, curve
from contextnet_tf.runs.results import Results
from contextnet_tf.runs.sections import ClassEntry, DatasetSection, EvaluationSection, TrainingSection

_COLORLESS = (15, 107, 110)  # of a class whose color was not recorded


def samples_section(results: Results, samples: Sequence[images.Sample]) -> Markup:
    """Image, truth and prediction side by side, under a legend of the classes."""
    if not samples:
        return Markup()
    classes = (results.dataset or DatasetSection()).classes
    colors = [row.color or _COLORLESS for row in classes]
    lead = (
        "From the image alone, the network names the class of every pixel. "
        "Classes that occur in none of these images are faint."
    )
    rows = [_sample_row(sample, colors) for sample in samples]
    legend = _legend(classes, images.occurring_ids(samples))
    return section("images", "Images", element("p", lead), legend, *rows)


def training_section(results: Results, history: Sequence[dict[str, Any]]) -> Markup:
    """Curves over the epochs, and the recipe."""
    training = results.training or TrainingSection()
    curves = plots.training_curves(history)
    if training == TrainingSection() and not curves:
        return Markup()
    charts = []
    for number, (title, svg) in enumerate(curves.items()):
        plot = chart(svg, f"{title} over the epochs", f"curve{number}")
        charts.append(element("figure", join([element("figcaption", title), plot])))
    _, speeds = curve(history, IMAGES_PER_SECOND)
    run = facts(
        {
            "epochs": wording.significant(training.epochs),
            "steps": wording.count(training.steps),
            "best at step": wording.count(training.best_step),
            "time": wording.duration(training.minutes),
            "images a second": f"{np.median(speeds):.1f} (median)" if speeds else None,
            "seed": training.seed,
        }
    )
    recipe = facts(_settings(training.recipe or {}))
    parts = [element("div", join(charts), class_="charts")] if charts else []
    return section("training", "Training", *parts, columns({"Run": run, "Recipe": recipe}))


def confusion_section(results: Results) -> Markup:
    """The confusion matrix as a heat map, and the most frequent mistakes in words."""
    accuracy = (results.evaluation or EvaluationSection()).accuracy
    confusion, class_iou = accuracy.confusion, accuracy.class_iou
    if not confusion:
        return Markup()
    names = list(class_iou) if class_iou else [str(train_id) for train_id in range(len(confusion))]
    heat_map = chart(plots.confusion_heat_map(confusion, names), "Confusion matrix", "confusion")
    lead = "Where the pixels of each class went: every row adds up to 100 %, shares below 0.5 % are left out."
    figure = element("div", element("figure", heat_map, class_="matrix"), class_="scroll")
    parts = [element("div", figure, style="flex: 3 1 28rem")]
    mistakes = _mistakes(confusion, names)
    if mistakes:
        rows = [(f"{truth} → {taken_for}", wording.percent(share)) for share, truth, taken_for in mistakes]
        listed = table(["Truth → taken for", "% of the truth"], rows)
        listed = join([element("h3", "Most frequent mistakes"), listed])
        parts.append(element("div", listed, style="flex: 1 1 17rem; max-width: 32rem"))
    return section("confusion", "Confusion", element("p", lead), element("div", join(parts), class_="row"))


def _sample_row(sample: images.Sample, colors: Sequence[tuple[int, int, int]]) -> Markup:
    height, width = images.fitted_size(*sample.truth.shape)
    files = (
        ("image", "jpeg", images.photograph(sample.image)),
        ("truth", "png", images.label_image(sample.truth, colors)),
        ("prediction", "png", images.label_image(sample.prediction, colors)),
    )
    cells = []
    for role, kind, data in files:
        shown = image(data, kind, f"{sample.name}: {role}", height, width)
        cells.append(element("div", join([shown, element("span", role, class_="role")]), class_="cell"))
    caption = [element("span", sample.name, class_="path")]
    if sample.pixel_accuracy is not None:
        caption.append(element("span", f"{wording.percent(sample.pixel_accuracy)} % of the pixels right"))
    return element("figure", join([element("figcaption", join(caption)), *cells]), class_="sample")


def _legend(classes: Sequence[ClassEntry], occurring: set[int]) -> Markup:
    entries = []
    for train_id, row in enumerate(classes):
        entry = join([swatch(row.color), row.name])
        entries.append(element("li", entry, class_="present" if train_id in occurring else "absent"))
    if 255 in occurring:
        entries.append(element("li", join([swatch(None), "not labeled, does not count"])))
    return element("ul", join(entries), class_="legend")


def _mistakes(confusion, names: Sequence[str], most: int = 8) -> list[tuple[float, str, str]]:
    """(share of the truth's pixels, truth, prediction) of the largest entries beside the diagonal."""
    shares = np.nan_to_num(plots.row_shares(confusion))
    np.fill_diagonal(shares, 0)
    order = np.argsort(shares, axis=None)[::-1][:most]
    cells = [np.unravel_index(position, shares.shape) for position in order]
    return [(float(shares[cell]), names[cell[0]], names[cell[1]]) for cell in cells if shares[cell] >= 0.005]


def _settings(recipe: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Settings by their name in words; those of a part, as of the optimizer, follow its own name."""
    found = {}
    for name, value in recipe.items():
        title = prefix + name.replace("_", " ")
        if isinstance(value, Mapping):
            found |= {title: str(value["name"])} if "name" in value else {}
            found |= _settings({key: item for key, item in value.items() if key != "name"}, f"{title}: ")
        else:
            found[title] = wording.setting(value)
    return found
