"""Kinds of flags that absl lacks: paths and names of splits, alone and as lists."""

import os

from absl import flags

from contextnet_tf.arguments import LONGEST_NAME


class _PathParser(flags.ArgumentParser):
    """A path: `~` becomes the home folder; an empty one is refused."""

    syntactic_help = "a path"

    def parse(self, argument: str) -> str:
        if not argument.strip():
            raise ValueError("is empty; give a path")
        if "\0" in argument:
            raise ValueError("holds a null character; give a path")
        if any(len(os.fsencode(name)) > LONGEST_NAME for name in argument.split("/")):
            raise ValueError(f"holds a name of more than {LONGEST_NAME} bytes; give one path, or a pattern in quotes")
        return os.path.expanduser(argument)


class _PathListParser(flags.ListParser):
    """Paths separated by commas, each as `_PathParser` reads it."""

    def parse(self, argument: str | list[str]) -> list[str]:
        return [_PathParser().parse(path) for path in super().parse(argument)]


class _SplitParser(flags.ArgumentParser):
    """The name of a split, which becomes part of paths."""

    syntactic_help = "a name"

    def parse(self, argument: str) -> str:
        if not argument or argument.startswith(".") or set(argument) & {"/", "\\", "\0"}:
            raise ValueError("is not the name of a split; give for example val or train")
        return argument


class _SplitListParser(flags.ListParser):
    """Names of splits separated by commas, each once."""

    def parse(self, argument: str | list[str]) -> list[str]:
        names = [_SplitParser().parse(name) for name in super().parse(argument)]
        if len(set(names)) < len(names):
            raise ValueError("names a split twice; give each once, for example train,val")
        return names


def define_split(name: str, default: str | None, help: str) -> None:
    """Defines a flag that holds the name of a split."""
    flags.DEFINE(_SplitParser(), name, default, help, serializer=flags.ArgumentSerializer())


def define_split_list(name: str, default: list[str], help: str) -> None:
    """Defines a flag that holds names of splits, separated by commas."""
    flags.DEFINE(_SplitListParser(), name, default, help, serializer=flags.CsvListSerializer(","))


def define_path(name: str, default: str | None, help: str) -> None:
    """Defines a flag that holds the path of a file or folder; `~` in it is expanded."""
    flags.DEFINE(_PathParser(), name, default, help, serializer=flags.ArgumentSerializer())


def define_path_list(name: str, default: list[str], help: str) -> None:
    """Defines a flag that holds paths, separated by commas; `~` in each is expanded."""
    flags.DEFINE(_PathListParser(), name, default, help, serializer=flags.CsvListSerializer(","))


# A flag belongs to the program that defines it, not to this module.
flags.disclaim_key_flags()
