"""The results and settings printed in the paper, each once, with its table or section.

Poudel, Bonde, Liwicki, Zach, "ContextNet: Exploring Context and Detail for Semantic Segmentation in Real-time", BMVC
2018. Figures are as printed: accuracies in percent, parameters in millions, frames per second on one CPU thread with an
Nvidia Titan X (Maxwell), except as Table 7 says below. Where the paper contradicts itself, both figures stand here and
a comment says so. The layers (Tables 1 to 3) are in `models/spec.py`.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Variant:
    """A column of Table 4: one ContextNet on the Cityscapes validation set, 1024 x 2048."""

    name: str
    mean_iou: float
    frames_per_second: float
    million_parameters: float


@dataclasses.dataclass(frozen=True)
class Accuracy:
    """A row of Table 6: a network on the Cityscapes test set. None: not printed."""

    name: str
    class_mean_iou: float
    category_mean_iou: float | None
    million_parameters: float
    starred: bool = False


@dataclasses.dataclass(frozen=True)
class Runtime:
    """A row of Table 7: frames per second by image size. None: not printed."""

    name: str
    full: float  # 1024 x 2048
    half: float | None  # 512 x 1024
    quarter: float | None  # 256 x 512
    starred: bool = False
    pipelined: bool = False


# Table 4, section 3.2.1: the ablations, validation set.
TABLE_4 = (
    #       name        mIoU   fps   million parameters
    Variant("cn18", 60.1, 21.0, 0.85),
    Variant("cn14", 65.9, 18.3, 0.85),
    Variant("cn12", 68.7, 11.4, 0.85),
    Variant("cn124", 67.3, 7.6, 0.93),
    Variant("cn14-500", 62.1, 20.6, 0.49),
    Variant("cn14-160", 57.7, 22.0, 0.16),
)

# Section 3.2.1, "Number of Parameters".
PARAMETERS_CN14_500 = 490_459
PARAMETERS_CN14_160 = 159_387

# Table 5, section 3.2.1: IoU per class, validation set. The mean of the cn14 row is 65.2, where Table 4
# prints 65.9; the other rows agree with it.
TABLE_5_CLASSES = (
    "road",
    "sidewalk",
    "building",
    "wall",
    "fence",
    "pole",
    "traffic light",
    "traffic sign",
    "vegetation",
    "terrain",
    "sky",
    "person",
    "rider",
    "car",
    "truck",
    "bus",
    "train",
    "motorcycle",
    "bicycle",
)
TABLE_5 = {
    "cn18": (96.2, 72.4, 87.4, 45.9, 44.1, 32.1, 38.4, 54.3, 87.9, 54.1, 91.0, 62.3, 36.1, 88.3, 57.6,
             59.1, 34.2, 41.2, 58.4),
    "cn14": (96.8, 76.6, 88.6, 46.4, 49.7, 38.0, 45.3, 60.5, 89.0, 59.3, 91.4, 67.5, 41.7, 90.0, 63.5,
             71.7, 57.1, 41.5, 64.6),
    "cn12": (97.2, 78.9, 89.2, 47.2, 54.4, 39.5, 55.3, 63.8, 89.4, 59.8, 91.5, 70.2, 47.5, 91.1, 70.2,
             76.2, 63.7, 51.36, 67.8),
    "cn124": (97.4, 79.6, 89.5, 44.1, 49.8, 45.5, 50.6, 64.6, 90.2, 59.4, 93.4, 70.9, 43.1, 91.8, 65.2,
              71.9, 64.5, 41.95, 66.1),
}  # fmt: skip

# Table 6, section 3.2.2: the test server's figures. The star's meaning was in the lost caption; these three networks
# were pre-trained by their authors.
# Digits that the table leaves open ("44.__", "65.7_", "02.1_") are taken as zeros.
TABLE_6 = (
    #        name            class  category  million parameters
    Accuracy("DeepLab-v2", 70.4, 86.4, 44.0, starred=True),
    Accuracy("PSPNet", 78.4, 90.6, 65.7, starred=True),
    Accuracy("SegNet", 56.1, 79.8, 29.46),
    Accuracy("ENet", 58.3, 80.4, 0.37),
    Accuracy("ICNet", 69.5, None, 6.68, starred=True),
    Accuracy("ERFNet", 68.0, 86.5, 2.1),
    Accuracy("ContextNet", 66.1, 82.7, 0.85),
)

# Table 7, section 3.2.2. The second ContextNet row overlaps memory transfer and kernels ("streamed data"). The star's
# meaning was in the lost caption. The starred figures of ENet and ERFNet are reciprocals of whole milliseconds (49, 13,
# 7 and 89, 24, 8), the others are not: the paper probably quotes them from elsewhere, with another protocol.
TABLE_7 = (
    #       name          full  half   quarter
    Runtime("SegNet", 1.6, None, None, starred=True),
    Runtime("ENet", 20.4, 76.9, 142.9, starred=True),
    Runtime("ICNet", 14.2, 46.3, 83.2),
    Runtime("ERFNet", 11.2, 41.7, 125.0, starred=True),
    Runtime("ContextNet", 18.3, 65.5, 139.2),
    Runtime("ContextNet", 41.9, 136.2, 299.5, pipelined=True),
)

# The columns of Table 7: fields of `Runtime`, height and width.
TABLE_7_SIZES = {"full": (1024, 2048), "half": (512, 1024), "quarter": (256, 512)}

# Section 3.2.1, "ContextNet vs Ensemble Nets": mIoU on the validation set.
BRANCHES_ALONE = {"context-only": 63.3, "detail-only": 25.1}
ENSEMBLE = 60.3
# The text calls the ensemble 6.6 less than cn14, which makes cn14 66.9; Table 4 prints 65.9.
ENSEMBLE_BELOW_CN14 = 6.6
ENSEMBLE_BELOW_CONTEXT_BRANCH = 3.0

# Section 3.2.1, "Multiple Branches": what a third branch adds to cn14 (67.3 - 65.9 in Table 4).
CN124_ABOVE_CN14 = 1.4

# Section 3.2.2, "Network Pruning": mIoU on the test set, and the successive widths.
PRUNING_BEFORE = 64.2
PRUNING_AFTER = 66.1
PRUNING_WIDTHS = (2.0, 1.5, 1.25, 1.0)

# Abstract: test-set accuracy and frames per second at 1024 x 2048.
ABSTRACT_MEAN_IOU = 66.1
ABSTRACT_FRAMES_PER_SECOND = 18.3
ABSTRACT_FRAMES_PER_SECOND_PIPELINED = 41.9

# Section 3.1: the training recipe. The schedule is poly: base rate x (1 - step / steps) ^ power.
RMSPROP_DECAY = 0.9
RMSPROP_MOMENTUM = 0.9
RMSPROP_EPSILON = 1.0
LEARNING_RATE = 0.045
LEARNING_RATE_POWER = 0.98
EPOCHS = 1000
SCALES = (0.5, 2.0)  # random scale of the augmentation

# Section 2.2.3: the auxiliary loss; class weights "did not help" from this batch size on.
AUXILIARY_LOSS_WEIGHT = 0.4
BATCH_SIZE_WITHOUT_CLASS_WEIGHTS = 16

# Section 2.2.2: depth of the branches.
CONTEXT_LAYERS = 38
CONTEXT_BOTTLENECKS = 12
DETAIL_LAYERS = 4

# Section 3.2: images of Cityscapes. Only the finely labeled ones are used.
TRAIN_IMAGES = 2975
VAL_IMAGES = 500
TEST_IMAGES = 1525
FINE_IMAGES = 5000
COARSE_IMAGES = 20_000
ALL_IMAGES = 25_000
CITIES = 50


def variant(name: str) -> Variant | None:
    """The column of Table 4 named `name`; None if there is none."""
    return next((row for row in TABLE_4 if row.name == name), None)


def class_iou(name: str) -> dict[str, float]:
    """IoU in percent by class, from the row of Table 5 named `name`; empty if there is none."""
    return dict(zip(TABLE_5_CLASSES, TABLE_5.get(name, ()), strict=False))  # none at all, or all


def accuracy(name: str) -> Accuracy | None:
    """The row of Table 6 of the network registered as `name`; None if there is none."""
    return next((row for row in TABLE_6 if _registered(row.name) == name), None)


def runtimes(name: str) -> list[Runtime]:
    """The rows of Table 7 of the network registered as `name`: sequential, and pipelined if printed.

    The table's ContextNet is cn14, by the frames per second of Table 4.
    """
    printed_names = {"cn14": "contextnet"}
    return [row for row in TABLE_7 if _registered(row.name) == printed_names.get(name, name)]


def speeds(name: str, size: tuple[int, int]) -> dict[str, float]:
    """Frames per second of the network `name` at the image size (height, width), by "sequential" and "pipelined".

    From Table 7, whose ContextNet is cn14, or from Table 4; empty if the paper prints none for this size.
    """
    column = next((field for field, known in TABLE_7_SIZES.items() if known == tuple(size)), None)
    if column is None:
        return {}
    found = {"pipelined" if row.pipelined else "sequential": getattr(row, column) for row in runtimes(name)}
    if not found and column == "full" and (printed := variant(name)):
        found = {"sequential": printed.frames_per_second}
    return {mode: figure for mode, figure in found.items() if figure is not None}


def _registered(printed_name: str) -> str:
    """ "DeepLab-v2" -> "deeplab_v2"."""
    return printed_name.lower().replace("-", "_")
