"""What the documents name exists: links, files, tests, programs and their flags."""

import importlib
import pathlib
import re

import pytest
from absl import flags

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = sorted(
    path for pattern in ("*.md", "docs/**/*.md", "experiments/*.md", "data/**/*.md") for path in ROOT.glob(pattern)
)
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
PROGRAMS = sorted(
    f"{path.parent.relative_to(ROOT).as_posix().replace('/', '.')}.{path.stem}"
    for folder in ("experiments", "data/streets", "data/cityscapes")
    for path in (ROOT / folder).glob("*.py")
    if 'if __name__ == "__main__":' in path.read_text(encoding="utf-8")
)
FOREIGN_FLAGS = {
    "help",
    "flagfile",
    "logdir",
    "build",
    "yes",
    "force-reinstall",
    "no-deps",
    "only-binary",
    "platform",
    "onnx",
    "fp16",
    "saveEngine",
    "minShapes",
    "optShapes",
    "maxShapes",
}  # of absl, TensorBoard, CMake, pip and TensorRT

all_documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


@all_documents
def test_links_lead_somewhere(document):
    text = document.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)  # a C++ lambda looks like a link
    for target, anchor in re.findall(r"\]\(([^)#]*)(#[^)]+)?\)", text):
        if "://" in target:
            continue
        page = document.parent / target if target else document
        assert page.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in _anchors(page.read_text(encoding="utf-8")), f"{document.name} links to {target}{anchor}"


def _anchors(text):
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@all_documents
def test_named_files_exist(document):
    names = {
        str(path.relative_to(ROOT))
        for path in ROOT.rglob("*.py")
        if not path.relative_to(ROOT).parts[0].startswith(".venv")
    }
    for name in re.findall(r"`([\w/]+\.py)\b", document.read_text(encoding="utf-8")):
        assert any(f"/{known}".endswith(f"/{name}") for known in names), f"{document.name} names {name}"


@all_documents
def test_named_flags_exist(document):
    text = document.read_text(encoding="utf-8")
    if document.name == "CHANGELOG.md":
        text = re.sub(r"^\| `--.*?\|", "|", text, flags=re.MULTILINE)  # the old names of flags that were renamed
    known = {program: _own_flags(program) for program in PROGRAMS}
    for program, arguments in _commands(text):
        assert program in known, f"{document.name} names the program {program}"
        missing = _flag_names(arguments) - known[program] - FOREIGN_FLAGS
        assert not missing, f"{document.name}: {program} has no flag {missing}"
    anywhere = set().union(*known.values())
    missing = {name for code in _code(text) for name in _flag_names(code)} - anywhere - FOREIGN_FLAGS
    assert not missing, f"{document.name}: no program has the flag {missing}"


@pytest.mark.parametrize("program", PROGRAMS)
def test_flags_in_examples_of_programs_exist(program):
    docstring = importlib.import_module(program).__doc__
    for other, arguments in _commands(docstring):
        assert other in PROGRAMS, f"{program} names the program {other}"
        assert not _flag_names(arguments) - _own_flags(other), f"{program}: {arguments}"


def _own_flags(program):
    """The flags that the program's `--help` shows; of a yes-or-no flag also the form that turns it off."""
    module = importlib.import_module(program)
    own = flags.FLAGS.get_key_flags_for_module(module)
    return {flag.name for flag in own} | {f"no{flag.name}" for flag in own if flag.boolean}


def _code(text):
    """The fenced blocks and the code within lines, of which `| ... |` rows of tables have several."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return blocks + re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def _commands(text):
    """(program, arguments) of every `python -m PROGRAM ...`, and of `NAME --...` where NAME is a program's."""
    text = text.replace("\\\n", " ")
    yield from re.findall(r"\b(experiments\.[a-z]\w*|(?<=-m )data\.\w+\.\w+)((?: +[^\s`]+)*)", text)
    for name, arguments in re.findall(r"`(\w+)((?: +--[^`\n]+)+)`", text):
        if f"experiments.{name}" in PROGRAMS:
            yield f"experiments.{name}", arguments


def _flag_names(code):
    return set(re.findall(r"(?<![\w-])--([a-z][\w-]*)", code.split("#")[0] if "\n" not in code else code))


def test_paper_md_names_tests_that_exist():
    named = re.findall(r"\btest_\w+\b(?!\.py)", (ROOT / "PAPER.md").read_text(encoding="utf-8"))
    assert len(named) > 15
    for name in named:
        assert f"def {name}" in TESTS or name.endswith("_"), f"PAPER.md names {name}"


def test_paper_md_names_parts_of_the_library_that_exist():
    text = (ROOT / "PAPER.md").read_text(encoding="utf-8")
    parts = "|".join(path.name for path in (ROOT / "contextnet_tf").iterdir() if (path / "__init__.py").exists())
    named = re.findall(rf"`((?:{parts})/[\w/]*(?:\.py)?)", text)
    assert len(named) > 15
    for name in named:
        assert (ROOT / "contextnet_tf" / name).exists(), f"PAPER.md names {name}"


def test_the_table_of_programs_is_complete():
    table = (ROOT / "experiments" / "README.md").read_text(encoding="utf-8")
    for program in PROGRAMS:
        folder, name = program.rsplit(".", 1)
        assert folder != "experiments" or re.search(rf"^\| `{name}`", table, re.MULTILINE), program


def test_architecture_shows_every_package():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in (ROOT / "contextnet_tf").rglob("__init__.py"):
        assert path.parent == ROOT / "contextnet_tf" or f" {path.parent.name}/ " in text, path.parent


def test_changelog_names_the_version():
    version = re.search(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(encoding="utf-8"), re.MULTILINE).group(1)
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
