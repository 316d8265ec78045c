"""What the documents point at is there."""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[1]
DOCUMENTS = sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("experiments/*.md")) + sorted(ROOT.glob("data/**/*.md"))
TESTS = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
        assert "://" in target or (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_tests_that_paper_md_names_exist():
    named = re.findall(r"\btest_\w+\b(?!\.py)", (ROOT / "PAPER.md").read_text(encoding="utf-8"))
    assert len(named) > 15
    for name in named:
        assert f"def {name}" in TESTS or name.endswith("_"), f"PAPER.md names {name}"


def test_the_files_that_paper_md_names_exist():
    text = (ROOT / "PAPER.md").read_text(encoding="utf-8")
    parts = "benchmarking|runs|models|training|datasets|evaluation|compression|analysis|deployment|reporting"
    named = re.findall(rf"`((?:{parts})/[\w/]*(?:\.py)?)", text)
    assert len(named) > 15
    for name in named:
        assert (ROOT / "contextnet_tf" / name).exists(), f"PAPER.md names {name}"
    for name in re.findall(r"`((?:tests|experiments)/[\w/]+\.py)", text):
        assert (ROOT / name).exists(), f"PAPER.md names {name}"


def test_changelog_names_the_version():
    version = re.search(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(encoding="utf-8"), re.MULTILINE).group(1)
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
