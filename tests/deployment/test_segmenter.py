"""Images of any size to labels, alone and as streams, and everything that is refused."""

import json
import threading

import numpy as np
import pytest
import tensorflow as tf
from color_network import color_network, of_blocks

from contextnet_tf.deployment.engines import engine_for
from contextnet_tf.deployment.export import export_tflite
from contextnet_tf.deployment.segmenter import Segmenter
from contextnet_tf.errors import InputError


@pytest.fixture(scope="module")
def colors_file(tmp_path_factory):
    """A .tflite file of the color network for images of 16 x 24, whose size multiple is 8."""
    path = tmp_path_factory.mktemp("colors") / "model.tflite"
    export_tflite(color_network((16, 24)), path)
    return path


@pytest.fixture(scope="module")
def segmenter(colors_file):
    return Segmenter(colors_file)


@pytest.fixture(params=["litert", "tensorflow"])
def either_engine(request, colors_file):
    source = colors_file if request.param == "litert" else color_network((16, 24))
    return Segmenter(source, engine=request.param)


def test_a_image_of_the_files_size(either_engine):
    assert either_engine.size == (16, 24)
    assert either_engine.num_classes == 3
    labels = either_engine.segment(of_blocks("rgb", "rgb"))
    assert labels.dtype == np.uint8
    # Columns 0 to 3 lie left of the first block's center, 20 to 23 right of the last one's. Half way
    # between two centers, at the blocks' border, the classes change.
    assert labels.tolist() == [[0] * 8 + [1] * 8 + [2] * 8] * 16


def test_a_image_smaller_by_less_than_the_multiple_is_padded(either_engine):
    image = of_blocks("rgb", "bgr")[:13, :17]
    labels = either_engine.segment(image)
    assert labels.shape == (13, 17)
    # The blue column 16 is repeated to a whole blue block: the same labels as for the whole image.
    np.testing.assert_array_equal(labels, either_engine.segment(of_blocks("rgb", "bgr"))[:13, :17])


def test_a_image_of_another_size_is_resized(either_engine):
    image = of_blocks("rgb", "rgb").repeat(2, axis=0).repeat(3, axis=1)
    labels = either_engine.segment(image)
    assert labels.tolist() == [[0] * 24 + [1] * 24 + [2] * 24] * 32


def test_resizing_as_asked(colors_file):
    # 13 x 17 would be padded; resized to 16 x 24 and back, blue keeps its share of the width, a seventeenth.
    image = of_blocks("rgb", "rgb")[:13, :17]
    labels = Segmenter(colors_file, resize_mode="resize").segment(image)
    assert labels.shape == (13, 17)
    assert (labels != Segmenter(colors_file, resize_mode="auto").segment(image)).any()


def test_padding_as_asked(colors_file):
    # 8 x 8 lacks a whole block each way: only padding keeps it out of the labels.
    segmenter = Segmenter(colors_file, resize_mode="pad")
    assert segmenter.segment(of_blocks("gb")[:, :9]).tolist() == [[1] * 8 + [2]] * 8
    with pytest.raises(
        InputError, match=r"an image of 17 x 24 \(height x width\) cannot be padded to the smaller 16 x 24"
    ):
        segmenter.segment(np.zeros((17, 24, 3), np.uint8))
    with pytest.raises(InputError, match="resize_mode 'stretch' is unknown; choose from: auto, resize, pad"):
        Segmenter(colors_file, resize_mode="stretch")


def test_a_network_without_a_fixed_size_takes_every_image_padded():
    segmenter = Segmenter(color_network((None, None)), engine="tensorflow")
    assert segmenter.size is None
    image = of_blocks("rgbrg", "rgbrg", "rgbrg")
    labels = segmenter.segment(image)
    assert labels.tolist() == [[0] * 8 + [1] * 8 + [2] * 8 + [0] * 8 + [1] * 8] * 24
    np.testing.assert_array_equal(segmenter.segment(image[:20, :37]), labels[:20, :37])


def frames_of(count: int):
    """Frames of one color each, and what their labels are: 0, 1, 2, 0, 1, ..."""
    for i in range(count):
        yield of_blocks("rgb"[i % 3])


@pytest.mark.parametrize("pipelined", [True, False])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 20])
def test_a_stream_gives_every_frames_labels_in_order(segmenter, pipelined, count):
    labels = list(segmenter.stream(frames_of(count), pipelined=pipelined))
    assert [int(x[0, 0]) for x in labels] == [i % 3 for i in range(count)]
    assert all(x.shape == (8, 8) for x in labels)


