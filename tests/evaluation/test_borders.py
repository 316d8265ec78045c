"""Bands along borders between classes, worked out by hand."""

import numpy as np

from contextnet_tf.evaluation.borders import BorderConfusion, near_borders

# Two classes, a strip of ignored pixels between them in the lower rows.
LABELS = np.array(
    [
        [0, 0, 0, 0, 1, 1, 1, 1],
        [0, 0, 0, 0, 1, 1, 1, 1],
        [0, 0, 0, 0, 1, 1, 1, 1],
        [0, 0, 0, 255, 255, 1, 1, 1],
    ],
    np.uint8,
)


def test_bands_by_hand():
    one = near_borders(LABELS, 1).astype(int).tolist()
    assert one == [
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],  # beside the ignored strip, the other class is two pixels away or more
    ]
    assert near_borders(LABELS, 2)[3].astype(int).tolist() == [0, 0, 1, 0, 0, 1, 0, 0]
    assert not near_borders(np.full((3, 4), 7, np.uint8), 3).any()
    assert not near_borders(np.array([[255, 4, 255]], np.uint8), 1).any()


def test_a_distance_transform_finds_the_same_bands():
    labels = np.random.default_rng(0).integers(0, 3, (8, 9)).repeat(4, 0).repeat(4, 1).astype(np.uint8)
    labels[labels == 2] = 255
    places = {value: np.argwhere(labels == value) for value in (0, 1)}
    for width in (1, 3):
        for row, column in np.ndindex(labels.shape):
            others = places.get(1 - int(labels[row, column]) if labels[row, column] < 2 else None, np.empty((0, 2)))
            distance = np.abs(others - (row, column)).max(axis=1).min() if len(others) else np.inf
            assert near_borders(labels, width)[row, column] == (distance <= width)


def test_every_labeled_pixel_is_in_the_widest_band_or_in_the_interior():
    predictions = np.where(np.arange(8) < 3, 0, 1).astype(np.uint8)[None].repeat(4, 0)  # the border a pixel too early
    found = BorderConfusion(2, widths=(1, 2))
    found.update(LABELS, predictions)
    assert found.whole.counts.tolist() == [[12, 3], [0, 15]]
    assert found.near[1].counts.tolist() == [[0, 3], [0, 3]]
    assert found.near[2].counts.tolist() == [[4, 3], [0, 7]]
    assert found.interior.counts.tolist() == [[8, 0], [0, 8]]
    assert found.share(1) == 6 / 30
    # The widest band is that of width 2, whatever the order.
    swapped = BorderConfusion(2, widths=(2, 1))
    swapped.update(LABELS, predictions)
    assert swapped.interior.counts.tolist() == [[8, 0], [0, 8]]
    assert found.interior.mean_iou() == 1.0 and found.near[1].iou().tolist() == [0.0, 0.5]
