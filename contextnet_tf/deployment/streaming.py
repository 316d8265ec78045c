"""Work on a stream by several threads, its results in the order of the stream."""

import collections
import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(works: Sequence[Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
    """What any of the `works`, each a function of one item, gives for each of the items, in their order.

    Each of the works runs in a thread of its own, on one item at a time. Items are read by whoever takes the
    results: at most one more than there are works is on its way. An exception, of the items or of a work, is
    raised in the place of that item's result, after all results before it, and ends the stream. Closing the stream
    early waits for the items that are being worked on and drops the one that waits.
    """
    idle: queue.SimpleQueue[Callable[[Item], Result]] = queue.SimpleQueue()
    for work in works:
        idle.put(work)

    def result(item: Item) -> Result:
        work = idle.get()  # there is one for each thread
        try:
            return work(item)
        finally:
            idle.put(work)

    items = iter(items)
    pending: collections.deque[Any] = collections.deque()
    failure = None
    threads = ThreadPoolExecutor(max_workers=len(works), thread_name_prefix="stream")
    try:
        while True:
            try:
                item = next(items)
            except StopIteration:
                break
            except Exception as error:  # raised below, after the results that come before it
                failure = error
                break
            pending.append(threads.submit(result, item))
            # One waits, so that no thread does; what is done already is not kept back.
            while len(pending) > len(works) or (pending and pending[0].done()):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure
