"""Label tables, one row per label.

Cityscapes' ids, names, categories and colors follow Cordts et al., CVPR 2016, and cityscapesScripts. CamVid's 32
colors follow Brostow, Fauqueur, Cipolla, Pattern Recognition Letters 2009, and its label_colors.txt. Their grouping
into 11 classes is SegNet's (Badrinarayanan, Kendall, Cipolla, PAMI 2017).
"""

import dataclasses
import itertools
import unicodedata
from collections.abc import Sequence

IGNORE = 255  # the train id of pixels ignored in training and evaluation


@dataclasses.dataclass(frozen=True)
class Label:
    """One row of a label table.

    `id` is the value in label files, `train_id` the class that a network predicts (255: ignored),
    `color` RGB, 0 to 255.
    """

    name: str
    id: int
    train_id: int
    category: str
    has_instances: bool
    color: tuple[int, int, int]


CITYSCAPES_LABELS = (
    #     name                    id  train  category        instances  color
    Label("unlabeled", 0, IGNORE, "void", False, (0, 0, 0)),
    Label("ego vehicle", 1, IGNORE, "void", False, (0, 0, 0)),
    Label("rectification border", 2, IGNORE, "void", False, (0, 0, 0)),
    Label("out of roi", 3, IGNORE, "void", False, (0, 0, 0)),
    Label("static", 4, IGNORE, "void", False, (0, 0, 0)),
    Label("dynamic", 5, IGNORE, "void", False, (111, 74, 0)),
    Label("ground", 6, IGNORE, "void", False, (81, 0, 81)),
    Label("road", 7, 0, "flat", False, (128, 64, 128)),
    Label("sidewalk", 8, 1, "flat", False, (244, 35, 232)),
    Label("parking", 9, IGNORE, "flat", False, (250, 170, 160)),
    Label("rail track", 10, IGNORE, "flat", False, (230, 150, 140)),
    Label("building", 11, 2, "construction", False, (70, 70, 70)),
    Label("wall", 12, 3, "construction", False, (102, 102, 156)),
    Label("fence", 13, 4, "construction", False, (190, 153, 153)),
    Label("guard rail", 14, IGNORE, "construction", False, (180, 165, 180)),
    Label("bridge", 15, IGNORE, "construction", False, (150, 100, 100)),
    Label("tunnel", 16, IGNORE, "construction", False, (150, 120, 90)),
    Label("pole", 17, 5, "object", False, (153, 153, 153)),
    Label("polegroup", 18, IGNORE, "object", False, (153, 153, 153)),
    Label("traffic light", 19, 6, "object", False, (250, 170, 30)),
    Label("traffic sign", 20, 7, "object", False, (220, 220, 0)),
    Label("vegetation", 21, 8, "nature", False, (107, 142, 35)),
    Label("terrain", 22, 9, "nature", False, (152, 251, 152)),
    Label("sky", 23, 10, "sky", False, (70, 130, 180)),
    Label("person", 24, 11, "human", True, (220, 20, 60)),
    Label("rider", 25, 12, "human", True, (255, 0, 0)),
    Label("car", 26, 13, "vehicle", True, (0, 0, 142)),
    Label("truck", 27, 14, "vehicle", True, (0, 0, 70)),
    Label("bus", 28, 15, "vehicle", True, (0, 60, 100)),
    Label("caravan", 29, IGNORE, "vehicle", True, (0, 0, 90)),
    Label("trailer", 30, IGNORE, "vehicle", True, (0, 0, 110)),
    Label("train", 31, 16, "vehicle", True, (0, 80, 100)),
    Label("motorcycle", 32, 17, "vehicle", True, (0, 0, 230)),
    Label("bicycle", 33, 18, "vehicle", True, (119, 11, 32)),
)

# CamVid defines no categories; each class has the category of the most similar Cityscapes class.
CAMVID_LABELS = (
    #     name          id  train  category        instances  color
    Label("sky", 0, 0, "sky", False, (128, 128, 128)),
    Label("building", 1, 1, "construction", False, (128, 0, 0)),
    Label("pole", 2, 2, "object", False, (192, 192, 128)),
    Label("road", 3, 3, "flat", False, (128, 64, 128)),
    Label("pavement", 4, 4, "flat", False, (60, 40, 222)),
    Label("tree", 5, 5, "nature", False, (128, 128, 0)),
    Label("sign_symbol", 6, 6, "object", False, (192, 128, 128)),
    Label("fence", 7, 7, "construction", False, (64, 64, 128)),
    Label("car", 8, 8, "vehicle", False, (64, 0, 128)),
    Label("pedestrian", 9, 9, "human", False, (64, 64, 0)),
    Label("bicyclist", 10, 10, "vehicle", False, (0, 128, 192)),
    Label("void", 11, IGNORE, "void", False, (0, 0, 0)),
)


