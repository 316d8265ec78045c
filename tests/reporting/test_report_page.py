import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_reading import COMMIT, NAMES, Page, few_classes, page_of, read, samples, whole_results, write_run

from contextnet_tf.reporting import report


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, whole_results())
    assert report.write_report(folder, samples(2)) == folder / "report.html"
    return read((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_has_every_section_in_order_and_links_to_it(whole):
    expected = ["images", "classes", "training", "network", "speed", "confusion", "origin"]
    assert whole.sections() == expected
    links = [href[1:] for href in whole.attributes("href")]
    assert [link for link in links if link in expected] == expected


def test_the_page_needs_nothing_from_outside(whole):
    links = whole.attributes("src", "href", "xlink:href", "srcset", "data", "action", "poster")
    assert links and all(link.startswith(("#", "data:")) for link in links)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in whole.elements}
    for reference in re.findall(r"url\((.*?)\)", whole.source):
        assert reference.startswith("#")
    assert "@import" not in whole.source


def test_names_on_the_page_are_unique_and_every_reference_meets_one(whole):
    identifiers = whole.attributes("id")
    assert len(identifiers) == len(set(identifiers))
    referred = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', whole.source))
    assert referred <= set(identifiers)


def test_the_main_figures_stand_in_the_head(whole):
    head = whole.source[: whole.source.index("<section")]
    assert re.findall(r'class="figure">(.*?)</dd>', head) == [
        "64.9<small>%</small>", "7.1", "0.85<small>M</small>", "3.41<small>MB</small>",
    ]  # fmt: skip
    assert "<h1>cn14 on Cityscapes</h1>" in head
    assert "500 images of the validation split" in head and "23 November 2026" in head
    assert "the paper has 65.9 %" in head and "91.3 % of the pixels are correct" in head


def test_classes_stand_beside_the_paper(whole):
    rows = whole.rows()
    assert ["Class", "IoU\u00a0%", "paper cn14", "difference"] in rows
    assert ["road", "98.0", "96.8", "+1.2"] in rows
    assert ["bus", "71.7", "71.7", "0.0"] in rows
    assert ["pole", "50.0", "38.0", "+12.0"] in rows
    assert ["bicycle", "50.0", "64.6", "−14.6"] in rows
    assert ["train", "–", "57.1", "–"] in rows
    assert ["mean", "64.9", "65.9", "−1.0"] in rows
    assert [row[0] for row in rows if len(row) == 4][1:-1] == NAMES


def test_averaged_figures_are_a_sentence_of_their_own():
    sections = few_classes()
    sections["averaged_evaluation"] = sections["evaluation"] | {
        "mean_iou": 0.6634, "scales": [0.75, 1.0, 1.25], "flip": True, "split": "train+val, p1 held out",
    }  # fmt: skip
    text = page_of(sections)
    assert (
        "With test-time augmentation (TTA) over mirrored images and the scales 0.75, 1, 1.25, best.keras has 66.3 % "
        "mean IoU on the split train+val, p1 held out of Cityscapes." in text
    )
    assert "test-time augmentation (TTA)" not in page_of(few_classes())


def test_categories_and_mistakes(whole):
    rows = whole.rows()
    assert ["flat", "97.0"] in rows and ["human", "–"] in rows and ["mean", "80.1"] in rows
    assert ["pole → building", "25.0"] in rows


def test_every_class_is_named_and_those_that_occur_stand_out(whole):
    legend = re.search(r'<ul class="legend">(.*?)</ul>', whole.source)[1]
    entries = re.findall(r'<li class="(\w+)">.*?</span>(.*?)</li>', legend)
    assert [name for _, name in entries] == NAMES
    assert [name for kind, name in entries if kind == "present"] == ["road", "car"]
    assert "not labeled: ignored" in legend
    assert "background:rgb(128,64,128)" in legend


def test_images_are_inside_the_page(whole):
    images = [found for tag, found in whole.elements if tag == "img"]
    assert [image["src"].partition(";")[0] for image in images] == [
        "data:image/jpeg", "data:image/png", "data:image/png",
    ] * 2  # fmt: skip
    assert {(image["width"], image["height"]) for image in images} == {("12", "8")}
    assert images[1]["alt"] == "frankfurt_000000_000294: ground truth"
    assert "75.0 % of the pixels correct" in whole.text  # 9 of 12 columns are road


@pytest.mark.parametrize(
    "name, value",
    [
        ("parameters", "863,171"),
        ("with batch normalization folded", "846,179"),
        ("in the paper (Table 4)", "0.85 M, 19 classes"),
        ("multiply-adds per image", "5.63 G at 1024 × 2048"),
        ("TFLite", "export/model.tflite"),
        ("size of the TFLite file", "3.41 MB"),
        ("labels equal to the network&#39;s", "99.998 %"),
        ("largest logit difference", "3.2e-05"),
        ("mean IoU of the exported file", "64.9 %"),
        ("frames per second", "7.1"),
        ("milliseconds per image", "140.1"),
        ("10th to 90th percentile", "131.2 to 155.5 ms"),
        ("engine", "LiteRT"),
        ("threads", "1"),
        ("steps", "2,760"),
        ("time", "1 h 01 min"),
        ("images per second", "31.2 (median)"),
        ("optimizer", "RMSprop"),
        ("optimizer: discount", "0.9"),
        ("crop", "352, 480"),
        ("tensorflow", "2.21.0"),
        ("processor", "Processor 9 &amp; Co"),
        ("memory", "23.5 GiB"),
        ("commit", COMMIT + "+changes"),
        ("date", "2026-11-23T07:00:47+00:00"),
        ("data", "data/somewhere"),
        ("resume", "no"),
        ("epochs", "not set"),
        ("sizes", "1024, 2048"),
        ("note", "&lt;script&gt;alert(1)&lt;/script&gt;"),
    ],
)
def test_facts_with_their_values(whole, name, value):
    assert [name, value] in whole.rows()


def test_the_commands_can_be_copied(whole):
    assert "python -m experiments.train --recipe=short --noresume\n" in whole.text + "\n"


def test_iiou_stands_beside_iou_where_it_was_measured():
    sections = few_classes()
    sections["evaluation"] |= {
        "class_iou": {"road": 0.98, "person": 0.5, "train": None},
        "category_iou": {"flat": 0.97, "human": 0.61},
        "mean_instance_iou": 0.25, "instance_iou": {"person": 0.25, "train": math.nan},
        "mean_category_instance_iou": 0.375, "category_instance_iou": {"human": 0.375}, "confusion": None,
    }  # fmt: skip
    parsed = read(page_of(sections, []))
    rows = parsed.rows()
    header = rows.index(["Class", "IoU\u00a0%", "paper cn14", "difference", "iIoU\u00a0%"])
    assert rows[header + 1 : header + 5] == [
        ["road", "98.0", "96.8", "+1.2", "–"],
        ["person", "50.0", "67.5", "−17.5", "25.0"],
        ["train", "–", "57.1", "–", "–"],
        ["mean", "64.9", "65.9", "−1.0", "25.0"],
    ]
    header = rows.index(["Category", "IoU\u00a0%", "iIoU\u00a0%"])
    categories = [["flat", "97.0", "–"], ["human", "61.0", "37.5"], ["mean", "80.1", "37.5"]]
    assert rows[header + 1 : header + 4] == categories
    assert "weighs every instance" in parsed.text
    assert "iIoU" not in read(page_of(few_classes(), [])).text


@pytest.mark.parametrize("change", [("evaluation", "dataset", "streets"), ("evaluation", "split", "train")])
def test_the_paper_stands_beside_cityscapes_val_only(change):
    section, name, value = change
    sections = few_classes()
    sections[section][name] = value
    parsed = read(page_of(sections, []))
    assert ["Class", "IoU\u00a0%"] in parsed.rows()
    assert "the paper has" not in parsed.text


def test_a_network_without_a_row_of_its_own_stands_beside_all_four():
    sections = whole_results()
    sections["model"]["name"] = "own"
    rows = read(page_of(sections, [])).rows()
    assert ["sky", "50.0", "91.0", "91.4", "91.5", "93.4"] in rows
    assert ["mean", "64.9", "60.1", "65.9", "68.7", "67.3"] in rows


def test_names_from_outside_are_escaped_everywhere():
    hostile = '<img src=x onerror=alert(1)>"&'
    sections = whole_results()
    sections["model"]["name"] = hostile
    sections["evaluation"] |= {"commit": hostile, "versions": {hostile: hostile}}
    sections["dataset"]["classes"][0]["name"] = hostile
    sections["evaluation"]["class_iou"] = {hostile: 0.5} | sections["evaluation"]["class_iou"]
    del sections["evaluation"]["class_iou"]["road"]
    sections["flags"] = {hostile: {hostile: hostile}}
    sections["training"]["recipe"] = {hostile: {hostile: hostile}}
    source = page_of(sections, [], samples(name=hostile))
    parsed = read(source)
    assert "<img src=x" not in source
    assert "onerror" not in {name for _, found in parsed.elements for name in found}
    assert hostile in parsed.text


@settings(deadline=None, max_examples=60)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r")))
def test_any_text_comes_back_as_it_was(value):
    macros = report.TEMPLATES.get_template("macros.html").module
    parsed = Page(str(macros.facts([("name", value)])))
    assert "".join(parsed.words) == "name" + value or value == "–"


def test_eight_large_samples_stay_below_three_megabytes():
    generator = np.random.default_rng(0)
    image = generator.integers(0, 256, (256, 512, 3), dtype=np.uint8).repeat(2, axis=0).repeat(2, axis=1)
    labels = generator.integers(0, 19, (64, 128), dtype=np.uint8).repeat(8, axis=0).repeat(8, axis=1)
    many = [report.Sample(f"image {number}", image, labels, labels) for number in range(8)]
    assert len(page_of(whole_results(), [], many)) < 3e6


def test_a_run_shorter_than_its_recipe_says_so():
    sections = few_classes()
    sections["training"] |= {"epochs": 6, "recipe_epochs": 60}
    parsed = read(page_of(sections))
    assert "2 classes; after 6 of the recipe's 60 epochs; 91.3 % of the pixels are correct" in parsed.text
    assert ["epochs", "6 of the recipe&#39;s 60"] in parsed.rows()
    sections["training"] |= {"epochs": 60}
    assert "of the recipe" not in read(page_of(sections)).text


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ([1024, 2048], "The paper prints 18.3 (sequential) and 41.9 (pipelined) frames per second for cn14 at"),
        (
            [256, 512],
            "The paper prints 139.2 (sequential) and 299.5 (pipelined) frames per second for cn14 at 256 × 512",
        ),
        ([360, 480], None),
    ],
)
def test_the_papers_speed_is_that_for_the_same_size(size, expected):
    sections = few_classes()
    sections["runtime"]["size"] = size
    speed = page_of(sections).split('<section id="speed"')[1].split("</section>")[0]
    assert (expected in " ".join(speed.split())) if expected else "The paper" not in speed


