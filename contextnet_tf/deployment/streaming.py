"""Processes a stream in several threads and returns the results in order."""

import collections
import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(works: Sequence[Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
    """Maps the items to results, in their order; any of the functions `works` may process any item.

    Each function runs in its own thread, on one item at a time. Items are read in the consumer's thread: at most
    len(works) + 1 are in flight. An exception from `items` or from a function is raised in place of that item's
    result, after all earlier results, and ends the stream. Closing the stream early waits for the items being
    processed and drops the queued item.
    """
    idle: queue.SimpleQueue[Callable[[Item], Result]] = queue.SimpleQueue()
    for work in works:
        idle.put(work)

    def result(item: Item) -> Result:
        work = idle.get()  # never empty: one function per thread
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
            except Exception as error:  # raised below, after all earlier results
                failure = error
                break
            pending.append(threads.submit(result, item))
            # One queued item keeps all threads busy; finished results are returned at once.
            while len(pending) > len(works) or (pending and pending[0].done()):
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
    if failure is not None:
        raise failure
