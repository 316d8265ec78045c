"""One HTML page about one run, in one file that opens without a network."""

import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

from contextnet_tf import files
from contextnet_tf.reporting import classes, details, sections, wording
from contextnet_tf.reporting.headline import headline
from contextnet_tf.reporting.images import Sample
from contextnet_tf.reporting.page import Markup, document, element, join
from contextnet_tf.runs.history import read_history
from contextnet_tf.runs.layout import REPORT
from contextnet_tf.runs.results import Results, read_results
from contextnet_tf.runs.sections import DatasetSection, EvaluationSection, ModelSection, TrainingSection

__all__ = ["Sample", "write_report"]


def write_report(
    run_dir: str | os.PathLike, samples: Sequence[Sample] = (), path: str | os.PathLike | None = None
) -> pathlib.Path:
    """Writes the report of the run in `run_dir` and returns its path, by default run_dir/report.html.

    A part of result.json that is missing leaves its section out. `samples` are shown with the colors
    of the section "dataset"; each adds about 0.15 MB to the file.

    Raises:
      InputError: result.json is missing or damaged, history.jsonl is damaged, or the path cannot be written.
    """
    results = read_results(run_dir)
    history = read_history(run_dir)
    path = pathlib.Path(run_dir) / REPORT if path is None else pathlib.Path(path)
    whole = report_html(results, history, samples, fallback_title=pathlib.Path(run_dir).resolve().name)
    with files.atomic_write(path) as temporary:
        temporary.write_text(whole, encoding="utf-8")
    return path


def report_html(
    results: Results,
    history: Sequence[dict[str, Any]],
    samples: Sequence[Sample] = (),
    fallback_title: str = "Run",
) -> str:
    """The page for the sections of a result.json and the lines of a history.jsonl."""
    parts = [
        part
        for part in (
            sections.samples_section(results, samples),
            classes.classes_section(results),
            sections.training_section(results, history),
            details.network_section(results),
            details.speed_section(results),
            sections.confusion_section(results),
            details.provenance_section(results),
        )
        if part
    ]
    title = _title(results, fallback_title)
    head = [
        element("p", "ContextNet, street segmentation", class_="kicker"),
        element("h1", title),
        _byline(results),
        headline(results),
        _contents(parts),
    ]
    return document(f"{title} · ContextNet", join([element("header", join(head)), *parts]))


def _title(results: Results, fallback: str) -> str:
    network, dataset = (results.model or ModelSection()).name, (results.dataset or DatasetSection()).name
    if network and dataset:
        return f"{network} on {wording.dataset_title(dataset)}"
    return network or (wording.dataset_title(dataset) if dataset else fallback)


def _byline(results: Results) -> Markup:
    dataset, evaluation = results.dataset or DatasetSection(), results.evaluation or EvaluationSection()
    provenance = evaluation.provenance if results.evaluation else (results.training or TrainingSection()).provenance
    images = dataset.images if evaluation.accuracy.images is None else evaluation.accuracy.images
    known = []
    split = evaluation.split or dataset.split
    if images is not None and split:
        known.append(f"{wording.count(images)} images of the {wording.split_title(split)}")
    if provenance.date:
        known.append(wording.date(provenance.date))
    if provenance.commit:
        known.append(f"commit {wording.commit(provenance.commit)}")
    parts = [element("span", part) for part in known]
    return element("p", Markup(" · ".join(parts)), class_="byline") if parts else Markup()


def _contents(parts: Sequence[Markup]) -> Markup:
    """Links to the sections, read from the sections themselves."""
    found = [re.match(r'<section id="([^"]+)"><h2>(.*?)</h2>', part).groups() for part in parts]
    links = join(element("a", Markup(title), href=f"#{identifier}") for identifier, title in found)
    return element("nav", links) if len(found) > 1 else Markup()
