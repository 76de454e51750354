"""The death of a process: nothing of it goes on, and nothing that it left open is committed."""


class Killed(BaseException):
    """The process was killed at a point. No code may catch it and go on."""

    def __init__(self, point):
        super().__init__(f"killed {point}")
        self.point = point


class Process:
    """One command of the tool, from its start to its end.

    `sent` counts the requests that it sent, `connections` are its databases'. `unmarked` tells that
    it may have lost what a CRM answered without having been killed: its ledger failed. `on_signal`
    asks it to stop.
    """

    def __init__(self, name):
        self.name = name
        self.is_dead = False
        self.died_at = None
        self.sent = 0
        self.connections = []
        self.unmarked = False
        self.on_signal = None
        self.began_at = None

    def dies(self, point):
        """Kill it.

        Raises:
            Killed: always.
        """
        self.is_dead, self.died_at = True, point
        raise Killed(point)

    def must_live(self, point="after its end"):
        """Do nothing; or end what a dead process would still do, in a `finally` for example."""
        if self.is_dead:
            raise Killed(point)

    def is_buried(self):
        """Drop its connections as the kernel would: open transactions are never committed."""
        for connection in self.connections:
            connection.close()
        self.connections.clear()

    def __repr__(self):
        return self.name
