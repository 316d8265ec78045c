"""Tables as Markdown, and the same for a terminal."""

from collections.abc import Sequence


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A Markdown table; the first `left` columns are aligned left, the others right.

    A vertical bar or a line break in a cell is escaped. The text ends with a line break.
    """
    rule = ["---"] * left + ["---:"] * (len(header) - left)
    lines = [header, rule, *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def aligned(table: str) -> str:
    """A Markdown table with its columns padded, for a terminal: names to the left, figures to the right."""
    lines = [line.removeprefix("| ").removesuffix(" |") for line in table.splitlines()]
    rows = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    header, rule, *others = rows
    to_right = [cell.endswith(":") for cell in rule]
    padded = (
        (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, to_right, strict=True)
        )
        for row in (header, ["-" * width for width in widths], *others)
    )
    return "".join(f"{'  '.join(row).rstrip()}\n" for row in padded)


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", "<br>")
