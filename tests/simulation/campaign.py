"""Many seeds, each with many nights; a seed that breaks a promise tells how to see it again."""

from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from math import inf
from time import monotonic

from tests.simulation.convergence import require_converged, unfinished
from tests.simulation.night import calm_nights, stormy_night
from tests.simulation.promises import BrokenPromise
from tests.simulation.surroundings import replaced
from tests.simulation.universe import Home, of_seed

STORM = 12
"""Nights between two spells of calm."""
LAST_POINTS = 60


@dataclass
class Broken:
    """A promise that a seed broke: in which night of so many, and what came before."""

    seed: int
    night: int
    nights: int
    promise: BrokenPromise
    trace: tuple

    def __str__(self):
        again = f"python -m tests.simulation --seed {self.seed} --nights {self.nights}"
        points = "\n".join(f"    {each}" for each in self.trace[-LAST_POINTS:])
        return f"{self.promise}\n  night {self.night} of seed {self.seed}; again: {again}\n{points}"


@dataclass
class Played:
    """What a campaign went through."""

    seeds: int = 0
    nights: int = 0
    seconds: float = 0.0
    counts: Counter = field(default_factory=Counter)
    points: Counter = field(default_factory=Counter)
    fingerprints: dict = field(default_factory=dict)
    broken: Broken | None = None

    @property
    def per_minute(self):
        return self.nights / self.seconds * 60 if self.seconds else 0.0


@contextmanager
def simulation():
    """Give what seeds are played with: the tool's surroundings, and a disk."""
    with closing(Home()) as home, replaced() as around:
        yield around, home


def play(seeds, nights, simulated, *, at_most=inf):
    """Play seeds until one breaks a promise, or so many nights have passed."""
    played, began = Played(), monotonic()
    for seed in seeds:
        played.broken = play_seed(seed, nights, simulated, played)
        played.seeds += 1
        if played.broken is not None or played.nights >= at_most:
            break
    played.seconds = monotonic() - began
    return played


def play_seed(seed, nights, simulated, played):
    """Play one seed's nights; give the promise that it broke, if it did."""
    night = 0
    with closing(of_seed(seed, *simulated)) as universe:
        try:
            for _ in _nights(universe, nights):
                night += 1
        except BrokenPromise as promise:
            return Broken(seed, night + 1, nights, promise, tuple(universe.machine.trace))
        finally:
            played.nights += night
            played.counts.update(universe.counts)
            played.counts["told"] += universe.promises.told_by.total()
            for what, number in universe.promises.held.items():
                played.counts[f"held: {what}"] += number
            played.points.update(universe.machine.passed)
            played.fingerprints[seed] = universe.fingerprint
    return None


def _nights(universe, nights):
    left = nights
    while left > 0:
        for _ in range(min(left, STORM)):
            left -= 1
            yield stormy_night(universe)
        why = "no calm"
        for calm in calm_nights(universe):
            left -= 1
            yield calm
            why = unfinished(universe) or (f"runs end with {calm}" if any(calm) else None)
            if why is None:
                break
        else:
            require_converged(why)
