"""Streams worked on by several threads: order, bounds, errors in their place, and a clean end."""

import threading

import hypothesis
import hypothesis.strategies as st
import pytest

from contextnet_tf.deployment.streaming import in_order

COUNTS = st.integers(0, 12)


class Failure(Exception):
    pass


@hypothesis.settings(deadline=None, max_examples=60, derandomize=True)
@hypothesis.given(
    count=COUNTS,
    workers=st.integers(1, 4),
    bad_item=st.none() | COUNTS,
    source_ends_at=st.none() | COUNTS,
    consumer_stops_at=st.none() | COUNTS,
)
def test_no_result_is_lost_doubled_or_out_of_its_place(count, workers, bad_item, source_ends_at, consumer_stops_at):
    read, worked, given_out = [], [], []

    def source():
        for item in range(count):
            if item == source_ends_at:
                raise Failure("source")
            assert len(read) <= len(given_out) + workers
            read.append(item)
            yield item

    def work(item):
        worked.append(item)
        if item == bad_item:
            raise Failure("item")
        return 10 * item

    before = threading.active_count()
    results = in_order([work] * workers, source())
    failure = None
    try:
        for result in results:
            given_out.append(result)
            if len(given_out) == consumer_stops_at:
                results.close()
    except Failure as error:
        failure = str(error)

    # By hand: everything before the first of: the end, the bad item, the end of the source, the consumer's stop.
    ends = {count: None}
    if source_ends_at is not None and source_ends_at < count:
        ends[source_ends_at] = "source"
    if bad_item is not None and bad_item < min(ends):
        ends[bad_item] = "item"
    if consumer_stops_at and consumer_stops_at <= min(ends):
        ends = {consumer_stops_at: None}
    end = min(ends)
    assert given_out == [10 * item for item in range(end)]
    assert failure == ends[end]
    assert read == list(range(len(read)))
    assert sorted(worked) == sorted(set(worked)) and set(worked) <= set(read)
    assert threading.active_count() == before


def test_works_run_at_the_same_time_and_their_results_stay_in_order():
    second_is_done = threading.Event()

    def work(item):
        if item == 0:
            assert second_is_done.wait(timeout=60)
        if item == 1:
            second_is_done.set()
        return item

    assert list(in_order([work] * 2, range(6))) == list(range(6))


def test_each_work_is_used_by_one_thread_at_a_time():
    def work_of(lock):
        def work(item):
            assert lock.acquire(blocking=False)
            lock.release()
            return item

        return work

    assert list(in_order([work_of(threading.Lock()) for _ in range(3)], range(200))) == list(range(200))


def test_a_slow_consumer_holds_the_source_back():
    read, finished, workers = [], threading.Semaphore(0), 3

    def source():
        for item in range(20):
            read.append(item)
            yield item

    def work(item):
        finished.release()
        return item

    waited_for = 0
    for given_out, _ in enumerate(in_order([work] * workers, source()), start=1):
        while waited_for < len(read):  # until the threads have nothing left to do
            assert finished.acquire(timeout=60)
            waited_for += 1
        assert len(read) <= given_out + workers
    assert given_out == 20


def test_an_interrupted_source_ends_the_stream_at_once():
    def source():
        yield 0
        raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        list(in_order([lambda item: item], source()))
    assert threading.active_count() == before
