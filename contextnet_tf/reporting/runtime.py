"""The section "runtime_comparison" of result.json: its rows as tables, ratios and an image, beside Table 7."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence

from contextnet_tf import plots
from contextnet_tf.reporting import paper, wording
from contextnet_tf.reporting.tables import markdown_table
from contextnet_tf.runs.benchmarks import RuntimeComparisonSection, RuntimeRow
from contextnet_tf.runs.sections import Size

PARTS = ("copying", "network", "upsampling")
FULL_SIZE = paper.TABLE_7_SIZES["full"]
UPSAMPLED_LAST = "upsampled last"  # suffix of a model whose fusion unit convolves at low resolution

_TITLE_OF_PAPER = "the paper, GPU"
_WHERE_OF_PAPER = {False: "the paper, Titan X (Maxwell)", True: "as cited by the paper"}  # by whether a row is starred

# Targets for cn14 at 1024 x 2048 on one thread: runtime, reference runtime, and the largest ratio of their median
# times of a frame. None: the ratio is shown without a target.
BOUNDS = (
    ("litert", "litert-in-graph", 0.80),
    ("litert", "litert-labels", None),
    ("litert", "onnxruntime-in-graph", 0.70),
    ("litert", "openvino-in-graph", 0.60),
    ("litert", "pytorch-in-graph", 0.35),
    ("litert-int8", "litert", 0.65),
    ("openvino-bfloat16", "litert", 0.60),
)
PIPELINED_AT_LEAST = 1.8  # throughput on two cores over that of one frame after the other on one thread
UPSAMPLING_BOUNDS = {"network": 0.25, "noise": 1.5}  # exact upsampling's time over the dense one's, by kind of logits


@dataclasses.dataclass(frozen=True)
class Ratio:
    """The figure of `ours` over that of `against`. The target is "at most" or "at least" `bound`; None: no target."""

    ours: str
    against: str
    value: float
    relation: str = "at most"
    bound: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.bound is None:
            return None
        return self.value <= self.bound if self.relation == "at most" else self.value >= self.bound


def runtime_table(rows: Iterable[RuntimeRow]) -> str:
    """All rows: times, their spread and parts, memory, and the share of labels that equal LiteRT's."""
    header = [
        "Network", "Image", "Runtime", "Threads", "Mode", "ms", "10th to 90th %", "Frames/s", "Copying ms",
        "Network ms", "Upsampling ms", "Memory MB", "Labels as LiteRT's %",
    ]  # fmt: skip
    return markdown_table(header, [_cells(row) for row in rows], left=3)


def printed_table(rows: Sequence[RuntimeRow]) -> str:
    """Frames per second by image size: the rows of Table 7, then those measured here on one thread."""
    sizes = list(dict.fromkeys(row.size for row in rows))
    named = {size: name for name, size in paper.TABLE_7_SIZES.items()}
    columns = [named.get(size) for size in sizes]
    table = [
        [f"{printed.name}{' *' if printed.starred else ''}", _WHERE_OF_PAPER[printed.starred], _mode(printed.pipelined)]
        + [wording.speed(getattr(printed, column) if column else None) for column in columns]
        for printed in paper.TABLE_7
    ]
    measured: dict[tuple[str, str, str], dict[Size, float]] = {}
    for row in rows:
        if row.threads == 1:
            key = (row.model, row.title, row.mode)
            measured.setdefault(key, {})[row.size] = row.frames_per_second
    table += [[*key, *(wording.speed(speeds.get(size)) for size in sizes)] for key, speeds in measured.items()]
    return markdown_table(["Network", "Where", "Mode", *map(wording.image_size, sizes)], table, left=3)


def networks_table(rows: Sequence[RuntimeRow], size: Size) -> str:
    """Frames per second at a size, one frame at a time on one thread: a row per network, a column per runtime."""
    chosen = [row for row in rows if row.size == size and _plain(row)]
    titles = dict.fromkeys(row.title for row in chosen)
    speeds = {(row.model, row.title): row.frames_per_second for row in chosen}
    table = [
        [
            model,
            wording.speed(paper.speeds(model, size).get("sequential")),
            *(wording.speed(speeds.get((model, title))) for title in titles),
        ]
        for model in dict.fromkeys(row.model for row in chosen)
    ]
    return markdown_table(["Network", _TITLE_OF_PAPER, *titles], table)


def compared_networks(rows: Iterable[RuntimeRow]) -> list[str]:
    """The measured networks, without those that differ only in the fusion order."""
    return [name for name in dict.fromkeys(row.model for row in rows) if not name.endswith(f", {UPSAMPLED_LAST}")]


