"""Pages of results with missing, empty or damaged parts, and reports that cannot be written."""

import math

import pytest
from report_reading import few_classes, page_of, read, samples, whole_results, write_run

from contextnet_tf.errors import InputError
from contextnet_tf.reporting import report
from contextnet_tf.runs import results


def test_a_result_without_sections_is_still_a_page(tmp_path):
    (tmp_path / "lonely_run").mkdir()
    results.update_results(tmp_path / "lonely_run")
    path = report.write_report(tmp_path / "lonely_run", path=tmp_path / "elsewhere" / "page.html")
    assert path == tmp_path / "elsewhere" / "page.html"
    parsed = read(path.read_text(encoding="utf-8"))
    assert parsed.sections() == [] and "lonely_run" in parsed.text
    assert not (tmp_path / "lonely_run" / "report.html").exists()


@pytest.mark.parametrize("name", list(whole_results()))
def test_a_missing_section_leaves_a_whole_page(name):
    sections = few_classes()
    del sections[name]
    read(page_of(sections, [], samples()))


@pytest.mark.parametrize("name", list(whole_results()))
def test_an_empty_section_leaves_a_whole_page(name):
    read(page_of(few_classes() | {name: {}}, [], samples()))


@pytest.mark.parametrize("name", ["model", "training", "evaluation", "runtime"])
def test_values_that_are_null_leave_a_whole_page(name):
    sections = few_classes()
    sections[name] = dict.fromkeys(sections[name])
    parsed = read(page_of(sections, [], samples()))
    assert "None" not in parsed.text and "nan" not in parsed.text.split()


def test_figures_that_are_not_finite_are_dashes():
    sections = whole_results()
    class_iou = {"road": math.nan, "sky": None}
    sections["evaluation"] |= {"mean_iou": math.nan, "class_iou": class_iou, "confusion": None}
    rows = read(page_of(sections, [])).rows()
    assert ["road", "–", "96.8", "–"] in rows and ["mean", "–", "65.9", "–"] in rows


def test_a_report_is_refused_where_there_is_no_result_and_leaves_the_old_one(tmp_path):
    (tmp_path / "report.html").write_text("old")
    with pytest.raises(InputError, match="result.json: is missing"):
        report.write_report(tmp_path)
    write_run(tmp_path, {})
    (tmp_path / "history.jsonl").write_text("damaged\n{}\n")
    with pytest.raises(InputError, match="history.jsonl:1"):
        report.write_report(tmp_path)
    assert (tmp_path / "report.html").read_text() == "old"


def test_a_report_that_cannot_be_written_names_its_folder(tmp_path):
    write_run(tmp_path, {})
    with pytest.raises(InputError, match="result.json"):
        report.write_report(tmp_path, path=tmp_path / "result.json" / "report.html")


def test_a_folder_in_the_place_of_the_report_is_named(tmp_path):
    results.update_results(tmp_path)
    (tmp_path / "report.html").mkdir()
    with pytest.raises(InputError, match="report.html: is a folder; give a file"):
        report.write_report(tmp_path)


@pytest.mark.parametrize(("name", "message"), [("result", "is not JSON"), ("history", ":1: is not a JSON object")])
def test_json_that_nests_without_end_is_named(tmp_path, name, message):
    results.update_results(tmp_path)
    path = tmp_path / {"result": "result.json", "history": "history.jsonl"}[name]
    path.write_text("[" * 100_000 + "\n{}\n")
    with pytest.raises(InputError, match=f"{path.name}.*{message}"):
        report.write_report(tmp_path)


def test_what_is_missing_is_named_with_its_reason():
    sections = few_classes()
    del sections["runtime"]
    source = report.report_html(
        report.Results.from_json(sections, "result.json"), missing={"images": "the folder <a> is missing"}
    )
    assert "Not in this report: images (the folder &lt;a&gt; is missing); speed (run predict)." in source
