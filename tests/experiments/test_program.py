"""Flags as every program parses them, and the library's errors as a program prints them."""

import ast
import importlib
import os
import pathlib
import re
import subprocess
import sys
import types

import pytest
from absl import flags
from absl.testing import flagsaver

import contextnet_tf
from contextnet_tf.errors import InputError
from contextnet_tf.training.compute_config import ComputeConfig
from experiments import check_data, evaluate, program, run_log, train

LIBRARY = pathlib.Path(contextnet_tf.__file__).parent
EXPERIMENTS = pathlib.Path(program.__file__).parent
FOREIGN = {"--porcelain", "--untracked"}  # of git
PARAMETERS = re.compile(r"`([a-z][a-z_]*)(?:=[^`]*)?`")


def _texts(path):
    """(line, text) of every string in a file; of an f-string its constant parts, with {} for the others."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield node.lineno, "".join(x.value if isinstance(x, ast.Constant) else "{}" for x in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            yield node.lineno, node.value


def _built_commands(path):
    """The calls that `command` builds in a file: the program and its arguments, with 1 for values known later."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "command":
            known = [x for x in node.args if isinstance(x, ast.Constant | ast.JoinedStr)]
            if known and isinstance(known[0], ast.Constant):
                texts = [ast.unparse(x).lstrip("f").strip("'\"") for x in known]
                yield (f"experiments.{texts[0]}", *(re.sub("{.*}", "1", text) for text in texts[1:]))


