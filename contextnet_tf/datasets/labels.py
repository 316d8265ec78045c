"""Label tables: one row a class. Cityscapes' ids, names, categories and colours are facts of the
data set (Cordts et al., CVPR 2016; cityscapesScripts). CamVid's 32 colours are the data set's (Brostow, Fauqueur,
Cipolla, Pattern Recognition Letters 2009; its label_colors.txt), their grouping into 11 classes is SegNet's
(Badrinarayanan, Kendall, Cipolla, PAMI 2017).
"""

import dataclasses

IGNORE = 255  # the train id of a pixel that neither trains nor counts


@dataclasses.dataclass(frozen=True)
class Label:
    """One row of a label table.

    `id` stands in the label files, `train_id` is what a network predicts (255: ignored),
    `colour` is RGB, 0 to 255.
    """

    name: str
    id: int
    train_id: int
    category: str
    has_instances: bool
    colour: tuple[int, int, int]


CITYSCAPES_LABELS = (
    #     name                    id  train  category        instances  colour
    Label("unlabeled",             0, IGNORE, "void",         False, (0, 0, 0)),
    Label("ego vehicle",           1, IGNORE, "void",         False, (0, 0, 0)),
    Label("rectification border",  2, IGNORE, "void",         False, (0, 0, 0)),
    Label("out of roi",            3, IGNORE, "void",         False, (0, 0, 0)),
    Label("static",                4, IGNORE, "void",         False, (0, 0, 0)),
    Label("dynamic",               5, IGNORE, "void",         False, (111, 74, 0)),
    Label("ground",                6, IGNORE, "void",         False, (81, 0, 81)),
    Label("road",                  7,      0, "flat",         False, (128, 64, 128)),
    Label("sidewalk",              8,      1, "flat",         False, (244, 35, 232)),
    Label("parking",               9, IGNORE, "flat",         False, (250, 170, 160)),
    Label("rail track",           10, IGNORE, "flat",         False, (230, 150, 140)),
    Label("building",             11,      2, "construction", False, (70, 70, 70)),
    Label("wall",                 12,      3, "construction", False, (102, 102, 156)),
    Label("fence",                13,      4, "construction", False, (190, 153, 153)),
    Label("guard rail",           14, IGNORE, "construction", False, (180, 165, 180)),
    Label("bridge",               15, IGNORE, "construction", False, (150, 100, 100)),
    Label("tunnel",               16, IGNORE, "construction", False, (150, 120, 90)),
    Label("pole",                 17,      5, "object",       False, (153, 153, 153)),
    Label("polegroup",            18, IGNORE, "object",       False, (153, 153, 153)),
    Label("traffic light",        19,      6, "object",       False, (250, 170, 30)),
    Label("traffic sign",         20,      7, "object",       False, (220, 220, 0)),
    Label("vegetation",           21,      8, "nature",       False, (107, 142, 35)),
    Label("terrain",              22,      9, "nature",       False, (152, 251, 152)),
    Label("sky",                  23,     10, "sky",          False, (70, 130, 180)),
    Label("person",               24,     11, "human",        True,  (220, 20, 60)),
    Label("rider",                25,     12, "human",        True,  (255, 0, 0)),
    Label("car",                  26,     13, "vehicle",      True,  (0, 0, 142)),
    Label("truck",                27,     14, "vehicle",      True,  (0, 0, 70)),
    Label("bus",                  28,     15, "vehicle",      True,  (0, 60, 100)),
    Label("caravan",              29, IGNORE, "vehicle",      True,  (0, 0, 90)),
    Label("trailer",              30, IGNORE, "vehicle",      True,  (0, 0, 110)),
    Label("train",                31,     16, "vehicle",      True,  (0, 80, 100)),
    Label("motorcycle",           32,     17, "vehicle",      True,  (0, 0, 230)),
    Label("bicycle",              33,     18, "vehicle",      True,  (119, 11, 32)),
)

