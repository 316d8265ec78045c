"""The page's own arithmetic: resizing, the network and the upsampling give what Python gives."""

import base64

import numpy as np
import pytest
from small_run import SIZE, random_image

from contextnet_tf.deployment.engines.litert import LiteRTEngine
from contextnet_tf.deployment.resizing import resize_image
from contextnet_tf.deployment.upsample import upsample_argmax

RUN_UPSAMPLING = """async ({logits, shape, size}) => {
  const {upsampleArgmax} = await import("/upsample.js");
  const bytes = Uint8Array.from(atob(logits), (character) => character.charCodeAt(0));
  return [...upsampleArgmax(new Float32Array(bytes.buffer), shape, ...size)];
}"""


def _kinds(random: np.random.Generator, shape: tuple[int, ...]) -> list[np.ndarray]:
    """Logits that are ordinary, tied, tied but for rounding units, of all magnitudes, and smooth."""
    y, x = np.mgrid[: shape[0], : shape[1]][..., None] / 4
    phase = random.uniform(0, 6, (4, shape[2]))
    nearly = np.repeat(random.uniform(1, 100, (*shape[:2], 1)).astype(np.float32), shape[2], axis=2)
    nearly[..., 1:] = np.nextafter(nearly[..., 1:], np.float32(1000))
    return [
        random.normal(size=shape) * 5,
        random.integers(0, 3, shape) * 0.7,
        1 + random.integers(-4, 5, shape) * 2.0**-24,
        nearly,
        random.normal(size=shape) * 10.0 ** random.integers(-6, 7, shape),
        np.sin(y * phase[0] + phase[1]) + np.cos(x * phase[2] + phase[3]),
        np.zeros(shape),
    ]


def test_upsampling_is_that_of_python(page):
    random = np.random.default_rng(0)
    for _ in range(12):
        shape = (*random.integers(1, 10, 2).tolist(), int(random.integers(1, 21)))
        for kind, logits in enumerate(_kinds(random, shape)):
            for size in [shape[:2], (shape[0] * 8, shape[1] * 8), tuple(random.integers(1, 80, 2).tolist())]:
                logits = logits.astype(np.float32)
                given = {"logits": base64.b64encode(logits.tobytes()).decode(), "shape": shape, "size": size}
                labels = np.array(page.evaluate(RUN_UPSAMPLING, given), np.uint8).reshape(size)
                expected = upsample_argmax(logits, size)
                np.testing.assert_array_equal(labels, expected, err_msg=f"kind {kind}, {shape} to {size}")


RUN_RESIZING = """async ({image, size, target}) => {
  const {fitImage} = await import("/resize.js");
  const rgb = Uint8Array.from(atob(image), (character) => character.charCodeAt(0));
  return [...fitImage(rgb, size, target, 31)];
}"""


def test_resizing_is_that_of_python(page):
    random = np.random.default_rng(0)
    for index in range(60):
        size, target = random.integers(1, 130, 2).tolist(), random.integers(1, 90, 2).tolist()
        if index % 4 == 0:
            size = [target[0] * (1 + index % 3), target[1] * (1 + index % 5)]
        image = random.integers(0, 256, (*size, 3), dtype=np.uint8)
        given = {"image": base64.b64encode(image.tobytes()).decode(), "size": size, "target": target}
        resized = np.array(page.evaluate(RUN_RESIZING, given), np.uint8).reshape(*target, 3)
        expected = resize_image(image, tuple(target), 31)
        np.testing.assert_array_equal(resized, expected, err_msg=f"{size} to {target}")


RUN_NETWORK = """async ({index, rgba, height, width}) => {
  const {files} = await (await fetch("/networks.json")).json();
  const worker = new Worker("/worker.js");
  const answer = () => new Promise((resolve) => (worker.onmessage = ({data}) => resolve(data)));
  worker.postMessage({start: {file: files[index], compute: "cpu"}});
  await answer();
  const bytes = Uint8ClampedArray.from(atob(rgba), (character) => character.charCodeAt(0));
  worker.postMessage({image: {id: 1, rgba: bytes, width, height, keepLogits: true}});
  const {result} = await answer();
  worker.terminate();
  return [...result.logits];
}"""


@pytest.mark.parametrize(("index", "name", "error"), [(0, "model.tflite", 1e-5), (1, "model_int8.tflite", 0)])
def test_logits_are_those_of_litert_in_python(page, run_dir, index, name, error):
    image = random_image(SIZE)
    rgba = np.dstack([image, np.full(SIZE, 255, np.uint8)])
    given = {"index": index, "rgba": base64.b64encode(rgba.tobytes()).decode(), "height": SIZE[0], "width": SIZE[1]}
    logits = np.float32(page.evaluate(RUN_NETWORK, given))
    expected = LiteRTEngine(run_dir / "export" / name).logits(image).ravel()
    assert np.abs(logits - expected).max() <= error * np.abs(expected).max()
