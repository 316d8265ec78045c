"""A run with every section written out, and a strict reader for the pages made of it."""

import html.parser
import json
import re

import numpy as np

from contextnet_tf.datasets.labels import CITYSCAPES_LABELS
from contextnet_tf.reporting import report
from contextnet_tf.runs import results
from contextnet_tf.runs.records import plain

CLASSES = sorted((x for x in CITYSCAPES_LABELS if x.train_id != 255), key=lambda x: x.train_id)
NAMES = [label.name for label in CLASSES]
VOID = {"meta", "img", "br"}
COMMIT = "3e77e911abe46fb13203b196b16b4804b40653c6"
ORIGIN = {
    "versions": {"python": "3.11.7", "tensorflow": "2.21.0"},
    "machine": {"processor": "Processor 9 & Co", "cores": 2, "memory_gib": 23.5, "system": "Linux 6"},
    "commit": COMMIT + "+changes",
    "date": "2026-11-23T07:00:47+00:00",
}


class Page(html.parser.HTMLParser):
    """A page read strictly: every element is closed by its own end tag."""

    def __init__(self, source):
        super().__init__(convert_charrefs=True)
        self.elements, self.words, self._open = [], [], []
        self.feed(source)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attributes):
        assert len(attributes) == len(dict(attributes)), f"{tag} repeats an attribute"
        self.elements.append((tag, dict(attributes)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open[-1:] != ["style"]:
            self.words.append(data)

    @property
    def text(self):
        return "\n".join(self.words)

    def attributes(self, *names):
        return [value for _, found in self.elements for name, value in found.items() if name in names]

    def sections(self):
        return [found["id"] for tag, found in self.elements if tag == "section"]

    def rows(self):
        """Tables' rows as lists of cells."""
        found = []
        for row in re.findall(r"<tr\b.*?</tr>", self.source, re.DOTALL):
            found.append([re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row)])
        return found


def read(source):
    parsed = Page(source)
    parsed.source = source
    return parsed


def whole_results():
    confusion = np.diag(np.arange(100, 119))
    confusion[5, 2] = 35  # of 140 pixels of poles, a quarter was taken for building
    class_iou = dict.fromkeys(NAMES, 0.5) | {"road": 0.98, "train": None, "bus": 0.7174}
    return {
        "model": {
            "name": "cn14", "num_classes": 19, "input_size": [1024, 2048], "parameters": 863171,
            "parameters_folded": 846179, "multiply_adds": 5632000000, "layers": 207,
        },
        "dataset": {
            "name": "cityscapes", "split": "val", "images": 500, "data_dir": "data/somewhere",
            "classes": [{"name": x.name, "category": x.category, "color": list(x.color)} for x in CLASSES],
        },
        "training": {
            **ORIGIN, "dataset": "cityscapes", "split": "train",
            "recipe": {"power": 0.98, "optimizer": {"name": "RMSprop", "discount": 0.9}, "crop": [352, 480]},
            "seed": 3, "steps": 2760, "epochs": 60, "minutes": 61.3, "best_step": 2668,
        },
        "evaluation": {
            **ORIGIN, "dataset": "cityscapes", "split": "val",
            "mean_iou": 0.6491, "pixel_accuracy": 0.9127, "class_iou": class_iou,
            "mean_category_iou": 0.8012, "category_iou": {"flat": 0.97, "human": None},
            "confusion": confusion.tolist(), "images": 500, "checkpoint": "best.keras",
        },
        "export": {"files": {
            name: {
                "path": f"export/{name}", "bytes": 3412345, "precision": "float32", "input_size": [1024, 2048],
                "largest_logit_difference": 3.2e-5, "label_parity": 0.99998,
            }
            for name in ("saved_model", "model.tflite")
        }},
        "runtime": {
            **ORIGIN, "dataset": "cityscapes", "split": "val",
            "engine": "litert", "threads": 1, "size": [1024, 2048], "images": 500,
            "milliseconds_median": 140.05, "milliseconds_spread": [131.2, 155.5],
            "frames_per_second": 7.14, "mean_iou": 0.6489,
        },
        "flags": {
            "train": {"recipe": "short", "resume": False, "epochs": None},
            "export": {"sizes": [1024, 2048], "note": "<script>alert(1)</script>"},
        },
    }  # fmt: skip


def few_classes():
    """The whole results cut down to two classes, which are drawn faster."""
    sections = whole_results()
    sections["evaluation"] |= {"class_iou": {"road": 0.5, "sky": None}, "confusion": [[9, 1], [0, 0]]}
    return sections


def page_of(sections, history=(), shown=()):
    """The page as HTML for the sections of a result.json."""
    return report.report_html(results.Results.from_json(plain(sections), "result.json"), history, shown)


def samples(count=1, name="frankfurt_000000_000294"):
    truth = np.zeros((8, 12), np.uint8)
    truth[:2] = 255
    prediction = np.where(np.arange(12) < 9, 0, 13).astype(np.uint8)[None].repeat(8, axis=0)
    return [report.Sample(name, np.full((8, 12, 3), 99, np.uint8), truth, prediction)] * count


def write_run(folder, sections):
    results.update_results(folder)
    (folder / "result.json").write_text(json.dumps({"format_version": 1, **sections}))
    lines = [
        {"step": 1, "epoch": 30, "loss": 2.0, "learning_rate": 0.045, "images_per_second": 31.25},
        {"step": 2, "epoch": 60, "val_mean_iou": 0.625, "val_pixel_accuracy": 0.875},
    ]
    (folder / "history.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
