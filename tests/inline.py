"""Workers that do not work aside: what a test sees has one order."""

from concurrent.futures import Executor, Future


class Inline(Executor):
    """Runs everything at once, in the caller's thread."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # as a worker does: the future tells it
            future.set_exception(error)
        return future
