"""The label ids that are drawn, looked up by name."""

import numpy as np

from contextnet_tf.datasets.labels import CITYSCAPES_LABELS

INSTANCES_PER_LABEL = 1000  # Cityscapes: an instance has the number label id x 1000 + k

_NUMBERS = np.arange(1 << 16)
# The label id, uint8, of every possible value in an instance image.
LABEL_OF_INSTANCE = np.where(_NUMBERS < INSTANCES_PER_LABEL, _NUMBERS, _NUMBERS // INSTANCES_PER_LABEL).astype(np.uint8)

_IDS = {label.name: label.id for label in CITYSCAPES_LABELS}


def label_id(name: str) -> int:
    """The Cityscapes id of the label `name`."""
    return _IDS[name]


EGO_VEHICLE = label_id("ego vehicle")
OUT_OF_ROI = label_id("out of roi")
STATIC = label_id("static")
DYNAMIC = label_id("dynamic")
GROUND = label_id("ground")
ROAD = label_id("road")
SIDEWALK = label_id("sidewalk")
PARKING = label_id("parking")
RAIL_TRACK = label_id("rail track")
BUILDING = label_id("building")
WALL = label_id("wall")
FENCE = label_id("fence")
GUARD_RAIL = label_id("guard rail")
BRIDGE = label_id("bridge")
POLE = label_id("pole")
TRAFFIC_LIGHT = label_id("traffic light")
TRAFFIC_SIGN = label_id("traffic sign")
VEGETATION = label_id("vegetation")
TERRAIN = label_id("terrain")
SKY = label_id("sky")
