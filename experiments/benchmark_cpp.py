"""Compares the latency and throughput of the C++ header with those of Python's Segmenter, interleaved in one run.

Not in the paper. Both run the same file in the same runtime; they differ in the steps from pixels to the network and
from logits to labels. Compile the header first (docs/cpp.md). Takes two minutes at 1024 x 2048 (height x width) on two
cores.

  cmake -S cpp -B build -DPython3_EXECUTABLE=$PWD/.venv/bin/python && cmake --build build
  python -m experiments.benchmark_cpp --checkpoint=runs/demo/export/model.tflite --program=build/time_segment \\
    --image=street.png

An image of another size is resized to the file's before the first round.
"""

from collections.abc import Sequence

from absl import flags

from contextnet_tf.benchmarking.cpp import ROWS, compare_cpp
from contextnet_tf.benchmarking.protocol import Timing
from contextnet_tf.datasets.sources.reading import read_image
from contextnet_tf.deployment.engines.tflite_file import read_tflite
from contextnet_tf.deployment.resizing import resize_image
from experiments import common_flags, flag_kinds, program

flag_kinds.define_path("program", "build/time_segment", "The compiled C++ program. Default: build/time_segment.")
common_flags.key_flags("image", "rounds", checkpoint="Exported .tflite file. Required.")

ROUNDS = 20


def run(*, checkpoint: str, program: str, image: str, rounds: int = ROUNDS) -> dict[str, Timing]:
    """The timing of each of `ROWS`; the arguments are the flags."""
    pixels = resize_image(read_image(image), read_tflite(checkpoint).size, limit=-1)
    return compare_cpp(checkpoint, program, pixels, rounds=rounds)


def table(timings: dict[str, Timing]) -> str:
    """The timings as lines of text; each C++ row has its ratio to the corresponding Python row."""
    lines = [f"{'':16} {'median ms':>10} {'10 to 90 %':>16} {'of Python':>10}"]
    for name in ROWS:
        timing, python = timings[name], timings[name.replace("c++", "python")]
        low, high = timing.spread
        lines.append(
            f"{name:16} {timing.milliseconds:>10.1f} {f'{low:.1f} to {high:.1f}':>16} "
            f"{timing.milliseconds / python.milliseconds:>10.2f}"
        )
    return "\n".join(lines)


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    timings = run(
        checkpoint=common_flags.required("checkpoint"),
        program=common_flags.required("program"),
        image=common_flags.required("image"),
        rounds=values.rounds or ROUNDS,
    )
    print(table(timings))


if __name__ == "__main__":
    program.run(main)