def test_speed_stands_under_the_machine_that_was_measured():
    sections = few_classes()
    board = {
        "machine": {"processor": "Cortex-A76", "cores": 4},
        "commit": "b" * 40,
        "date": "2026-12-01T00:00:00+00:00",
    }
    sections["runtime"] |= board | {"versions": {"python": "3.11.7", "tensorflow": "2.20.0"}}
    source = page_of(sections)
    speed = source.split('<section id="speed"')[1].split("</section>")[0]
    assert "Cortex-A76" in speed and "Processor 9" not in speed
    assert "1 thread, Cortex-A76" in source.replace("\u00a0", " ").split("<section")[0]
    rows = read(source).rows()
    assert [
        "speed",
        "Cityscapes",
        "val",
        "1 December 2026",
        "bbbbbbbbbb",
        "4 x Cortex-A76",
        "tensorflow 2.20.0",
    ] in rows
    assert ["processor", "Processor 9 &amp; Co"] in rows  # of the accuracy


def test_several_images_at_once_are_no_latency():
    sections = few_classes()
    sections["runtime"] |= {"workers": 4, "milliseconds_median": None, "milliseconds_spread": None}
    text = read(page_of(sections)).text
    assert "Throughput: 4 images are segmented at once" in text and "Latency" not in text


def test_every_exported_file_is_listed():
    sections = few_classes()
    int8 = {"path": "export/model_int8.tflite", "bytes": 1234567, "precision": "int8", "input_size": [64, 96],
            "largest_logit_difference": 0.25, "label_parity": 0.9871}  # fmt: skip
    sections["export"]["files"]["model_int8.tflite"] = int8
    assert ["model_int8.tflite", "int8", "1.23 MB", "64 × 96", "98.710", "0.25"] in read(page_of(sections)).rows()
    sections["export"]["files"] = {"model_int8.tflite": int8}
    assert "Other exported files" not in read(page_of(sections)).text


def test_accuracy_of_the_file_on_other_images_says_which():
    sections = few_classes()
    place = {name: sections["evaluation"][name] for name in ("dataset", "split", "images")}
    for changes, shown in (
        ({}, "64.9 %"),
        ({"images": 8}, "64.9 % (Cityscapes val, 8 images)"),
        ({"dataset": "camvid"}, "64.9 % (CamVid val, 500 images)"),
    ):
        sections["runtime"] |= place | changes
        assert ["mean IoU of the exported file", shown] in read(page_of(sections)).rows()
