"""Play seeds by hand: `python -m tests.simulation --seed 123 --nights 40`."""

import argparse
import sys

from tests.simulation.campaign import play, simulation


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1, help="how many, one after the other")
    parser.add_argument("--nights", type=int, default=40, help="nights of each seed")
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.seeds)
    with simulation() as simulated:
        played = play(seeds, options.nights, simulated)
    lines = [f"{played.seeds} seeds, {played.nights} nights, {played.per_minute:.0f} a minute"]
    lines += [f"  {count:7d} {name}" for name, count in sorted(played.counts.items())]
    lines += [f"  seed {seed} is {number:08x}" for seed, number in played.fingerprints.items()]
    lines += [str(played.broken)] if played.broken else []
    sys.stdout.write("\n".join([*lines, ""]))
    sys.exit(1 if played.broken else 0)


if __name__ == "__main__":
    main()
