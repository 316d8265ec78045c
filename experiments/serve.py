"""Serves a page that runs an exported network in the browser: on images, videos and the camera.

  make browser
  python -m experiments.serve --checkpoint=runs/camvid
  python -m experiments.serve --checkpoint=runs/camvid/export/model.tflite --port=8080
  python -m experiments.serve --checkpoint=runs/camvid --static=FOLDER

`make browser` installs LiteRT.js by npm once (39 MB). The page runs the exported .tflite file itself, by WASM or
WebGPU, and upsamples its logits to the labels that Segmenter gives. No image leaves the browser. Of a run, every file
of logits in its export/ is offered: float32, float16, int8.

The server listens to this machine alone, unless --host says otherwise; Ctrl-C ends it. --static writes the page as a
folder instead, for any web server: docs/browser.md has the headers that make it faster.
"""

import contextlib
import pathlib
from collections.abc import Sequence

from absl import flags

from contextnet_tf.deployment.metadata import read_metadata
from contextnet_tf.deployment.web import PageServer, build_page, write_page
from contextnet_tf.errors import InputError
from contextnet_tf.runs import layout
from experiments import common_flags, flag_kinds, opening, program

BROWSER_DIR = pathlib.Path(__file__).resolve().parents[1] / "browser"
PORT = 8000

flags.DEFINE_string("host", "127.0.0.1", "Address to listen at; 0.0.0.0 lets other machines in.")
flags.DEFINE_integer("port", PORT, "Port to listen at; 0 takes any free one.", lower_bound=0, upper_bound=65535)
flag_kinds.define_path("static", None, "Folder to write the page to, instead of serving it.")
common_flags.key_flags(
    checkpoint="Exported .tflite file, or the folder of a run: every file of logits in its export/ is offered."
)


def run(*, checkpoint: str, host: str = "127.0.0.1", port: int = PORT, static: str | None = None) -> None:
    """Serves the page until Ctrl-C, or writes it to the folder `static`; the arguments are the flags."""
    page = build_page(exported_files(checkpoint), BROWSER_DIR)
    if static:
        write_page(page, static)
        print(f"written: {static}; any web server can host it, for example: python -m http.server --directory={static}")
        return
    with contextlib.suppress(KeyboardInterrupt), PageServer(page, host, port) as server:
        print(f"serving {checkpoint} at {server.url} (Ctrl-C ends)", flush=True)
        server.serve_forever()


def exported_files(checkpoint: str) -> list[pathlib.Path]:
    """The .tflite files that `checkpoint` names: one file, or all files of logits of a run, float32 first.

    Raises:
      InputError: it is no .tflite file, and no folder of a run that was exported.
    """
    exported = pathlib.Path(checkpoint) / layout.EXPORT
    if exported.is_dir():
        files = [path for path in exported.glob("*.tflite") if read_metadata(path).get("output") != "labels"]
        if files:
            return sorted(files, key=lambda path: (path.name != layout.TFLITE, path.name))
    path = opening.checkpoint_file(checkpoint, exported=True)
    if path.suffix != ".tflite":
        raise InputError(f"{path}: a browser runs .tflite files alone; name the one that experiments.export wrote")
    return [path]


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    run(checkpoint=common_flags.required("checkpoint"), host=values.host, port=values.port, static=values.static)


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
