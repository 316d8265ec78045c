"""Which example a sample shows: permutations, and the classes' turns."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from contextnet_tf.datasets import sampling


def _numbers(first, last):
    return tf.range(first, last, dtype=tf.int64)


@settings(max_examples=20, deadline=None)
@given(count=st.integers(1, 40), seed=st.integers(0, 1000), epoch=st.integers(0, 50))
def test_each_epoch_is_a_permutation(count, seed, epoch):
    samples = [tf.constant(epoch * count + place, tf.int64) for place in range(count)]
    order = [int(sampling.shuffled_index(sample, count, seed)) for sample in samples]
    assert sorted(order) == list(range(count))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1), count=st.integers(1, 12), workers=st.integers(1, 4), epochs=st.integers(1, 3),
    part_size=st.integers(1, 3),
)  # fmt: skip
def test_workers_together_see_each_sample_of_an_epoch_once(seed, count, workers, epochs, part_size):
    batch_size = workers * part_size
    # As many steps as it takes until the epochs fit into them; the last ones may begin another epoch.
    steps = -(-count * epochs // batch_size)
    seen = []
    for step in range(steps):
        for worker in range(workers):
            for number in _numbers(step * part_size, (step + 1) * part_size):
                sample = sampling.sample_number(number, batch_size, worker, workers)
                seen.append(int(sampling.shuffled_index(sample, count, seed)))
    for epoch in range(epochs):
        assert sorted(seen[epoch * count : (epoch + 1) * count]) == list(range(count))


def test_the_parts_of_a_batch_by_hand():
    # Batches of six, three workers: the second has samples 2 and 3 of the first batch, 8 and 9 of the next.
    assert [int(sampling.sample_number(number, 6, 1, 3)) for number in _numbers(0, 4)] == [2, 3, 8, 9]


def test_the_seed_of_augmentation_is_of_the_run_and_of_the_sample():
    seeds = [sampling.sample_seed(tf.constant(k, tf.int64), run).numpy().tolist() for run in (5, 6) for k in (0, 1)]
    assert len({tuple(seed) for seed in seeds}) == 4


# Class 0 has three places, class 1 none, class 2 two.
CLASSES = {
    "examples": np.array([4, 5, 6, 1, 1]),
    "centers": np.array([[10, 40], [10, 50], [10, 60], [20, 70], [20, 80]], np.int32),
    "first": np.array([0, 3, 3]),
    "counts": np.array([3, 0, 2]),
}


def _shown(samples, share, seed=3):
    classes = sampling.ClassUniform(share=share, **CLASSES)
    pairs = [sampling.class_uniform_index(sample, 7, seed, classes) for sample in samples]
    return [(int(example), tuple(center.numpy())) for example, center in pairs]


def test_every_second_sample_is_given_to_a_class_in_turn():
    shown = _shown(_numbers(0, 24), share=0.5)
    anywhere, aimed = shown[0::2], shown[1::2]
    assert all(center == (-1, -1) for _, center in anywhere)
    # Half of the samples: an epoch of seven takes fourteen.
    assert sorted(example for example, _ in anywhere[:7]) == [0, 1, 2, 3, 4, 5, 6]
    # Twelve turns: each of the two classes has every second one, and each round both of them.
    rows = [y for _, (y, _) in aimed]
    assert all(sorted(rows[i : i + 2]) == [10, 20] for i in range(0, 12, 2))
    # Six turns of a class: each of three places twice, once in three turns; each of two places three times.
    first, second = ([shown for shown in aimed if shown[1][0] == y] for y in (10, 20))
    for turns in (first[:3], first[3:]):
        assert sorted(turns) == [(4, (10, 40)), (5, (10, 50)), (6, (10, 60))]
    for turns in (second[:2], second[2:4], second[4:]):
        assert sorted(turns) == [(1, (20, 70)), (1, (20, 80))]


def test_a_quarter_of_the_samples_and_all_of_them():
    aimed = [center != (-1, -1) for _, center in _shown(_numbers(0, 8), share=0.25)]
    assert aimed == [False, False, False, True, False, False, False, True]
    assert all(center != (-1, -1) for _, center in _shown(_numbers(0, 8), share=1.0))


def test_turns_are_a_function_of_seed_and_sample():
    assert _shown(_numbers(5, 20), 0.5) == _shown(_numbers(0, 20), 0.5)[5:]
    assert _shown(_numbers(0, 20), 0.5) != _shown(_numbers(0, 20), 0.5, seed=4)
