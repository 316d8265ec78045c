"""Serves a page that runs an exported network in the browser, on images, videos and the camera.

  make browser
  python -m experiments.serve --checkpoint=runs/camvid
  python -m experiments.serve --checkpoint=runs/camvid/export/model.tflite --port=8080
  python -m experiments.serve --checkpoint=runs/camvid --static=FOLDER

`make browser` installs LiteRT.js by npm once (39 MB). The page runs the exported .tflite file in WASM or WebGPU and
upsamples its logits as Segmenter does. No image leaves the browser. For the folder of a run, the page offers
every file of logits in export/: float32, float16, int8.

By default only this machine can open the page (see --host); Ctrl-C ends the server. --static writes the page to a
folder instead, for any web server; docs/browser.md lists the HTTP headers that make it faster.
"""

import contextlib
import pathlib
import shlex
from collections.abc import Sequence

from absl import flags

from contextnet_tf.deployment.metadata import read_metadata
from contextnet_tf.deployment.web import PageServer, build_page, write_page
from contextnet_tf.errors import InputError
from contextnet_tf.runs import layout
from experiments import common_flags, flag_kinds, opening, program

BROWSER_DIR = pathlib.Path(__file__).resolve().parents[1] / "browser"
PORT = 8000

flags.DEFINE_string("host", "127.0.0.1", "Address to listen on; 0.0.0.0: other machines can connect.")
flags.DEFINE_integer("port", PORT, "Port to listen on; 0: any free port.", lower_bound=0, upper_bound=65535)
flag_kinds.define_path("static", None, "Folder to write the page to, instead of serving it. Default: none.")
common_flags.key_flags(
    checkpoint="Exported .tflite file of logits, preset:NAME, or the folder of a run with such files in its export/. "
    "Required."
)


def run(*, checkpoint: str, host: str = "127.0.0.1", port: int = PORT, static: str | None = None) -> None:
    """Serves the page until Ctrl-C, or writes it to the folder `static`; the arguments are the flags."""
    page = build_page(files_to_serve(checkpoint), BROWSER_DIR)
    if static:
        write_page(page, static)
        command = f"python -m http.server --directory={shlex.quote(static)}"
        print(f"written: {static}; any web server can host it, for example: {command}")
        return
    with contextlib.suppress(KeyboardInterrupt), PageServer(page, host, port) as server:
        print(f"serving {checkpoint} at {server.url} (Ctrl-C ends)", flush=True)
        server.serve_forever()


def files_to_serve(checkpoint: str) -> list[pathlib.Path]:
    """The .tflite file `checkpoint`, or all .tflite files of logits in a run folder, float32 first.

    Raises:
      InputError: `checkpoint` is neither a .tflite file nor a run folder with an exported one.
    """
    exported = pathlib.Path(checkpoint) / layout.EXPORT
    if exported.is_dir():
        files = [path for path in exported.glob("*.tflite") if read_metadata(path).get("output", "logits") == "logits"]
        if files:
            return sorted(files, key=lambda path: (path.name != layout.TFLITE, path.name))
    path = opening.checkpoint_file(checkpoint, exported=True)
    if path.suffix.lower() != ".tflite":
        raise InputError(
            f"{path}: is not a .tflite file, which the browser needs; give one that experiments.export wrote"
        )
    return [path]


def main(argv: Sequence[str]) -> None:
    """Runs the program from its flags."""
    del argv
    values = flags.FLAGS
    run(checkpoint=common_flags.required("checkpoint"), host=values.host, port=values.port, static=values.static)


if __name__ == "__main__":
    program.run(main, needs_tensorflow=False)
