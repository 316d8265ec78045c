"""The server sends its page and nothing else; the folder that --static writes is the same page."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest
from small_run import MARKUP, SIZE

from contextnet_tf.deployment.web import PageServer, build_page, write_page
from contextnet_tf.errors import InputError
from contextnet_tf.files import read_json, write_json
from experiments import serve


@pytest.fixture
def browser_dir(tmp_path):
    """As the checkout's, with LiteRT.js in a few bytes."""
    files = {
        "page/index.html": "<!doctype html>",
        "page/main.js": "start()",
        "node_modules/@litertjs/core/dist/index.js": 'import { createWasmLib } from "@litertjs/wasm-utils";',
        "node_modules/@litertjs/core/wasm/litert.wasm": "\0asm",
        "node_modules/@litertjs/wasm-utils/dist/index.js": "export function createWasmLib() {}",
        "secret.txt": "secret",
    }
    for name, content in files.items():
        path = tmp_path / "browser" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return tmp_path / "browser"


@pytest.fixture
def built(run_dir, browser_dir):
    return build_page(serve.files_to_serve(run_dir), browser_dir)


@pytest.fixture
def server(built):
    with PageServer(built) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(server, path, method="GET", **headers):
    """The answer to a request whose path is sent as it is, not made neat by a client."""
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=20)
    ) as connection:
        connection.putrequest(method, path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        answer.content = answer.read()
        return answer


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/index.html?x=1", "text/html; charset=utf-8"),
        ("/main.js", "text/javascript; charset=utf-8"),
        ("/litert/index.js", "text/javascript; charset=utf-8"),
        ("/litert/wasm/litert.wasm", "application/wasm"),
        ("/networks.json", "application/json"),
        ("/networks/0.tflite", "application/octet-stream"),
    ],
)
def test_files_have_their_types(server, path, kind):
    answer = ask(server, path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, kind)
    assert len(answer.content) == int(answer.headers["Content-Length"]) > 0
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


def test_head_has_no_content(server):
    answer = ask(server, "/main.js", method="HEAD")
    assert (answer.status, answer.headers["Content-Length"], answer.content) == (200, "7", b"")


def test_the_network_is_sent_as_it_was_exported(server, run_dir):
    assert ask(server, "/networks/0.tflite").content == (run_dir / "export/model.tflite").read_bytes()
    assert ask(server, "/networks/1.tflite").content == (run_dir / "export/model_int8.tflite").read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "/secret.txt",
        "/../secret.txt",
        "/page/../secret.txt",
        "/litert/../../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/%252e%252e%252fsecret.txt",
        "/..\\secret.txt",
        "//etc/passwd",
        "/etc/passwd",
        "/%2fetc%2fpasswd",
        "/file:///etc/passwd",
        "/networks/",
        "/networks/../networks/0.tflite",
        "/node_modules/@litertjs/core/dist/index.js",
        "/link",
        "/index.html/",
        "/\0",
        "/" + "a" * 5000,
    ],
)
def test_no_path_leaves_the_page(server, browser_dir, path):
    os.symlink("/etc/passwd", browser_dir / "page" / "link")
    answer = ask(server, path.replace("\0", "%00"))
    assert answer.status == 404
    assert b"secret" not in answer.content
    assert b"root:" not in answer.content


def test_absolute_url_of_another_place_is_refused(server):
    assert ask(server, "http://example.org/index.html").status == 403
    assert ask(server, "http://example.org/index.html", Host="localhost").status == 404


def test_links_out_of_the_page_folder_are_not_taken(run_dir, browser_dir):
    os.symlink("/etc/passwd", browser_dir / "page" / "link")
    assert "link" not in build_page(serve.files_to_serve(run_dir), browser_dir)


def test_a_file_that_is_replaced_while_it_is_served_is_sent_as_it_was_described(run_dir, browser_dir, tmp_path):
    names = ("model.tflite", "model.json", "model_int8.tflite", "model_int8.json")
    float32, metadata, int8, int8_metadata = (tmp_path / name for name in names)
    for path in (float32, metadata, int8, int8_metadata):
        shutil.copy(run_dir / "export" / path.name, path)
    described = build_page([float32], browser_dir)
    before = float32.read_bytes()
    shutil.copy(int8, float32)
    shutil.copy(int8_metadata, metadata)
    assert described["networks/0.tflite"] == before
    assert b'"precision": "float32"' in described["networks.json"]


@pytest.mark.parametrize("body", ["Content-Length: 29\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1d\r\n"])
def test_the_body_of_a_request_is_no_further_request(server, body):
    request = f"GET /main.js HTTP/1.1\r\nHost: localhost\r\n{body}GET /networks.json HTTP/1.1\r\n\r\n"
    with socket.create_connection(server.server_address, timeout=20) as connection:
        connection.sendall(request.encode())
        answers = b"".join(iter(lambda: connection.recv(65536), b""))  # until the server closes the connection
    assert answers.count(b"HTTP/1.1 ") == 1
    assert answers.endswith(b"\r\n\r\nstart()")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_other_methods_are_refused(server, method):
    assert ask(server, "/index.html", method=method).status == 501


def test_other_names_of_this_machine_are_refused(server):
    port = server.server_address[1]
    assert ask(server, "/", Host=f"localhost:{port}").status == 200
    assert ask(server, "/", Host="127.0.0.1").status == 200
    assert ask(server, "/", Host=f"attacker.example:{port}").status == 403


