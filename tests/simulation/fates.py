"""What befalls the tool at each point: by dice from a seed, or never anything.

A fate is asked by the machine, the databases, the network and the slots. Everything that differs
from one simulation to another is decided here or in `night.py`, by one stream of random numbers.
"""

from dataclasses import dataclass
from datetime import timedelta

from tests.simulation.network import FAULTS

JUMPS = (-40, -3, -1, -0.2, -0.01, 0.01, 0.2, 1, 3, 40)
"""In days."""


@dataclass(frozen=True, slots=True)
class Weather:
    """The chances of one night; `dies_at` is a point and how often it is passed before.

    `crm` is what the CRM does all night: "up", "down", "refuses the key", "read-only".
    """

    bad_call: float = 0.0
    bad_calls: tuple = ()
    bad_write: float = 0.0
    bad_ledger: float = 0.0
    crm: str = "up"
    dies_at: tuple | None = None
    dies: float = 0.0
    jumps: float = 0.0
    signals: float = 0.0
    life: float = 0.0
    turns: float = 0.0
    shop_calls: int = 0


CLEAR = Weather()


def weather(dice, points):
    """Draw a night's weather; `points` are those that were ever passed."""
    worst = dice.choice(["calm", "calls", "crm", "kill", "kill", "kill", "everything"])
    every = worst == "everything"
    kill = worst == "kill" or every
    planned = kill and points and dice.random() < 0.75
    faults = tuple(dice.sample(FAULTS, dice.randint(1, 4)))
    return Weather(
        bad_call=dice.choice([0.05, 0.3, 0.9, 1.0]) if worst == "calls" else 0.1 * every,
        bad_calls=faults if dice.random() < 0.8 else FAULTS,
        bad_write=dice.choice([0.1, 0.5, 1.0]) if worst == "crm" else 0.1 * every,
        bad_ledger=dice.choice([0.0, 0.02]) if every else 0.0,
        crm=dice.choice(["up", "up", "down", "refuses the key", "read-only"])
        if worst == "crm"
        else "up",
        dies_at=(dice.choice(points), dice.choice([0, 0, 0, 0, 1, 2, 5])) if planned else None,
        dies=dice.choice([0.002, 0.01, 0.05]) if kill and not planned else 0.0,
        jumps=dice.choice([0.0, 0.0, 0.0, 0.02]),
        signals=dice.choice([0.0, 0.0, 0.0, 0.0, 0.01]),
        life=dice.choice([0.0, 0.0, 0.05, 0.2]),
        turns=dice.choice([0.02, 0.1, 0.5]),
        shop_calls=dice.choice([0, 0, 1, 10]),
    )


class DicedFate:
    """Decides by dice, within the chances of the night's weather."""

    def __init__(self, dice, universe):
        self._dice = dice
        self._universe = universe
        self._passed = 0
        self.weather = CLEAR

    def begins(self, of_tonight):
        self.weather = of_tonight
        self._passed = 0

    def at(self, process, name, *, within):
        now = self.weather
        if self._is_hit(name) or self._happens(now.dies):
            self._universe.died(name)
            process.dies(name)
        if self._happens(now.jumps):
            self._universe.clock.jumps(timedelta(days=self._dice.choice(JUMPS)))
        if self._happens(now.signals) and process.on_signal:
            process.on_signal()
        if not within and self._happens(now.life):
            self._universe.life.goes_on()

    def turn(self, others):
        return self._dice.randrange(others) if self._happens(self.weather.turns) else None

    def how_many(self, waiting):
        return self._dice.randint(1, waiting) if waiting else 0

    def pick(self, number):
        return self._dice.randrange(number)

    def number(self):
        return self._dice.getrandbits(32)

    def latency(self):
        return self._dice.choice([0.01, 0.05, 0.05, 0.4])

    def shop_calls(self):
        return self._dice.randint(0, self.weather.shop_calls) if self.weather.shop_calls else 0

    def call(self, _query):
        return self._dice.choice(self.weather.bad_calls) if self._bad_call() else None

    def beginning(self, kind, process):
        if kind == "ledger":
            if self._happens(self.weather.bad_ledger):
                process.unmarked = True
                return "SQLITE_BUSY"
            return None
        by_night = {"down": "SQLITE_BUSY", "read-only": "SQLITE_READONLY"}
        return by_night.get(self.weather.crm) or (
            "SQLITE_BUSY" if self._happens(self.weather.bad_write) else None
        )

    def committing(self, kind, process):
        if kind == "ledger":
            if self._happens(self.weather.bad_ledger):
                process.unmarked = True
                return "SQLITE_FULL", False
            return None
        if self._happens(self.weather.bad_write):
            return "SQLITE_IOERR", self._happens(0.5)
        return None

    def contact(self, what, _customer_id):
        now = self.weather
        if what == "find" and now.crm in {"down", "read-only"}:
            return "the CRM is down"
        if what == "find" and now.crm == "refuses the key":
            return "refused"
        if not self._happens(now.bad_write):
            return None
        return "busy" if what == "find" else self._dice.choice(["not done", "the answer was lost"])

    def _bad_call(self):
        return bool(self.weather.bad_calls) and self._happens(self.weather.bad_call)

    def _happens(self, chance):
        return chance > 0 and self._dice.random() < chance

    def _is_hit(self, name):
        if self.weather.dies_at is None or self.weather.dies_at[0] != name:
            return False
        self._passed += 1
        return self._passed == self.weather.dies_at[1] + 1