# The categories of CamVid's classes are a reading: those of the Cityscapes classes nearest to them.
CAMVID_LABELS = (
    #     name          id  train  category        instances  colour
    Label("sky",          0,      0, "sky",          False, (128, 128, 128)),
    Label("building",     1,      1, "construction", False, (128, 0, 0)),
    Label("pole",         2,      2, "object",       False, (192, 192, 128)),
    Label("road",         3,      3, "flat",         False, (128, 64, 128)),
    Label("pavement",     4,      4, "flat",         False, (60, 40, 222)),
    Label("tree",         5,      5, "nature",       False, (128, 128, 0)),
    Label("sign_symbol",  6,      6, "object",       False, (192, 128, 128)),
    Label("fence",        7,      7, "construction", False, (64, 64, 128)),
    Label("car",          8,      8, "vehicle",      False, (64, 0, 128)),
    Label("pedestrian",   9,      9, "human",        False, (64, 64, 0)),
    Label("bicyclist",   10,     10, "vehicle",      False, (0, 128, 192)),
    Label("void",        11, IGNORE, "void",         False, (0, 0, 0)),
)


@dataclasses.dataclass(frozen=True)
class ColourLabel:
    """One row of a table of colours: what a colour in a label file means.

    `id` is its place in the data set's own list, `group` the name of the class that it belongs to.
    """

    id: int
    colour: tuple[int, int, int]
    name: str
    group: str


CAMVID_COLOURS = (
    #           id  colour           name                 group
    ColourLabel(0,  (64, 128, 64),   "Animal",            "pedestrian"),
    ColourLabel(1,  (192, 0, 128),   "Archway",           "building"),
    ColourLabel(2,  (0, 128, 192),   "Bicyclist",         "bicyclist"),
    ColourLabel(3,  (0, 128, 64),    "Bridge",            "building"),
    ColourLabel(4,  (128, 0, 0),     "Building",          "building"),
    ColourLabel(5,  (64, 0, 128),    "Car",               "car"),
    ColourLabel(6,  (64, 0, 192),    "CartLuggagePram",   "pedestrian"),
    ColourLabel(7,  (192, 128, 64),  "Child",             "pedestrian"),
    ColourLabel(8,  (192, 192, 128), "Column_Pole",       "pole"),
    ColourLabel(9,  (64, 64, 128),   "Fence",             "fence"),
    ColourLabel(10, (128, 0, 192),   "LaneMkgsDriv",      "road"),
    ColourLabel(11, (192, 0, 64),    "LaneMkgsNonDriv",   "road"),
    ColourLabel(12, (128, 128, 64),  "Misc_Text",         "sign_symbol"),
    ColourLabel(13, (192, 0, 192),   "MotorcycleScooter", "bicyclist"),
    ColourLabel(14, (128, 64, 64),   "OtherMoving",       "car"),
    ColourLabel(15, (64, 192, 128),  "ParkingBlock",      "pavement"),
    ColourLabel(16, (64, 64, 0),     "Pedestrian",        "pedestrian"),
    ColourLabel(17, (128, 64, 128),  "Road",              "road"),
    ColourLabel(18, (128, 128, 192), "RoadShoulder",      "pavement"),
    ColourLabel(19, (0, 0, 192),     "Sidewalk",          "pavement"),
    ColourLabel(20, (192, 128, 128), "SignSymbol",        "sign_symbol"),
    ColourLabel(21, (128, 128, 128), "Sky",               "sky"),
    ColourLabel(22, (64, 128, 192),  "SUVPickupTruck",    "car"),
    ColourLabel(23, (0, 0, 64),      "TrafficCone",       "pole"),
    ColourLabel(24, (0, 64, 64),     "TrafficLight",      "sign_symbol"),
    ColourLabel(25, (192, 64, 128),  "Train",             "car"),
    ColourLabel(26, (128, 128, 0),   "Tree",              "tree"),
    ColourLabel(27, (192, 128, 192), "Truck_Bus",         "car"),
    ColourLabel(28, (64, 0, 64),     "Tunnel",            "building"),
    ColourLabel(29, (192, 192, 0),   "VegetationMisc",    "tree"),
    ColourLabel(30, (0, 0, 0),       "Void",              "void"),
    ColourLabel(31, (64, 192, 0),    "Wall",              "building"),
)


def train_ids_of_colours(
    colours: tuple[ColourLabel, ...], labels: tuple[Label, ...]
) -> dict[tuple[int, int, int], int]:
    """The train id of each colour: that of the class in `labels` that its group names."""
    train_ids = {label.name: label.train_id for label in labels}
    return {row.colour: train_ids[row.group] for row in colours}