@pytest.mark.parametrize("pipelined", [True, False])
def test_a_stream_takes_frames_of_different_sizes(segmenter, pipelined):
    frames = [np.zeros((4 + i, 9, 3), np.uint8) for i in range(5)]
    assert [x.shape for x in segmenter.stream(frames, pipelined=pipelined)] == [(4 + i, 9) for i in range(5)]


@pytest.mark.parametrize("pipelined", [True, False])
def test_a_failing_source_is_heard_of_after_the_frames_before_it(segmenter, pipelined):
    def frames():
        yield from frames_of(3)
        raise OSError("the camera is gone")

    seen = []
    with pytest.raises(OSError, match="the camera is gone"):
        for labels in segmenter.stream(frames(), pipelined=pipelined):
            seen.append(int(labels[0, 0]))
    assert seen == [0, 1, 2]


@pytest.mark.parametrize("pipelined", [True, False])
def test_a_bad_frame_is_heard_of_in_its_place(segmenter, pipelined):
    frames = [*frames_of(2), np.zeros((8, 8), np.uint8), *frames_of(4)]
    seen = []
    with pytest.raises(InputError, match="3 channels"):
        for labels in segmenter.stream(frames, pipelined=pipelined):
            seen.append(int(labels[0, 0]))
    assert seen == [0, 1]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_stream_reads_one_frame_more_than_it_has_workers_and_stops_with_its_consumer(segmenter, workers):
    read = []

    def endless():
        while True:
            read.append(len(read))
            yield of_blocks("g")

    before = threading.active_count()
    stream = segmenter.stream(endless(), workers=workers)
    for handed_out in range(1, 6):
        next(stream)
        assert len(read) <= handed_out + workers
    assert threading.active_count() > before
    stream.close()
    assert threading.active_count() == before
    assert len(read) <= 5 + workers


def test_a_stream_that_is_not_read_reads_nothing(segmenter):
    def frames():
        raise AssertionError("read")
        yield

    segmenter.stream(frames())
    segmenter.stream(frames(), pipelined=False)


def test_two_streams_of_one_segmenter_at_once(segmenter):
    both = zip(segmenter.stream(frames_of(9), workers=2), segmenter.stream(frames_of(9), workers=3), strict=True)
    assert [(int(a[0, 0]), int(b[0, 0])) for a, b in both] == [(i % 3, i % 3) for i in range(9)]


def test_several_threads_may_use_one_segmenter(segmenter):
    results = {}

    def work(number: int) -> None:
        image = of_blocks("rgb"[number % 3])
        results[number] = {int(x) for _ in range(20) for x in np.unique(segmenter.segment(image))}

    threads = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {i: {i % 3} for i in range(6)}


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.zeros((8, 8, 3)), r"float64 \[8, 8, 3\]; it must be uint8"),
        (np.zeros((8, 8, 3), np.float32), "must be uint8"),
        (np.zeros((8, 8), np.uint8), r"\[8, 8\]; it must have 3 channels, RGB"),
        (np.zeros((8, 8, 1), np.uint8), "convert gray, drop alpha"),
        (np.zeros((8, 8, 4), np.uint8), "drop alpha"),
        (np.zeros((1, 8, 8, 3), np.uint8), r"^an image is uint8 \[1, 8, 8, 3\], a batch; give its images one by one$"),
        (np.zeros((0, 8, 3), np.uint8), "has no pixels"),
        (np.zeros((8, 0, 3), np.uint8), "has no pixels"),
        ("image.png", "an image is a str"),
    ],
)
def test_images_of_the_wrong_kind(either_engine, image, words):
    with pytest.raises(InputError, match=words):
        either_engine.segment(image)


def test_files_that_are_missing_or_of_another_kind(colors_file, tmp_path):
    with pytest.raises(InputError, match=r"^\S*absent.tflite: is not a file; give a .tflite file"):
        Segmenter(tmp_path / "absent.tflite")
    with pytest.raises(InputError, match="holds no best.keras; give a .keras file or the folder of a run"):
        Segmenter(tmp_path)
    (tmp_path / "text.tflite").write_text("no network at all")
    with pytest.raises(InputError, match=r"^\S*text.tflite: is not a TFLite file"):
        Segmenter(tmp_path / "text.tflite")
    whole = colors_file.read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut.tflite: cannot be used"):
        Segmenter(tmp_path / "cut.tflite")
    with pytest.raises(InputError, match="absent.keras: does not exist"):
        Segmenter(tmp_path / "absent.keras", engine="tensorflow")
    with pytest.raises(InputError, match="absent.keras: does not exist"):
        Segmenter(tmp_path / "absent.keras")


