"""The section "export" of result.json: an entry for each exported file, and the lines that show one."""

import pathlib
from collections.abc import Mapping
from typing import Any

LAYERS_TO_SHOW = 8


def file_entry(
    path: pathlib.Path, *, size: tuple[int, int], precision: str, checked_with: str, agreement: Mapping[str, Any]
) -> dict[str, Any]:
    """What is known of an exported file or folder; `agreement` by the fields of `deployment.agreement.Parity`."""
    files = [path] if path.is_file() else path.rglob("*")
    return {
        "path": f"export/{path.name}",
        "bytes": sum(x.stat().st_size for x in files if x.is_file()),
        "precision": precision,
        "input_size": list(size),
        "largest_logit_difference": agreement["largest_difference"],
        "largest_logit": agreement["largest_logit"],
        "label_parity": agreement["label_parity"],
        "checked_with": checked_with,
    }


def export_section(previous: Mapping[str, Any], files: Mapping[str, Any]) -> dict[str, Any]:
    """The section after `files`, entries by file name, were written; `previous` is the section before.

    It holds "files", all entries by name, and by themselves the figures of SavedModel and model.tflite, the files
    of float32 logits. Those of other precisions leave these as they were.
    """
    plain = {name: files[name] for name in ("saved_model", "model.tflite") if name in files}
    section = {} if plain else dict(previous)
    if "saved_model" in plain:
        section["saved_model"] = plain["saved_model"]["path"]
    if "model.tflite" in plain:
        section |= {"tflite": plain["model.tflite"]["path"], "tflite_bytes": plain["model.tflite"]["bytes"]}
    if plain:
        entries = list(plain.values())
        section |= {name: entries[0][name] for name in ("input_size", "largest_logit", "checked_with")}
        section["largest_logit_difference"] = max(x["largest_logit_difference"] for x in entries)
        section["label_parity"] = min(x["label_parity"] for x in entries)
    return section | {"files": {**previous.get("files", {}), **files}}


def file_lines(folder: str, entry: Mapping[str, Any]) -> str:
    """An entry as lines of text; `folder` is what its path is below."""
    height, width = entry["input_size"]
    difference = entry["largest_logit_difference"]
    by = "" if difference is None else f", values differ by {difference:.1e} of {entry['largest_logit']:.1f} at most"
    lines = [
        f"{folder}/{entry['path']}: {entry['bytes'] / 1e6:.2f} MB, {entry['precision']}, "
        f"images {height} x {width} (height x width), uint8, RGB",
        f"  checked with {entry['checked_with']}: {entry['label_parity']:.3%} of the labels agree{by}",
    ]
    errors = entry.get("layer_errors")
    if errors:
        worst = sorted(errors, key=errors.get, reverse=True)[:LAYERS_TO_SHOW]
        lines.append(f"  layers of the largest error, of {len(errors)}:")
        lines += [f"    {name:{max(map(len, worst)) + 2}}{errors[name]:6.1%}" for name in worst]
    return "\n".join(lines)
