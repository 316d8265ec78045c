"""How fast networks are."""

import dataclasses
from collections.abc import Mapping, Sequence

from contextnet_tf.plots.canvas import ACCENT, INK, MUTED, RULE, SECOND, drawn_solid, short, solid


@dataclasses.dataclass(frozen=True)
class SpeedBar:
    """A bar of `speed_bars`: its name, frames per second, their spread (low, high), and whether it is the paper's."""

    name: str
    frames_per_second: float
    spread: tuple[float, float] | None = None
    printed: bool = False


def speed_bars(panels: Mapping[str, Sequence[SpeedBar]]) -> bytes:
    """PNG with a panel by title, one below the other: bars of frames per second, with their spread.

    Bars that the paper prints, measured on another machine, have another color.
    """
    counts = [len(bars) for bars in panels.values()]

    def draw(figure) -> None:
        all_axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[count + 1 for count in counts])[:, 0]
        for axes, (title, bars) in zip(all_axes, panels.items(), strict=True):
            end = max(bar.spread[1] if bar.spread else bar.frames_per_second for bar in bars)
            for row, bar in enumerate(bars):
                color = solid(SECOND if bar.printed else ACCENT)
                axes.barh(row, bar.frames_per_second, height=0.66, color=color)
                right = bar.frames_per_second
                if bar.spread:
                    axes.plot(bar.spread, [row, row], color=solid(INK), linewidth=1)
                    right = max(right, bar.spread[1])
                label = f"{bar.frames_per_second:,.{1 if bar.frames_per_second >= 0.95 else 2}f}"
                axes.text(right + 0.012 * end, row, label, va="center", size=9)
            axes.set_title(title, loc="left", size=10, color=solid(INK))
            axes.set_yticks(range(len(bars)), [short(bar.name, 60) for bar in bars], color=solid(INK))
            axes.set_ylim(len(bars) - 0.4, -0.6)
            axes.set_xlim(0, 1.1 * end)
            axes.grid(axis="x", color=solid(RULE))
            axes.tick_params(length=0)
            axes.spines[:].set_visible(False)
        all_axes[-1].set_xlabel("frames per second; line: 10th to 90th percentile", color=solid(MUTED))

    return drawn_solid(draw, 8.2, 0.6 + 0.27 * sum(counts) + 0.6 * len(panels))
