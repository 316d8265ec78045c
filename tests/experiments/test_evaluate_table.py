"""The lines that the program evaluate prints."""

import numpy as np

from contextnet_tf.datasets.catalog import get_dataset
from contextnet_tf.evaluation.confusion import ConfusionMatrix
from contextnet_tf.evaluation.evaluate import report_of
from contextnet_tf.evaluation.instances import InstanceCounts
from experiments.evaluate import table

STREETS = get_dataset("streets")
# Two people, one of three pixels and found, one of a single pixel and taken for road.
TRUTH, INSTANCES, PREDICTION = [11] * 4, [24000, 24000, 24000, 24001], [11, 11, 11, 0]


def test_iiou_follows_iou_and_is_left_out_where_there_is_none():
    matrix, instances = ConfusionMatrix(19), InstanceCounts(STREETS)
    matrix.update(np.array(TRUTH), np.array(PREDICTION))
    instances.update(np.array(INSTANCES, np.uint16), np.array(PREDICTION))
    lines = table(report_of(matrix, STREETS, 1, instances)).splitlines()
    # Fractions of 4 pixels; road: predicted, never true. Means over road and person, flat and human.
    assert [line for line in lines if "does not occur" not in line] == [
        "road                            0.00 %",
        "person                         75.00 %",
        "mean of the classes            37.50 %",
        "flat                            0.00 %",
        "human                          75.00 %",
        "mean of the categories         37.50 %",
        "person, iIoU                   50.00 %",
        "mean of the classes, iIoU      50.00 %",
        "human, iIoU                    50.00 %",
        "mean of the categories, iIoU   50.00 %",
        "pixel accuracy                 75.00 %",
    ]
    assert "car, iIoU                     does not occur" in lines
    assert "iIoU" not in table(report_of(matrix, STREETS, 1))