def ratios(section: RuntimeComparisonSection, model: str, size: Size) -> list[Ratio]:
    """The ratios between the runtimes of a network at a size on one thread.

    The bounds are those of cn14 at full size; other networks and sizes have none.
    """
    bounded = model == "cn14" and size == FULL_SIZE
    rows = {(row.model, row.runtime, row.mode): row for row in section.rows if row.size == size and row.threads == 1}
    found = []
    for ours, against, bound in BOUNDS:
        own, other = (rows.get((model, runtime, "sequential")) for runtime in (ours, against))
        if own and other:
            found.append(_ratio(own, other, bound if bounded else None))
    for (name, runtime, mode), row in rows.items():
        alone = rows.get((model, runtime, "sequential"))
        if name == model and mode == "pipelined" and alone:
            speed = row.frames_per_second / alone.frames_per_second
            bound = PIPELINED_AT_LEAST if bounded and runtime == "litert" else None
            found.append(Ratio(f"{row.title}, pipelined", "the same, sequential", speed, "at least", bound))
    first, last = (rows.get((name, "litert", "sequential")) for name in (model, f"{model}, {UPSAMPLED_LAST}"))
    if first and last:
        value = last.milliseconds_median / first.milliseconds_median
        found.append(Ratio(f"{model}, fusion {UPSAMPLED_LAST}", f"{model}, fusion as in the paper", value))
    for entry in section.upsampling:
        if (entry.model, entry.size) == (model, size):
            value = entry.exact_milliseconds / entry.dense_milliseconds
            # The bound assumes large areas of one class, which only a trained network's logits have.
            counts = bounded and (entry.logits == "noise" or section.weights == "trained")
            bound = UPSAMPLING_BOUNDS[entry.logits] if counts else None
            what = "of noise" if entry.logits == "noise" else "of the network's logits"
            found.append(Ratio(f"exact upsampling {what}", "TensorFlow's resize and arg-max", value, bound=bound))
    return found


def ratio_table(found: Sequence[Ratio]) -> str:
    """The ratios with their targets, and whether each is met."""
    table = [
        [
            ratio.ours,
            ratio.against,
            f"{ratio.value:.2f}",
            wording.UNKNOWN if ratio.bound is None else f"{ratio.relation} {ratio.bound:.2f}",
            {None: wording.UNKNOWN, True: "yes", False: "no"}[ratio.met],
        ]
        for ratio in found
    ]
    return markdown_table(["Ours", "Against", "Ratio", "Target", "Met"], table, left=2)


def runtime_page(section: RuntimeComparisonSection) -> str:
    """The whole comparison as a page of Markdown."""
    rows, versions = section.rows, section.provenance.versions or {}
    measured = dict.fromkeys((row.model, row.size) for row in rows)
    compared = {part: found for part in measured if (found := ratios(section, *part))}
    used = ", ".join(f"{name} {versions[name]}" for name in section.distributions if name in versions)
    parts = [
        "# Frames per second\n",
        f"{section.rounds} interleaved rounds after {section.warm_up} of warm-up, on {section.frames}; weights: "
        f"{section.weights}. Times are from the uint8 image in memory to its uint8 labels in memory: median, and 10th "
        "to 90th percentile. Memory: the peak of the row's own process, minus its memory before loading the "
        "network.\n",
        f"{wording.machine(section.provenance.machine)}; {used}.\n",
        *(f"Left out: {title}: {reason}.\n" for title, reason in section.left_out.items()),
        *(
            f"## Networks side by side: frames per second, {wording.image_size(size)}, one thread, one at a time\n\n"
            f"{networks_table(rows, size)}"
            for size in dict.fromkeys(size for _, size in measured)
            if len(compared_networks(rows)) > 1
        ),
        "## All rows\n",
        runtime_table(rows),
        *(
            f"## Ratios: {model}, {wording.image_size(size)}, one thread\n\n{ratio_table(found)}"
            for (model, size), found in compared.items()
        ),
        "## Beside Table 7: frames per second\n",
        printed_table(rows),
    ]
    return "\n".join(parts)


def runtime_plot(rows: Sequence[RuntimeRow]) -> bytes:
    """PNG: a panel per image size with the frames per second of its rows; the paper's before those of each network."""
    panels: dict[str, dict[str, list[plots.SpeedBar]]] = {}
    for row in rows:
        networks = panels.setdefault(f"{wording.image_size(row.size)} pixels", {})
        bars = networks.setdefault(row.model, _paper_bars(row.model, row.size))
        low, high = (1000 / milliseconds for milliseconds in reversed(row.milliseconds_spread))
        threads = f", {row.threads} threads" if row.threads > 1 else ""
        mode = ", pipelined" if row.mode == "pipelined" else ""
        name = f"{row.model}: {row.title}{threads}{mode}"
        bars.append(plots.SpeedBar(name, row.frames_per_second, (low, high)))
    return plots.speed_bars({title: list(itertools.chain(*panel.values())) for title, panel in panels.items()})


def _paper_bars(model: str, size: Size) -> list[plots.SpeedBar]:
    return [
        plots.SpeedBar(f"{model}: {_TITLE_OF_PAPER}, {mode}", speed, printed=True)
        for mode, speed in paper.speeds(model, size).items()
    ]


def _plain(row: RuntimeRow) -> bool:
    return row.threads == 1 and row.mode == "sequential"


def _ratio(ours: RuntimeRow, against: RuntimeRow, bound: float | None) -> Ratio:
    value = ours.milliseconds_median / against.milliseconds_median
    return Ratio(ours.title, against.title, value, bound=bound)


def _cells(row: RuntimeRow) -> list[str]:
    return [
        row.model,
        wording.image_size(row.size),
        row.title,
        str(row.threads),
        row.mode,
        wording.decimal(row.milliseconds_median),
        " to ".join(map(wording.decimal, row.milliseconds_spread)),
        wording.speed(row.frames_per_second),
        *(wording.decimal(row.parts.get(part)) for part in PARTS),
        wording.decimal(row.peak_memory / 1e6, 0),
        wording.percent(row.label_parity, 2),
    ]


def _mode(pipelined: bool) -> str:
    return "pipelined" if pipelined else "sequential"
