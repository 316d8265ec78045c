"""One HTML page about one run, in one file that opens without a network."""

import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from contextnet_tf import files
from contextnet_tf.reporting import classes, details, sections, wording
from contextnet_tf.reporting.headline import headline
from contextnet_tf.reporting.images import Sample
from contextnet_tf.reporting.page import Markup, document, element, join
from contextnet_tf.runs.history import read_history
from contextnet_tf.runs.results import evaluated_split, read_results

__all__ = ["Sample", "write_report"]

FILE_NAME = "report.html"


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
    path = pathlib.Path(run_dir) / FILE_NAME if path is None else pathlib.Path(path)
    whole = report_html(results, history, samples, fallback_title=pathlib.Path(run_dir).resolve().name)
    with files.atomic_write(path) as temporary:
        temporary.write_text(whole, encoding="utf-8")
    return path


def report_html(
    results: Mapping[str, Any],
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


def _title(results: Mapping[str, Any], fallback: str) -> str:
    network, dataset = results.get("model", {}).get("name"), results.get("dataset", {}).get("name")
    if network and dataset:
        return f"{network} on {wording.dataset_title(dataset)}"
    return network or (wording.dataset_title(dataset) if dataset else fallback)


def _byline(results: Mapping[str, Any]) -> Markup:
    dataset, evaluation = results.get("dataset", {}), results.get("evaluation", {})
    images = evaluation.get("images", dataset.get("images"))
    known = []
    split = evaluated_split(results)
    if images is not None and split:
        known.append(f"{wording.count(images)} images of the {wording.split_title(split)}")
    if results.get("date"):
        known.append(wording.date(results["date"]))
    if results.get("commit"):
        known.append(f"commit {wording.commit(results['commit'])}")
    parts = [element("span", part) for part in known]
    return element("p", Markup(" · ".join(parts)), class_="byline") if parts else Markup()


def _contents(parts: Sequence[Markup]) -> Markup:
    """Links to the sections, read from the sections themselves."""
    found = [re.match(r'<section id="([^"]+)"><h2>(.*?)</h2>', part).groups() for part in parts]
    links = join(element("a", Markup(title), href=f"#{identifier}") for identifier, title in found)
    return element("nav", links) if len(found) > 1 else Markup()
