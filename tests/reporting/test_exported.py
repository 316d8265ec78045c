"""An exported file in a few lines."""

from contextnet_tf.reporting.exported import file_lines
from contextnet_tf.runs.sections import ExportedFile


def test_lines_show_the_worst_layers_first():
    errors = {f"layer{i}": i / 100 for i in range(10)}
    file = ExportedFile(
        path="export/model_int8.tflite", bytes=5, precision="int8", input_size=(64, 96), largest_logit_difference=0.5,
        largest_logit=10.0, label_parity=0.99, checked_with="noise", layer_errors=errors,
    )  # fmt: skip
    lines = file_lines("runs/a", file)
    assert lines.splitlines()[0].startswith("runs/a/export/model_int8.tflite: 0.00 MB, int8, images 64 x 96 ")
    assert "99.000% of the labels agree, values differ by at most 5.0e-01 (largest value 10.0)" in lines
    assert "of 10:\n    layer9    9.0%\n    layer8    8.0%\n" in lines and "layer1 " not in lines
    labels = ExportedFile(path="export/model_labels.tflite", bytes=5, label_parity=1.0)
    assert "differ" not in file_lines("runs/a", labels)