def test_the_engine_is_that_of_the_kind_of_network(colors_file, tmp_path):
    network = color_network((16, 24))
    network.save(tmp_path / "best.keras")
    image = of_blocks("rgb", "bgr")
    expected = [[0, 1, 2], [2, 1, 0]]
    for source in (colors_file, tmp_path / "best.keras", str(tmp_path), network):
        assert Segmenter(source).segment(image)[4::8, 4::8].tolist() == expected
    kinds = ("a.onnx", "B.ONNX", "a.tflite", "a.keras", "preset:cn14-camvid", "file of any name", str(tmp_path))
    assert [engine_for(source) for source in kinds] == [
        "onnxruntime", "onnxruntime", "litert", "tensorflow", "litert", "litert", "tensorflow",
    ]  # fmt: skip


def test_a_tflite_file_that_does_something_else(tmp_path):
    doubled = tf.function(lambda x: 2.0 * x, input_signature=[tf.TensorSpec([1, 4], tf.float32)])
    functions = [doubled.get_concrete_function()]
    converter = tf.lite.TFLiteConverter.from_concrete_functions(functions, tf.Module())
    (tmp_path / "other.tflite").write_bytes(converter.convert())
    with pytest.raises(InputError, match=r"other.tflite: takes float32 \[1, 4\] and gives float32 \[1, 4\]"):
        Segmenter(tmp_path / "other.tflite")


def test_metadata_are_read_and_may_be_missing_but_not_damaged(colors_file, tmp_path):
    assert Segmenter(colors_file).metadata["model"] == "colors"
    path = tmp_path / "model.tflite"
    path.write_bytes(colors_file.read_bytes())
    assert Segmenter(path).metadata == {}
    assert Segmenter(path).segment(of_blocks("b")).tolist() == [[2] * 8] * 8
    for text in ("{", json.dumps([1]), json.dumps({"image": 3})):
        (tmp_path / "model.json").write_text(text)
        with pytest.raises(InputError, match="model.json"):
            Segmenter(path)


def test_engine_and_threads_must_exist(colors_file):
    known = "litert, tensorflow, openvino, openvino-float32, onnxruntime"
    with pytest.raises(InputError, match=f"engine 'abacus' is unknown; choose from: {known}$"):
        Segmenter(colors_file, engine="abacus")
    with pytest.raises(InputError, match="num_threads = 0"):
        Segmenter(colors_file, num_threads=0)
    with pytest.raises(InputError, match="workers = 0"):
        Segmenter(colors_file).stream([], workers=0)
    with pytest.raises(InputError, match="runs a .tflite file, not a Functional"):
        Segmenter(color_network((16, 24)), engine="litert")
    with pytest.raises(InputError, match="a int is not a network"):
        Segmenter(3, engine="tensorflow")
    tf.constant(1) + 1  # TensorFlow is running now
    with pytest.raises(InputError, match="TensorFlow is already running"):
        Segmenter(color_network((16, 24)), engine="tensorflow", num_threads=7)


@pytest.mark.parametrize("count", [0, -1, "2", 1.5, True, [2]])
def test_numbers_of_threads_and_workers_are_checked(colors_file, count):
    for name, use in (
        ("num_threads", lambda: Segmenter(colors_file, num_threads=count)),
        ("workers", lambda: Segmenter(colors_file).stream([], workers=count)),
    ):
        with pytest.raises(InputError, match=f"{name} = .*: it must be a whole number, 1 or more, or None"):
            use()


def test_whole_numbers_of_numpy_are_numbers_of_threads(colors_file):
    assert Segmenter(colors_file, num_threads=np.int64(1)).workers >= 1


@pytest.mark.parametrize("engine", ["tflite", "", 0])
def test_engines_that_do_not_exist(colors_file, engine):
    with pytest.raises(InputError, match="is unknown; choose from: litert, tensorflow, openvino, openvino-float32"):
        Segmenter(colors_file, engine=engine)
