"""The canvas of plots: SVG that takes its colors from the surrounding page, or PNG for a plot that stands alone.

Matplotlib is imported when the first plot is drawn, and only its object-oriented side: no window, no
global state, no change of the caller's settings.
"""

import contextlib
import io
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

# Placeholder colors that matplotlib writes into the SVG. Each becomes a variable of the page's style sheet, with a
# fallback color for an SVG outside a page.
INK, MUTED, RULE, ACCENT, SECOND, ON_ACCENT = (f"#0102{n:02x}" for n in range(6))
_VARIABLES = {
    INK: "var(--ink, #1d2126)",
    MUTED: "var(--muted, #666d75)",
    RULE: "var(--rule, #dcdcd8)",
    ACCENT: "var(--accent, #0f6b6e)",
    SECOND: "var(--second, #b4571c)",
    ON_ACCENT: "var(--on-accent, #ffffff)",
}
_PAPER = "#ffffff"  # of images that stand alone
ON_PAPER = {"bbox": {"facecolor": _PAPER, "edgecolor": "none", "pad": 1}}  # text that lies over a line
_SETTINGS: Any = {
    "svg.fonttype": "none",  # text stays text: it takes the page's type face and can be searched
    "svg.hashsalt": "contextnet_tf",  # the same results give the same bytes
    "font.family": ["sans-serif"],
    "font.size": 10,
    "text.parse_math": False,  # a "$" in a name is a dollar
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
}


def drawn(draw, width: float, height: float) -> bytes:
    """SVG of the figure that `draw(figure)` fills; width and height in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_SETTINGS), _names_in_any_script():
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        written = io.BytesIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = written.getvalue().decode("utf-8")
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    return re.sub("#0102[0-9a-f]{2}", lambda found: _VARIABLES[found[0]], svg).encode("utf-8")


def drawn_solid(draw, width: float, height: float) -> bytes:
    """PNG, with a background of its own, of the figure that `draw(figure)` fills; width and height in inches."""
    import matplotlib
    from matplotlib.figure import Figure

    settings = {name: solid(value) if isinstance(value, str) else value for name, value in _SETTINGS.items()}
    with matplotlib.rc_context(settings), _names_in_any_script():
        figure = Figure(figsize=(width, height), layout="constrained", facecolor=_PAPER)
        draw(figure)
        written = io.BytesIO()
        figure.savefig(written, format="png", dpi=120, metadata={"Software": None})
    return written.getvalue()


@contextlib.contextmanager
def _names_in_any_script() -> Iterator[None]:
    """Hides matplotlib's warnings on letters that its font lacks. In a page the reader's own fonts show them."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def solid(color: str) -> str:
    """The fallback color of a placeholder; any other text is returned unchanged."""
    return _VARIABLES[color].split()[-1].rstrip(")") if color in _VARIABLES else color


def short(name: str, most: int = 28) -> str:
    """Shortens a name to fit beside an axis: the middle of a longer name is omitted."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[len(name) - (most - most // 2 - 1) :]}"


def legend(axes, lines: Sequence[tuple[str, Any]], **settings) -> None:
    """Names the lines. matplotlib itself would leave out names that begin with an underscore."""
    numbers = list(map(str, range(len(lines))))
    shown = axes.legend([line for _, line in lines], numbers, frameon=False, fontsize=9, **settings)
    for text, (name, _) in zip(shown.get_texts(), lines, strict=True):
        text.set_text(name)


def rectangle(x: float, y: float, width: float, height: float, **style):
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), width, height, **style)
