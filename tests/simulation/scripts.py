"""A fate that is written down beforehand: what hypothesis draws, and can make shorter."""

from dataclasses import dataclass

LATENCY = 0.05


@dataclass(frozen=True, slots=True)
class Script:
    """What befalls the commands of one night; each tuple is used up from its beginning.

    `dies_at` counts the points that are passed before the kill. `calls` and `writes` are what goes
    wrong with each call and each write to the CRM, None for nothing. `turns` are the points that
    are passed before each change of turns. `crm` is as in `fates.Weather`.
    """

    dies_at: int | None = None
    calls: tuple = ()
    writes: tuple = ()
    turns: tuple = ()
    crm: str = "up"


NOTHING = Script()


class ScriptedFate:
    """Decides as the script says, and without one that nothing happens."""

    def __init__(self):
        self.begins(None)

    def begins(self, _of_tonight):
        """Take the weather of a night that nobody wrote a script for: none."""
        self.follows(NOTHING)

    def follows(self, script):
        self._script = script
        self._passed = 0
        self._calls = iter(script.calls)
        self._writes = iter(script.writes)
        self._turns = iter(script.turns)
        self._until_turn = next(self._turns, None)

    def at(self, process, name, **_):
        self._passed += 1
        if self._script.dies_at == self._passed - 1:
            process.dies(name)

    def turn(self, _others):
        if self._until_turn is None:
            return None
        self._until_turn -= 1
        if self._until_turn >= 0:
            return None
        self._until_turn = next(self._turns, None)
        return 0

    def how_many(self, waiting):
        return min(1, waiting)

    def pick(self, _number):
        return 0

    def number(self):
        return 0

    def latency(self):
        return LATENCY

    def shop_calls(self):
        return 0

    def call(self, _query):
        return next(self._calls, None)

    def beginning(self, kind, _process):
        return "SQLITE_BUSY" if kind == "crm" and self._script.crm == "down" else None

    def committing(self, kind, _process):
        lost = next(self._writes, None) if kind == "crm" else None
        return ("SQLITE_IOERR", lost == "the answer was lost") if lost else None

    def contact(self, what, _customer_id):
        if what == "find":
            return "the CRM is down" if self._script.crm == "down" else None
        return next(self._writes, None)
