"""Several processes at once: a thread each, of which one runs, in turns that a seed decides.

A turn passes only at a point, where the process holds no lock of a database, so nobody ever waits.
"""

import threading


class _Actor:
    def __init__(self, process, act):
        self.process = process
        self.act = act
        self.turn = threading.Semaphore(0)
        self.is_over = False
        self.failure = None


class Stage:
    """Where processes run, one alone or several in turns."""

    def __init__(self):
        self._actors = []
        self._current = None
        self._over = threading.Semaphore(0)

    @property
    def current(self):
        """The process whose turn it is; None if it is the simulation's own."""
        return self._current.process if self._current else None

    def plays(self, acts):
        """Let each `(process, act)` come to its end; the first one begins.

        Raises:
            BaseException: what an act raised, the first one's first.
        """
        self._actors = [_Actor(*each) for each in acts]
        if len(self._actors) == 1:
            self._plays_alone(self._actors[0])
        else:
            self._plays_in_turns()
        for actor in self._actors:
            if actor.failure is not None:
                raise actor.failure

    def others(self):
        """Count who waits for a turn."""
        return sum(not each.is_over and each is not self._current for each in self._actors)

    def passes_turn(self, number):
        """Let the number-th of those who wait go on, and wait for the next turn."""
        mine = self._current
        waiting = [each for each in self._actors if not each.is_over and each is not mine]
        self._gives_turn_to(waiting[number])
        mine.turn.acquire()

    def _plays_alone(self, actor):
        self._current = actor
        try:
            actor.act()
        finally:
            actor.is_over = True
            self._current = None

    def _plays_in_turns(self):
        threads = [threading.Thread(target=self._lives, args=(each,)) for each in self._actors]
        for thread in threads:
            thread.start()
        self._gives_turn_to(self._actors[0])
        self._over.acquire()
        for thread in threads:
            thread.join()
        self._current = None

    def _lives(self, actor):
        actor.turn.acquire()
        try:
            actor.act()
        except BaseException as failure:  # noqa: BLE001  # told by `plays`
            actor.failure = failure
        actor.is_over = True
        waiting = [each for each in self._actors if not each.is_over]
        if waiting:
            self._gives_turn_to(waiting[0])
        else:
            self._over.release()

    def _gives_turn_to(self, actor):
        self._current = actor
        actor.turn.release()
