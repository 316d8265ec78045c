"""The section "export" of result.json."""

from contextnet_tf.reporting.exported import export_section, file_entry, file_lines


def entry(path, precision="float32", difference=1e-5, agree=1.0, **more):
    agreement = {"largest_difference": difference, "largest_logit": 10.0, "label_parity": agree}
    return file_entry(path, size=(64, 96), precision=precision, checked_with="noise", agreement=agreement) | more


def test_an_entry_says_how_large_a_file_or_folder_is(tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"12345")
    (tmp_path / "saved_model" / "variables").mkdir(parents=True)
    (tmp_path / "saved_model" / "saved_model.pb").write_bytes(b"123")
    (tmp_path / "saved_model" / "variables" / "data").write_bytes(b"1234")
    assert entry(tmp_path / "model.tflite") == {
        "path": "export/model.tflite", "bytes": 5, "precision": "float32", "input_size": [64, 96],
        "largest_logit_difference": 1e-5, "largest_logit": 10.0, "label_parity": 1.0, "checked_with": "noise",
    }  # fmt: skip
    assert entry(tmp_path / "saved_model")["bytes"] == 7


def test_a_file_of_another_precision_leaves_the_figures_of_float32(tmp_path):
    plain = {name: entry(tmp_path / name, agree=0.9) for name in ("saved_model", "model.tflite")}
    first = export_section({}, plain)
    assert (first["saved_model"], first["tflite"], first["tflite_bytes"]) == (
        "export/saved_model", "export/model.tflite", 0
    )  # fmt: skip
    assert (first["label_parity"], first["input_size"]) == (0.9, [64, 96])
    small = {"model_int8.tflite": entry(tmp_path / "model_int8.tflite", "int8", agree=0.5)}
    second = export_section(first, small)
    assert second == first | {"files": plain | small}
    # The next float32 file alone: no figure of the SavedModel is left beside it, but its entry is.
    third = export_section(second, {"model.tflite": entry(tmp_path / "model.tflite")})
    assert "saved_model" not in third and third["label_parity"] == 1.0
    assert set(third["files"]) == {"saved_model", "model.tflite", "model_int8.tflite"}


def test_lines_show_the_worst_layers_first(tmp_path):
    errors = {f"layer{i}": i / 100 for i in range(10)}
    lines = file_lines("runs/a", entry(tmp_path / "model_int8.tflite", "int8", 0.5, 0.99, layer_errors=errors))
    assert lines.splitlines()[0].startswith("runs/a/export/model_int8.tflite: 0.00 MB, int8, images 64 x 96 ")
    assert "99.000% of the labels agree, values differ by 5.0e-01 of 10.0 at most" in lines
    assert "of 10:\n    layer9    9.0%\n    layer8    8.0%\n" in lines and "layer1 " not in lines
    assert "differ" not in file_lines("runs/a", entry(tmp_path / "model_labels.tflite", difference=None))
