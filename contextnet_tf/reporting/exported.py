"""Lines of text about an exported file."""

from contextnet_tf.reporting import wording
from contextnet_tf.runs.sections import ExportedFile

LAYERS_TO_SHOW = 8


def file_lines(folder: str, file: ExportedFile) -> str:
    """The file as lines for a terminal; its path is relative to `folder`."""
    size = wording.UNKNOWN if file.bytes is None else f"{file.bytes / 1e6:.2f} MB"
    height, width = file.input_size or (wording.UNKNOWN,) * 2
    difference = file.largest_logit_difference
    by = (
        ""
        if difference is None
        else f", values differ by at most {difference:.1e} (largest value {file.largest_logit:.1f})"
    )
    image = f"images {height} x {width} (height x width), {file.image_type or 'uint8'}, RGB"
    lines = [
        f"{folder}/{file.path}: {size}, {file.precision}, {image}",
        f"  parity on {file.checked_with}: {file.label_parity:.3%} of the labels agree{by}",
    ]
    errors = file.layer_errors
    if errors:
        worst = sorted(errors, key=errors.__getitem__, reverse=True)[:LAYERS_TO_SHOW]
        lines.append(f"  relative errors of the layers, the largest {len(worst)} of {len(errors)}:")
        lines += [f"    {name:{max(map(len, worst)) + 2}}{errors[name]:6.1%}" for name in worst]
    return "\n".join(lines)