@pytest.mark.parametrize("host", ["127.0.0.2", "127.1"])
def test_other_names_are_refused_at_every_loopback_address(built, host):
    with PageServer(built, host) as server:
        assert server.url == f"http://{host}:{server.server_address[1]}/"
        assert server.hosts == ("localhost", "127.0.0.1", "[::1]", host)


def test_listens_to_this_machine_alone(server, built):
    assert server.server_address[0] == "127.0.0.1"
    with pytest.raises(InputError, match="^`host` is empty; leave it out to listen for this machine only$"):
        PageServer(built, "")


def test_a_taken_port_is_one_line(server, built):
    port = server.server_address[1]
    with pytest.raises(InputError, match=f"^port {port} is taken by another program; choose another port$"):
        PageServer(built, port=port)


def test_a_host_of_another_machine_is_one_line(built):
    with pytest.raises(InputError, match="^host 192.0.2.1, port 0: cannot be used"):
        PageServer(built, host="192.0.2.1")


def description(path, browser_dir):
    """What the page is told of a file."""
    (entry,) = json.loads(build_page([path], browser_dir)["networks.json"])["files"]
    return entry


def test_files_are_described_from_their_metadata(run_dir, browser_dir):
    float32 = description(run_dir / "export/model.tflite", browser_dir)
    assert (float32["model"], float32["dataset"], float32["precision"]) == ("small", "streets", "float32")
    assert (float32["size"], float32["quantization"], len(float32["classes"])) == (list(SIZE), None, 19)
    assert float32["classes"][:2] == [
        {"name": "road", "color": [128, 64, 128]},
        {"name": MARKUP, "color": [244, 35, 232]},
    ]
    int8 = description(run_dir / "export/model_int8.tflite", browser_dir)
    assert int8["precision"] == "int8"
    assert int8["quantization"]["scale"] > 0


def test_classes_without_metadata_are_numbered(run_dir, browser_dir, tmp_path):
    path = tmp_path / "alone.tflite"
    path.write_bytes((run_dir / "export/model.tflite").read_bytes())
    described = description(path, browser_dir)
    assert (described["model"], described["precision"], described["size_multiple"]) == ("alone", "float32", 8)
    assert [x["name"] for x in described["classes"]] == [f"class {index}" for index in range(19)]
    assert len({tuple(x["color"]) for x in described["classes"]}) == 19
    # As Python shows classes without a color. By hand: hues of 0 and 222.5 degrees.
    assert [x["color"] for x in described["classes"][:2]] == [[210, 45, 45], [36, 67, 143]]


def test_the_static_folder_is_the_page(built, server, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "mine.txt").write_text("mine")
    write_page(built, tmp_path / "site")
    written = {str(x.relative_to(tmp_path / "site")) for x in (tmp_path / "site").rglob("*") if x.is_file()}
    assert written == {*built, "mine.txt"}
    for name in built:
        assert (tmp_path / "site" / name).read_bytes() == ask(server, f"/{name}").content, name


def test_the_command_for_a_static_folder_is_for_any_folder(run_dir, browser_dir, tmp_path, call, monkeypatch):
    monkeypatch.setattr(serve, "BROWSER_DIR", browser_dir)
    called = call(serve, f"--checkpoint={run_dir}", f"--static={tmp_path}/my site")
    assert called.out.endswith(f"for example: python -m http.server --directory='{tmp_path}/my site'\n"), called.err
    assert (tmp_path / "my site" / "index.html").is_file()


def test_the_worker_finds_its_modules_without_an_import_map(built):
    assert built["litert/index.js"] == b'import { createWasmLib } from "./wasm-utils.js";'


def test_missing_runtime_says_what_to_run(run_dir, tmp_path):
    (tmp_path / "page").mkdir()
    with pytest.raises(InputError, match="LiteRT.js is not installed; run: make browser$"):
        build_page(serve.files_to_serve(run_dir), tmp_path)


def test_checkpoints(run_dir, tmp_path, call):
    export = run_dir / "export"
    assert serve.files_to_serve(str(run_dir)) == [export / "model.tflite", export / "model_int8.tflite"]
    assert serve.files_to_serve(str(export / "model_int8.tflite")) == [export / "model_int8.tflite"]
    called = call(serve, f"--checkpoint={tmp_path}")
    assert called.status == 1
    assert called.err.startswith(f"error: {tmp_path}: ")
    assert call(serve, "--checkpoint=no.tflite").err.count("\n") == 1


def test_a_run_offers_its_files_of_logits_alone(run_dir, tmp_path):
    shutil.copytree(run_dir / "export", tmp_path / "export")
    for output in ["labels", "probabilities"]:
        metadata = read_json(tmp_path / "export/model.json") | {"output": output}
        write_json(tmp_path / f"export/model_{output}.json", metadata)
        shutil.copy(tmp_path / "export/model.tflite", tmp_path / f"export/model_{output}.tflite")
    names = [path.name for path in serve.files_to_serve(str(tmp_path))]
    assert names == ["model.tflite", "model_int8.tflite"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_program(run_dir, ending):
    if not (serve.BROWSER_DIR / "node_modules").is_dir():
        pytest.skip("LiteRT.js is not installed: make browser")
    command = [sys.executable, "-m", "experiments.serve", f"--checkpoint={run_dir}", "--port=0"]
    root = serve.BROWSER_DIR.parent
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline().startswith(f"serving {run_dir} at http://127.0.0.1:")
        process.send_signal(ending)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == (0 if ending == signal.SIGINT else -signal.SIGTERM)
    assert "Traceback" not in errors