@dataclasses.dataclass(frozen=True)
class ColorLabel:
    """One row of a color table: the meaning of a color in label files.

    `id` is the row's index in the dataset's own list, `group` the name of its class.
    """

    id: int
    color: tuple[int, int, int]
    name: str
    group: str


CAMVID_COLORS = (
    #           id  color           name                 group
    ColorLabel(0, (64, 128, 64), "Animal", "pedestrian"),
    ColorLabel(1, (192, 0, 128), "Archway", "building"),
    ColorLabel(2, (0, 128, 192), "Bicyclist", "bicyclist"),
    ColorLabel(3, (0, 128, 64), "Bridge", "building"),
    ColorLabel(4, (128, 0, 0), "Building", "building"),
    ColorLabel(5, (64, 0, 128), "Car", "car"),
    ColorLabel(6, (64, 0, 192), "CartLuggagePram", "pedestrian"),
    ColorLabel(7, (192, 128, 64), "Child", "pedestrian"),
    ColorLabel(8, (192, 192, 128), "Column_Pole", "pole"),
    ColorLabel(9, (64, 64, 128), "Fence", "fence"),
    ColorLabel(10, (128, 0, 192), "LaneMkgsDriv", "road"),
    ColorLabel(11, (192, 0, 64), "LaneMkgsNonDriv", "road"),
    ColorLabel(12, (128, 128, 64), "Misc_Text", "sign_symbol"),
    ColorLabel(13, (192, 0, 192), "MotorcycleScooter", "bicyclist"),
    ColorLabel(14, (128, 64, 64), "OtherMoving", "car"),
    ColorLabel(15, (64, 192, 128), "ParkingBlock", "pavement"),
    ColorLabel(16, (64, 64, 0), "Pedestrian", "pedestrian"),
    ColorLabel(17, (128, 64, 128), "Road", "road"),
    ColorLabel(18, (128, 128, 192), "RoadShoulder", "pavement"),
    ColorLabel(19, (0, 0, 192), "Sidewalk", "pavement"),
    ColorLabel(20, (192, 128, 128), "SignSymbol", "sign_symbol"),
    ColorLabel(21, (128, 128, 128), "Sky", "sky"),
    ColorLabel(22, (64, 128, 192), "SUVPickupTruck", "car"),
    ColorLabel(23, (0, 0, 64), "TrafficCone", "pole"),
    ColorLabel(24, (0, 64, 64), "TrafficLight", "sign_symbol"),
    ColorLabel(25, (192, 64, 128), "Train", "car"),
    ColorLabel(26, (128, 128, 0), "Tree", "tree"),
    ColorLabel(27, (192, 128, 192), "Truck_Bus", "car"),
    ColorLabel(28, (64, 0, 64), "Tunnel", "building"),
    ColorLabel(29, (192, 192, 0), "VegetationMisc", "tree"),
    ColorLabel(30, (0, 0, 0), "Void", "void"),
    ColorLabel(31, (64, 192, 0), "Wall", "building"),
)


def train_ids_of_colors(colors: tuple[ColorLabel, ...], labels: tuple[Label, ...]) -> dict[tuple[int, int, int], int]:
    """Maps each color to the train id of the label in `labels` that its group names."""
    train_ids = {label.name: label.train_id for label in labels}
    return {row.color: train_ids[row.group] for row in colors}


def differing_classes(known: Sequence[str], expected: Sequence[str]) -> str | None:
    """How the class names `known` of a network differ from `expected`, in words; None if they do not.

    None also where either is empty: the names are unknown. Names are compared by letter, however it is encoded.
    """
    known, expected = ([unicodedata.normalize("NFC", name) for name in names] for names in (known, expected))
    if not known or not expected or known == expected:
        return None
    pairs = itertools.zip_longest(known, expected)
    index, pair = next((index, pair) for index, pair in enumerate(pairs) if pair[0] != pair[1])
    words = "the same in another order" if sorted(known) == sorted(expected) else "not the same"
    return f"{words}: class {index} is {pair[0]!r}, not {pair[1]!r}"
