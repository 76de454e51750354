"""Threads for calls that may never come back: they never keep the process from ending."""

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def _nothing() -> None:
    """Do nothing."""


class Workers(Executor):
    """An executor whose calls can be left behind.

    Its threads are daemons, so neither `with` nor the interpreter waits for one that hangs; calls
    that were submitted and left are told by an error in their future.

    Args:
        name: of the threads.
        number: of the threads, at most; each begins when it is first needed.
        on_leave: called once, when what is under way is left behind; must not wait.
    """

    def __init__(self, name: str, number: int, on_leave: Callable[[], None] = _nothing) -> None:
        self._name = name
        self._number = number
        self._on_leave = on_leave
        self._lock = threading.Lock()
        self._queue: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._open: set[Future[Any]] = set()
        self._busy = 0
        self._left: BaseException | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a call is under way, left behind or not."""
        with self._lock:
            return self._busy > 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Let a thread make this call; after `leave`, the future has the error given there."""
        future: Future[T] = Future()
        with self._lock:
            if self._left is not None:
                future.set_exception(self._left)
                return future
            self._open.add(future)
            self._queue.put((future, lambda: fn(*args, **kwargs)))
            if len(self._threads) < min(self._number, len(self._open)):
                self._begin_one()
        return future

    def leave(self, error: BaseException) -> None:
        """Leave behind what is under way and begin nothing more; a second call changes nothing.

        Whoever waits for a result gets `error` now. What such a call gives later is dropped.
        """
        with self._lock:
            if self._left is not None:
                return
            self._left = error
            left, self._open = self._open, set()
        self._on_leave()
        for future in left:
            # Whoever waits for it may take it back at this moment.
            with suppress(InvalidStateError):
                future.set_exception(error)
        self.shutdown()

    def shutdown(self, wait: bool = False, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Let the threads end after what was submitted; never waits for them."""
        for _ in self._threads:
            self._queue.put(None)

    def _begin_one(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            future, call = item
            if self._takes(future):
                self._make(future, call)
            # Else a page would stay in memory until the next call.
            del item, future, call

    def _takes(self, future: Future[Any]) -> bool:
        with self._lock:
            if future not in self._open or not future.set_running_or_notify_cancel():
                self._open.discard(future)
                return False
            self._busy += 1
            return True

    def _make(self, future: Future[Any], call: Callable[[], Any]) -> None:
        result, failure = None, None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - the future tells it
            failure = error
        with self._lock:
            self._busy -= 1
            is_awaited = future in self._open
            self._open.discard(future)
        if not is_awaited:
            return
        if failure is None:
            future.set_result(result)
        else:
            future.set_exception(failure)
