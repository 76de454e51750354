"""How long one call may take, and how long to wait before the next attempt."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one call may take: `connect` and `read` in seconds, `answer` for the whole body.

    `attempts` and `total` bound all tries together. `total` is in seconds and counts what is lost
    to faults: failed tries and the waiting between two of them. Waiting until a try is allowed is
    bounded by whoever allows it, for each try. `first_delay` and `longest_delay` bound the waiting
    between two tries. `largest_body` is in bytes.
    """

    connect: float = 5.0
    read: float = 30.0
    answer: float = 60.0
    attempts: int = 5
    total: float = 120.0
    first_delay: float = 0.5
    longest_delay: float = 20.0
    largest_body: int = 16 * 1024 * 1024


def delay_before(attempt: int, asked: float | None, patience: Patience, jitter: float) -> float:
    """Decide the seconds to wait before the next attempt.

    Args:
        attempt: how many were made, from 1.
        asked: the seconds that the server asked for; they win, and get jitter on top only.
        patience: first and longest delay.
        jitter: a number from 0 to 1, so that many clients don't come back at one instant.
    """
    if asked is not None:
        return asked + jitter * min(1.0, asked)
    ceiling = min(patience.longest_delay, patience.first_delay * 2.0 ** (attempt - 1))
    return ceiling * (0.5 + jitter / 2)
