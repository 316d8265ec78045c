"""The names that users call, what importing them loads, and which part may use which."""

import ast
import json
import os
import pathlib
import platform
import subprocess
import sys

import pytest

import contextnet_tf

LIBRARY = pathlib.Path(contextnet_tf.__file__).parent

# Which parts of the library a part may import, besides itself and FOUNDATIONS (docs/architecture.md).
FOUNDATIONS = ("arguments", "errors", "files", "folders", "machine", "renamed")
MAY_IMPORT = {
    "models": set(),
    "presets": {"models"},
    "datasets": set(),
    "runs": set(),
    "plots": {"runs"},
    "evaluation": {"models", "datasets", "runs"},
    "training": {"models", "datasets", "evaluation", "runs", "plots"},
    "compression": {"models", "datasets", "evaluation", "runs"},
    "analysis": {"models", "datasets", "evaluation", "runs"},
    "deployment": {"models", "datasets", "evaluation", "runs", "compression", "presets"},  # exports are folded
    "reporting": {"datasets", "runs", "plots"},
    "benchmarking": {"models", "datasets", "evaluation", "runs", "training", "compression", "analysis", "deployment"},
}
PARTS = sorted(path.name for path in LIBRARY.iterdir() if (path / "__init__.py").exists())


def _imports(path):
    """(module, name) of every import in a file; name is None for `import module`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield from ((node.module, alias.name) for alias in node.names)


def test_public_names():
    assert set(contextnet_tf.__all__) == {
        "PAPER", "VARIANTS", "ConfusionMatrix", "ContextNetSpec", "InputError", "Recipe", "Report", "Segmenter",
        "TrainResult", "build_model", "count_multiply_adds", "count_parameters", "dataset_names", "ensemble",
        "evaluate", "export_onnx", "export_saved_model", "export_tflite", "fold_batch_norm", "get_dataset",
        "load_network",
        "load_preset", "model_names", "preset_names", "prune_filters", "pruning_groups", "spec_of",
        "train", "upsample_argmax", "zero_branch",
    }  # fmt: skip
    for name in contextnet_tf.__all__:
        assert getattr(contextnet_tf, name).__doc__ or name in ("PAPER", "VARIANTS")


def _printed(program):
    """What a Python program prints, run in a process of its own."""
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


# What loads nothing heavy: the import, tables and names, and all that segments with an exported file.
LIGHT = """
import sys
import contextnet_tf as cn
print([name for name in ("numpy", "cv2", "ai_edge_litert") if name in sys.modules])
from contextnet_tf.datasets.colors import overlay
from contextnet_tf.datasets.labels import CAMVID_LABELS
cn.VARIANTS, cn.model_names(), cn.preset_names(), cn.dataset_names(), cn.get_dataset("camvid").palette
cn.ConfusionMatrix(2), cn.upsample_argmax, cn.Segmenter
print([name for name in ("tensorflow", "keras", "matplotlib", "numba", "jinja2", "tqdm") if name in sys.modules])
"""


def test_import_loads_nothing_heavy():
    assert _printed(LIGHT).splitlines() == ["[]", "[]"]


def test_names_are_listed_before_they_are_imported():
    program = "import contextnet_tf as cn; print(set(cn.__all__) <= set(dir(cn)), hasattr(cn, 'no_such_name'))"
    assert _printed(program) == "True False"


# As where TensorFlow and Keras are not installed.
WITHOUT_KERAS = """
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
import contextnet_tf as cn
for call in (
    lambda: cn.build_model("cn14"),
    lambda: cn.build_model("enet"),
    lambda: cn.load_preset("cn14-camvid"),
    lambda: cn.train,
    lambda: cn.Segmenter("run", engine="tensorflow"),
):
    try:
        call()
    except cn.InputError as error:
        print(error)
"""


def test_without_keras_an_error_says_what_to_install():
    needs = "needs keras, which is not installed; in the checkout: pip install -e '.[train]'"
    names = ("build_model", "build_model", "a .keras file", "contextnet_tf.train", "the engine tensorflow")
    assert _printed(WITHOUT_KERAS).splitlines() == [f"{name} {needs}" for name in names]


def test_settings_of_another_project_do_not_matter(tmp_path):
    """keras.json and KERAS_BACKEND of a project that runs on another backend, on another layout of images."""
    settings = {"backend": "torch", "floatx": "float16", "image_data_format": "channels_first"}
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras" / "keras.json").write_text(json.dumps(settings), encoding="utf-8")
    program = (
        "import contextnet_tf as cn; model = cn.build_model('cn18', num_classes=3, input_shape=(64, 128, 3)); "
        "print(model.output['main'].shape, model.compute_dtype)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True,
        env=os.environ | {"HOME": str(tmp_path), "KERAS_BACKEND": "jax"},
    )  # fmt: skip
    assert shown.stdout == "(None, 64, 128, 3) float32\n", shown.stderr


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN is for x86")
@pytest.mark.parametrize(("given", "used"), [({}, "1"), ({"TF_ENABLE_ONEDNN_OPTS": "0"}, "0")], ids=str)
def test_tensorflow_computes_with_onednn_unless_the_user_forbids_it(given, used):
    rest = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    program = "import contextnet_tf, os; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=rest | given)
    assert shown.stdout == f"{used}\n", shown.stderr


def test_every_part_has_its_rule():
    assert set(PARTS) == set(MAY_IMPORT)


@pytest.mark.parametrize("part", PARTS)
def test_parts_import_only_what_they_may(part):
    for path in (LIBRARY / part).rglob("*.py"):
        for module, name in _imports(path):
            if module.split(".")[0] == "contextnet_tf":
                imported = name if module == "contextnet_tf" else module.split(".")[1]
                assert imported in {part, *FOUNDATIONS} | MAY_IMPORT[part], f"{path} imports {imported}"
            assert not module.startswith(("experiments", "data.", "absl.flags")), f"{path} imports {module}"


@pytest.mark.parametrize("part", ["models", "compression", "analysis"])
def test_networks_need_keras_only(part):
    for path in (LIBRARY / part).rglob("*.py"):
        assert not [module for module, _ in _imports(path) if module.split(".")[0] == "tensorflow"], path


@pytest.mark.parametrize("name", ["models/spec.py", "datasets/labels.py", "reporting/paper.py"])
def test_tables_need_the_standard_library_only(name):
    for module, _ in _imports(LIBRARY / name):
        top = module.split(".")[0]
        assert top in sys.stdlib_module_names or module == "contextnet_tf.errors", f"{name} imports {module}"


@pytest.mark.parametrize(
    ("package", "place"),
    [
        ("matplotlib", "plots/canvas.py"),
        ("numba", "deployment/upsample_compiled.py"),
        ("simplejpeg", "datasets/sources/jpeg.py"),
        ("PIL", "datasets/sources/pillow.py"),
    ],
)
def test_packages_that_are_used_in_one_place(package, place):
    users = {
        str(path.relative_to(LIBRARY))
        for path in LIBRARY.rglob("*.py")
        for module, _ in _imports(path)
        if module.split(".")[0] == package
    }
    assert users == {place}
