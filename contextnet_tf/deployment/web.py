"""The page that runs exported files in a browser: builds its files, serves them, or writes them to a folder.

A page is a dict from URL path to content. The server looks up each request in this dict and never joins it to a folder,
so no path traversal is possible.
"""

import errno
import http.server
import ipaddress
import mimetypes
import os
import pathlib
import shutil
import socket
import sys
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from contextnet_tf.datasets.colors import spare_color
from contextnet_tf.deployment.engines.tflite_file import TFLiteFile, read_tflite
from contextnet_tf.errors import InputError
from contextnet_tf.files import atomic_write, json_text

Page = Mapping[str, bytes | pathlib.Path]

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
# WASM threads need shared memory, which browsers allow only for cross-origin-isolated pages.
_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "img-src 'self' blob:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# MIME types; the system's own table may be incomplete or different.
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".tflite": "application/octet-stream",
    ".wasm": "application/wasm",
}


def build_page(tflite_paths: Sequence[str | os.PathLike], browser_dir: str | os.PathLike) -> Page:
    """The page for one or more .tflite files of logits.

    `browser_dir` holds the folder `page` and LiteRT.js in `node_modules`, installed by npm.

    Raises:
      InputError: a file is unusable, outputs labels, or has classes that its metadata does not name; or LiteRT.js is
        not installed.
    """
    browser_dir = pathlib.Path(browser_dir)
    sources = sorted(path for path in (browser_dir / "page").iterdir() if path.is_file() and not path.is_symlink())
    page: dict[str, bytes | pathlib.Path] = {path.name: path for path in sources}
    page |= _runtime(browser_dir / "node_modules" / "@litertjs")
    entries = []
    for index, path in enumerate(tflite_paths):
        url = f"networks/{index}.tflite"
        file = read_tflite(path)
        page[url] = file.content  # not the path: another export may replace the file that is described
        entries.append({"url": url, **_description(path, file)})
    models = dict.fromkeys(entry["model"] for entry in entries)
    title = f"Segmentation with {', '.join(models)}"
    page["networks.json"] = json_text({"title": title, "files": entries}).encode()
    return page


def _description(path: str | os.PathLike, file: TFLiteFile) -> dict[str, Any]:
    """What the page knows of a file: among others the image size, the quantization of its output, and its classes."""
    if file.metadata.get("output") == "labels":
        raise InputError(
            f"{path}: outputs labels, but the page needs logits; export the network with the output logits"
        )
    classes = [{"name": x["name"], "color": x["color"]} for x in file.metadata.get("classes", ())]
    if classes and len(classes) != file.num_classes:
        raise InputError(f"{path}: has {file.num_classes} classes, its metadata name {len(classes)}; export it again")
    if not classes:
        classes = [{"name": f"class {index}", "color": spare_color(index)} for index in range(file.num_classes)]
    return {
        "model": file.metadata.get("model", pathlib.Path(path).stem),
        "dataset": file.metadata.get("dataset"),
        "precision": file.metadata.get("precision", "int8" if file.scale else "float32"),
        "bytes": len(file.content),
        "size": list(file.size),
        "size_multiple": file.size_multiple,
        "quantization": {"scale": file.scale, "zero_point": file.zero_point} if file.scale else None,
        "classes": classes,
    }


def write_page(page: Page, folder: str | os.PathLike) -> None:
    """Writes the page as a folder for any web server. Other files in the folder stay.

    Raises:
      InputError: the folder cannot be written.
    """
    for name, content in page.items():
        with atomic_write(pathlib.Path(folder) / name) as temporary:
            if isinstance(content, bytes):
                temporary.write_bytes(content)
            else:
                shutil.copyfile(content, temporary)


class PageServer(http.server.ThreadingHTTPServer):
    """Serves a page at `url` once `serve_forever()` runs; each request has its own thread."""

    daemon_threads = True

    def __init__(self, page: Page, host: str = "127.0.0.1", port: int = 0):
        """Listens at `host`, by default for this machine only; port 0 selects a free port.

        Raises:
          InputError: the port is in use or not allowed, or the host is empty or not an address of this machine.
        """
        if not host:  # the socket would listen at all addresses
            raise InputError("`host` is empty; leave it out to listen for this machine only")
        self.page = page
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise InputError(f"port {port} is taken by another program; choose another port") from None
            raise InputError(f"host {host}, port {port}: cannot be used ({error.strerror})") from None
        name = f"[{host}]" if ":" in host else host
        self.url = f"http://{name}:{self.server_address[1]}/"
        # Against DNS rebinding: a loopback server answers only to loopback host names. Otherwise a foreign page could
        # point its own domain to 127.0.0.1 and read this server's content.
        is_loopback = ipaddress.ip_address(str(self.server_address[0])).is_loopback
        self.hosts = (*_LOOPBACK, name.lower()) if is_loopback else None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Does not report connections that the browser closed early."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET and HEAD from the page's dict."""

    server: PageServer
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds until an idle connection is closed

    def do_GET(self) -> None:
        """Sends a file of the page."""
        content = self._answer()
        if content is not None:
            self.wfile.write(content)

    def do_HEAD(self) -> None:
        """Sends only the headers."""
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Logs nothing."""

    def version_string(self) -> str:
        """Hides the server versions."""
        return "contextnet_tf"

    def _answer(self) -> bytes | None:
        """Sends the headers; returns the content if the request is valid."""
        # A body is not read, and would be taken for the next request.
        self.close_connection |= any(name in self.headers for name in ("Content-Length", "Transfer-Encoding"))
        host = self.headers.get("Host", "").rpartition(":")
        hostname = host[0] if host[2].isdecimal() else "".join(host)
        if self.server.hosts and hostname.lower() not in self.server.hosts:
            return self._refuse(HTTPStatus.FORBIDDEN)
        name = self.path.partition("?")[0].removeprefix("/") or "index.html"
        content = self.server.page.get(name)
        if content is None:
            return self._refuse(HTTPStatus.NOT_FOUND)
        if not isinstance(content, bytes):
            try:
                content = content.read_bytes()
            except OSError:  # removed since the server started
                return self._refuse(HTTPStatus.NOT_FOUND)
        self._send_headers(HTTPStatus.OK, content_type(name), len(content))
        return content

    def _refuse(self, status: HTTPStatus) -> bytes | None:
        content = f"{status.value} {status.phrase}\n".encode()
        self._send_headers(status, "text/plain; charset=utf-8", len(content))
        return content

    def _send_headers(self, status: HTTPStatus, kind: str, length: int) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        self.end_headers()


def content_type(name: str) -> str:
    """The MIME type of a file of the page."""
    suffix = pathlib.PurePath(name).suffix
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _runtime(packages: pathlib.Path) -> Page:
    """The LiteRT.js files that the page's worker loads: modules and WASM."""
    core, utils = packages / "core", packages / "wasm-utils" / "dist" / "index.js"
    module = core / "dist" / "index.js"
    if not module.is_file() or not utils.is_file():
        raise InputError(f"{packages}: LiteRT.js is not installed; run: make browser")
    # Import maps could resolve this name, but workers do not support them.
    name, ours = b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"'
    source = module.read_bytes()
    if source.count(name) != 1:
        raise InputError(f"{module}: is another version of LiteRT.js than the lock file names; run: make browser")
    wasm = {f"litert/wasm/{path.name}": path for path in sorted((core / "wasm").iterdir())}
    return {"litert/index.js": source.replace(name, ours), "litert/wasm-utils.js": utils, **wasm}