def _raised(path):
    """(line, text) of the messages of the InputErrors that a file makes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("InputError", "InUseError"):
            for argument in node.args:
                yield (
                    node.lineno,
                    "".join(
                        part.value if isinstance(part, ast.Constant) else "{}"
                        for part in (argument.values if isinstance(argument, ast.JoinedStr) else [argument])
                        if not isinstance(part, ast.Constant) or isinstance(part.value, str)
                    ),
                )


@pytest.fixture(scope="module")
def all_flags():
    """The flags of all programs by name."""
    for path in sorted(EXPERIMENTS.glob("*.py")):
        importlib.import_module(f"experiments.{path.stem}")
    return set(flags.FLAGS)


def _own_flags():
    """The flags that programs of this project define."""
    for module, defined in flags.FLAGS.flags_by_module_dict().items():
        if module.startswith(("experiments", "data.")):
            yield from defined


def test_every_number_has_bounds(all_flags):
    """Beyond them stand typing errors, which must not become hours of work, or an error of a library."""
    importlib.import_module("data.streets.generate")
    numbers = [flag for flag in _own_flags() if flag.flag_type() in ("int", "float")]
    assert len(numbers) > 30
    for flag in numbers:
        assert None not in (flag.parser.lower_bound, flag.parser.upper_bound), flag.name
        assert flag.default is None or flag.parser.lower_bound <= flag.default <= flag.parser.upper_bound, flag.name


@pytest.mark.parametrize(
    "value", ["", "nan", "-inf", "1e999", "-1", "9" * 40, "9" * 5000, "../x", "\0", "ü", ",", "None"]
)
def test_no_value_of_a_flag_is_a_traceback(value, all_flags, capsys):
    """Whatever is given, it is taken or refused in one line that names the flag."""
    for flag in list(_own_flags()):
        with flagsaver.flagsaver():
            try:
                program.parse_flags([flags.FLAGS.find_module_defining_flag(flag.name), f"--{flag.name}={value}"])
            except SystemExit as end:
                error = capsys.readouterr().err
                assert end.code == 1 and error.startswith("error: ") and error.count("\n") == 1
                assert flag.name in error


def test_flagfiles_that_cannot_be_read_are_one_line(call, tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe--seed=1\n")
    for name, message in (("binary", "error: --flagfile: is not text"), ("absent", "error: ")):
        called = call(check_data, f"--flagfile={tmp_path / name}")
        assert (called.status, called.err.count("\n")) == (1, 1) and called.err.startswith(message)


def test_the_library_names_no_flag():
    found = []
    for path in sorted(LIBRARY.rglob("*.py")):
        for line, text in _texts(path):
            # A custom property of CSS is not a flag: "var(--ink" and "--ink: #1d2126".
            names = re.findall(r"(?<!var\()(?<![-\w])(--[a-z]\w*)(?![-\w]*:)", text)
            found += [f"{path}:{line}: {name}" for name in names if name not in FOREIGN]
    assert not found


def test_parameters_in_errors_are_flags_of_a_program(all_flags):
    named = {
        (name, f"{path}:{line}")
        for path in LIBRARY.rglob("*.py")
        for line, text in _raised(path)
        for name in PARAMETERS.findall(text)
    }
    assert {"data_dir", "output_dir", "resume", "classes"} <= {name for name, _ in named}
    assert not [where for where in named if program.FLAG_OF_PARAMETER.get(where[0], where[0]) not in all_flags]


def test_advice_in_errors_exists(all_flags):
    """Every flag and every program that an error of a program or of the library names is there."""
    programs = {path.stem for path in EXPERIMENTS.glob("*.py")}
    named_flags, named_programs = set(), set()
    for folder in (LIBRARY, EXPERIMENTS, EXPERIMENTS.parent / "data"):
        for path in folder.rglob("*.py"):
            for line, text in _raised(path):
                named_flags |= {(x, f"{path}:{line}") for x in re.findall(r"(?<![-\w])--([a-z]\w*)\b(?!{)", text)}
                named_programs |= {(x, f"{path}:{line}") for x in re.findall(r"experiments\.(\w+)", text)}
    assert len(named_flags) > 10 and len(named_programs) > 2
    wrong = [
        x for x in named_flags if x[0] not in all_flags | {"help", "name"} and x[0].removeprefix("no") not in all_flags
    ]
    assert not wrong
    assert not [x for x in named_programs if x[0] not in programs]


# A program, and the flags that it is to be called with: `name=value` in the library, --name=value in programs.
COMMAND = re.compile(
    r"\b(experiments\.[a-z]\w*|data\.[a-z]\w*\.\w+)\b((?:(?: with| and|,)? (?:`\w+=[^`]*`|--[a-z]\w*=[^\s;,)]+))*)"
)


def _own_names(module):
    own = flags.FLAGS.get_key_flags_for_module(module)
    return {flag.name for flag in own} | {f"no{flag.name}" for flag in own if flag.boolean}


def test_advised_commands_parse(all_flags):
    """What an error or a closing line tells the user to call, with values as it gives them, the program takes."""
    calls = set()
    for folder in (LIBRARY, EXPERIMENTS, EXPERIMENTS.parent / "data"):
        for path in folder.rglob("*.py"):
            for _, text in _texts(path):
                for name, given in COMMAND.findall(" ".join(text.split())):
                    pairs = re.findall(r"(?:`|--)(\w+=[^`\s]*)", given)
                    calls.add((name, *(f"--{pair.replace('{}', '1')}" for pair in pairs)))
            calls |= set(_built_commands(path))
    assert ("experiments.export", "--precision=int8") in calls
    assert ("experiments.check_data", "--dataset=tfds:1", "--data_dir=1") in calls
    assert ("experiments.evaluate", "--checkpoint=1", "--output_dir=1") in calls
    for name, *arguments in calls:
        module = importlib.import_module(name)
        arguments = [x for x in arguments if not x.startswith("--flagfile=")]
        assert {x.split("=")[0].removeprefix("--") for x in arguments} <= _own_names(module), (name, arguments)
        with flagsaver.flagsaver():
            assert program.parse_flags([module.__name__, *arguments]) == [module.__name__]


def test_errors_of_a_program_advise_its_own_flags(all_flags):
    wrong, count = [], 0
    for path in EXPERIMENTS.glob("*.py"):
        if "__main__" not in path.read_text(encoding="utf-8"):
            continue
        own = _own_names(importlib.import_module(f"experiments.{path.stem}"))
        for line, text in _raised(path):
            names = re.findall(r"(?<![-\w])--([a-z]\w*)\b(?!{)", COMMAND.sub("", text))
            count += len(names)
            wrong += [(f"{path}:{line}", name) for name in names if name not in own]
    assert not wrong and count > 10


def test_a_program_prints_the_flag_of_a_parameter(call, camvid_dir, tmp_path):
    with pytest.raises(InputError) as caught:
        ComputeConfig(accumulate=4).check_batch(6)
    assert str(caught.value).startswith("`accumulate=4` does not divide")
    assert program.with_flags(str(caught.value)).startswith("--accumulate=4 does not divide")
    called = call(
        train, "--dataset=camvid", f"--data_dir={camvid_dir}", f"--output_dir={tmp_path / 'run'}", "--recipe=smoke",
        "--model=detail-only", "--accumulate=4",
    )  # fmt: skip
    assert (called.status, called.out) == (1, "")
    assert called.err.startswith("error: --accumulate=4 does not divide the 2 images") and called.err.count("\n") == 1


def test_parameters_become_flags(all_flags):
    assert program.with_flags("x: set `resume=True`, not `resume=False`") == "x: set --resume, not --noresume"
    assert program.with_flags("choose another `output_dir`") == "choose another --output_dir"
    assert program.with_flags("set `num_threads=2`") == "set --threads=2"
    assert program.with_flags("set `initial=runs/my run`") == "set --initial='runs/my run'"  # as a shell takes it
    assert program.with_flags("`no_such_parameter` in `a b`") == "`no_such_parameter` in `a b`"


def test_home_is_expanded_in_every_path(call, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    called = call(evaluate, "--checkpoint=~/absent", "--output_dir=~/out")
    assert (called.status, called.err.count("\n")) == (1, 1) and f"{tmp_path}/absent" in called.err
    seen = {}
    paths = ("data_dir", "classes", "output_dir", "checkpoint", "cache", "input", "zip_dir")
    importlib.import_module("experiments.predict"), importlib.import_module("data.cityscapes.prepare")
    for name in paths:
        module = flags.FLAGS.find_module_defining_flag(name)
        one = types.SimpleNamespace(
            __name__=module, main=lambda argv, name=name: seen.update({name: flags.FLAGS[name].value})
        )
        assert call(one, f"--{name}=~/{name}").status == 0
    assert seen == {name: f"{tmp_path}/{name}" for name in paths}


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--output_dir=", "--output_dir=: is empty; give a path"),
        (
            f"--data_dir=x/{256 * 'a'}",
            f"--data_dir=x/{256 * 'a'}: holds a name of more than 255 bytes; give one path, or",
        ),
        ("--seed=-1", "--seed=-1: -1 is not an integer in the range"),
        ("--seed=99999999999999999999", "--seed=99999999999999999999: 99999999999999999999 is not an integer in the"),
        ("--seed=x", "--seed=x: invalid literal"),
        ("--crop_height=-5", "--crop_height=-5: -5 is not"),
        ("--crop_width=100000000", "--crop_width=100000000: 100000000 is not"),
        ("--ohem_threshold=nan", "--ohem_threshold=nan: is not a finite number"),
        ("--color_jitter=inf", "--color_jitter=inf: inf is not a number in the range [0, 10]"),
        ("--label_smoothing=1.5", "--label_smoothing=1.5: 1.5 is not a"),
        ("--recipe=best", "--recipe=best: value should be one of <paper|modern|short|smoke>"),
        ("--split=../val", "--split=../val: is not the name of a split; give for example val or train"),
        ("--no_such_flag=1", "Unknown command line flag 'no_such_flag'"),
    ],
)
def test_a_wrong_flag_is_one_line(flag, message, call):
    called = call(train if flag.startswith(("--recipe", "--ohem", "--label_s")) else check_data, flag)
    assert (called.status, called.out) == (1, "")
    assert called.err.startswith(f"error: {message}") and called.err.endswith("see --help\n")
    assert called.err.count("\n") == 1


def test_closed_streams_do_not_end_the_work(tmp_path):
    code = (
        "import pathlib, sys; from experiments import program; program.run(lambda argv: (print(1), "
        f"print(2, file=sys.stderr), sys.stdout.isatty(), pathlib.Path({str(tmp_path / 'done')!r}).touch()), "
        "needs_tensorflow=False)"
    )
    ended = subprocess.run(["sh", "-c", 'exec "$0" -c "$1" >&- 2>&-', sys.executable, code])
    assert ended.returncode == 0
    assert (tmp_path / "done").exists()


def _full_disk():
    return os.open("/dev/full", os.O_WRONLY)


def _terminal_that_is_gone():
    terminal, stream = os.openpty()
    os.close(terminal)
    return stream


@pytest.mark.parametrize("stream", [_full_disk, _terminal_that_is_gone])
def test_messages_that_cannot_be_written_do_not_end_the_work(tmp_path, stream):
    code = (
        "import logging, pathlib, sys, warnings; from experiments import program; from experiments.progress import "
        "progress_bar\ndef main(argv):\n    print(1, file=sys.stderr, flush=True)\n    warnings.warn('2')\n"
        "    logging.getLogger('contextnet_tf').warning('3')\n    [x for x in progress_bar(range(3))]\n"
        f"    pathlib.Path({str(tmp_path / 'done')!r}).touch()\n    print('done')\n"
        "program.run(main, needs_tensorflow=False)"
    )
    ended = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=stream())
    assert (ended.returncode, ended.stdout) == (0, b"done\n")
    assert (tmp_path / "done").exists()


def test_output_on_a_full_disk_is_one_line():
    code = "from experiments import program; program.run(lambda argv: print(1), needs_tensorflow=False)"
    with open("/dev/full", "w", encoding="utf-8") as full:
        ended = subprocess.run([sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, text=True)
    assert ended.stderr == "error: the output cannot be written (No space left on device); make room on its disk\n"
    assert ended.returncode == 1


def test_a_split_named_twice_is_refused(call):
    called = call(train, "--train_splits=train,val,train")
    assert called.status == 1
    wrong = "--train_splits=train,val,train: names a split twice"
    assert called.err == f"error: {wrong}; give each once, for example train,val; see --help\n"


def test_a_reader_that_has_seen_enough_is_no_error():
    read, write = os.pipe()
    os.close(read)
    called = subprocess.run(
        [sys.executable, "-m", "experiments.check_data", "--help"], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert (called.returncode, called.stderr) == (141, "")


def test_flags_of_a_path_that_is_not_utf8_are_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["experiments.train"])  # whose flags are recorded
    with flagsaver.flagsaver():
        flags.FLAGS(["experiments.train", "--output_dir=runs/\udcff"])  # the byte 255, as the shell gives it
        run_log.write_flagfile(tmp_path / "flags.txt")
    assert b"--output_dir=runs/\xff\n" in (tmp_path / "flags.txt").read_bytes()
