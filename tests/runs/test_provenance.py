"""Where a figure comes from."""

import re
import subprocess
import sys

import numpy as np

from contextnet_tf.runs import provenance
from contextnet_tf.runs.provenance import Provenance, current_provenance


def test_it_says_where_a_figure_comes_from():
    now = current_provenance()
    assert now.versions["python"] == ".".join(map(str, sys.version_info[:3]))
    assert now.versions["numpy"] == np.__version__
    assert {"contextnet_tf", "tensorflow", "keras", "ai-edge-litert"} <= set(now.versions)
    assert now.machine.processor and now.machine.system and now.machine.cores >= 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", now.date)
    assert now.commit is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", now.commit)
    assert Provenance.from_json(now.to_json(), "file") == now


def test_the_commit_tells_a_changed_checkout_and_is_none_outside_one(tmp_path, monkeypatch):
    package = tmp_path / "contextnet_tf" / "runs"
    package.mkdir(parents=True)
    module = package / "provenance.py"
    module.write_text("one")
    monkeypatch.setattr(provenance, "__file__", str(module))
    assert current_provenance().commit is None

    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "--quiet")
    assert current_provenance().commit is None  # no commit yet
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    head = git("rev-parse", "HEAD")
    assert current_provenance().commit == head
    (tmp_path / "scratch").write_text("a file that git does not know changes no result")
    assert current_provenance().commit == head
    module.write_text("two")
    assert current_provenance().commit == head + "+changes"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert current_provenance().commit is None  # git is not installed


def test_another_users_checkout_has_its_commit(tmp_path, monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "abc\n", "")

    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "contextnet_tf" / "runs" / "provenance.py"))
    monkeypatch.setattr(subprocess, "run", run)
    assert current_provenance().commit == "abc+changes"
    assert asked[0][:3] == ["git", "-c", f"safe.directory={tmp_path}"]
