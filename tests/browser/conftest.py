"""The page in a real browser, served as the program serves it."""

import pathlib
import re
import shutil
import threading

import pytest
from small_run import write_run

from contextnet_tf.deployment.web import PageServer, build_page
from experiments.serve import BROWSER_DIR, files_to_serve

# Debian's name and others.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SOFTWARE_GPU = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
)
ARGUMENTS = ("--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory) -> pathlib.Path:
    """A run with a float32 and an int8 file: see `small_run.write_run`."""
    return write_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def page_url(run_dir):
    """Where the page of `run_dir` is served."""
    if not (BROWSER_DIR / "node_modules").is_dir():
        pytest.skip("LiteRT.js is not installed: make browser")
    with PageServer(build_page(files_to_serve(run_dir), BROWSER_DIR)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.url
        server.shutdown()


@pytest.fixture(scope="session")
def launch():
    """Starts a headless Chromium: `launch(*arguments)`."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed: make test-browser")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser is installed; looked for {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as started:
        yield lambda *arguments: started.chromium.launch(executable_path=path, args=[*ARGUMENTS, *arguments])


@pytest.fixture(scope="session")
def chromium(launch):
    """A browser without a GPU, whose camera shows a test image."""
    with launch() as browser:
        yield browser


@pytest.fixture(scope="session")
def chromium_with_gpu(launch):
    """A browser whose GPU is computed in software."""
    with launch(*SOFTWARE_GPU) as browser:
        yield browser


@pytest.fixture
def page(chromium, page_url):
    """The page with its network loaded; an error in its scripts fails the test."""
    from playwright.sync_api import expect

    with chromium.new_context(viewport={"width": 1280, "height": 900}) as context:
        page = context.new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(page_url)
        expect(page.locator("#status")).to_have_text(re.compile("Ready|cannot"), timeout=60_000)
        assert page.inner_text("#status") == "Ready."
        yield page
        assert not errors
