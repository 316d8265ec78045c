"""The report of a run: a single self-contained HTML file."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from contextnet_tf import files
from contextnet_tf.reporting import accuracy, headline, parts, wording
from contextnet_tf.reporting.images import Sample
from contextnet_tf.reporting.mistakes import Mistakes
from contextnet_tf.runs.history import read_history
from contextnet_tf.runs.layout import REPORT
from contextnet_tf.runs.results import Results, read_results

__all__ = ["Sample", "write_report"]

# Part of the page -> the program to run for its data.
_PROGRAMS = {
    "images": "run predict",
    "classes": "run evaluate",
    "training": "run train",
    "network": "run train",
    "speed": "run predict",
    "confusion": "run evaluate",
    "origin": "run any program",
}
_FILTERS = ("count", "decimal", "engine_title", "file_size", "image_size", "memory", "milliseconds", "percent",
            "significant")  # fmt: skip

TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(pathlib.Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=False,
    keep_trailing_newline=True,
)
TEMPLATES.filters |= {name: getattr(wording, name) for name in _FILTERS}
TEMPLATES.globals["unknown"] = wording.UNKNOWN


def write_report(
    run_dir: str | os.PathLike,
    samples: Sequence[Sample] = (),
    path: str | os.PathLike | None = None,
    missing: Mapping[str, str] | None = None,
    mistakes: Mistakes | None = None,
    split: str | None = None,
) -> pathlib.Path:
    """Writes the report of the run in `run_dir` and returns its path, by default run_dir/report.html.

    Parts missing from result.json are omitted, and the page lists them. `missing` maps the name of a part to the
    reason, if known. `samples` are shown in the colors of the section "dataset"; each adds about 0.15 MB to the file.
    `mistakes` are shown if given. `split` is that of the images in `samples` and `mistakes`, for their captions.

    Raises:
      InputError: result.json is missing or damaged, history.jsonl is damaged, or the path cannot be written.
    """
    results = read_results(run_dir)
    history = read_history(run_dir)
    path = pathlib.Path(run_dir) / REPORT if path is None else pathlib.Path(path)
    name = pathlib.Path(run_dir).resolve().name
    whole = report_html(results, history, samples, name, missing=missing, mistakes=mistakes, split=split)
    with files.atomic_write(path) as temporary:
        temporary.write_text(whole, encoding="utf-8", errors="backslashreplace")  # a path may be no UTF-8
    return path


def report_html(
    results: Results,
    history: Sequence[dict[str, Any]] = (),
    samples: Sequence[Sample] = (),
    fallback_title: str = "Run",
    missing: Mapping[str, str] | None = None,
    mistakes: Mistakes | None = None,
    split: str | None = None,
) -> str:
    """The page for the sections of a result.json and the lines of a history.jsonl."""
    found = {
        "images": parts.samples(results, samples),
        "classes": accuracy.classes(results),
        "training": parts.training(results, history),
        "network": parts.network(results),
        "speed": parts.speed(results),
        "confusion": accuracy.confusion(results),
        "mistakes": mistakes,
        "robustness": accuracy.robustness(results),
        "origin": parts.origin(results),
    }
    shown_split = wording.split_title(split) if split else None
    evaluated_split = headline.evaluated_split(results) if results.evaluation else None
    reasons = {**_PROGRAMS, **(missing or {})}
    return TEMPLATES.get_template("page.html").render(
        title=headline.title(results, fallback_title),
        byline=headline.byline(results),
        figures=headline.headline(results),
        shown_split=shown_split,
        evaluated_split=evaluated_split,
        parts={name: part for name, part in found.items() if part is not None},
        missing={name: reasons[name] for name, part in found.items() if part is None and name in reasons},
    )
