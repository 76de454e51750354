"""Seeded choices and ids: the same seed always gives the same world.

Contract: nothing here reads a clock or any other source of chance. Instants are rounded to
milliseconds. Ids have the lengths of the vendor's examples; those of holders and events carry
their time in front, as measured on the vendor's own (they sort by time, roughly).
"""

import random
import string
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

Chosen = TypeVar("Chosen")

_ALPHABET = string.ascii_letters + string.digits
_ID_EPOCH = datetime(2016, 5, 4, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Dice:
    """A stream of choices that depends on its seed alone. Not safe for two threads at once."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 - a repeatable world, not a secret

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return self._random.randint(low, high)

    def chance(self, share: float) -> bool:
        """True in about `share` (0 to 1) of the calls."""
        return self._random.random() < share

    def one_of(self, things: Sequence[Chosen]) -> Chosen:
        """One of `things`, which must not be empty."""
        return self._random.choice(things)

    def shuffled(self, things: Sequence[Chosen]) -> list[Chosen]:
        """All of `things` in another order."""
        return self._random.sample(things, len(things))

    def moment(self, start: datetime, end: datetime) -> datetime:
        """An instant from `start` to `end`, both included; `start` if `end` is earlier."""
        span = max(0, (end - start) // _MILLISECOND)
        return start + self._random.randint(0, span) * _MILLISECOND

    def letters(self, length: int) -> str:
        """Letters and digits, as in `cust_` and `v_` ids."""
        return "".join(self._random.choices(_ALPHABET, k=length))

    def long_id(self, prefix: str, length: int = 24) -> str:
        """An id such as `cust_` + 24 characters."""
        return f"{prefix}_{self.letters(length)}"

    def timed_id(self, prefix: str, at: datetime) -> str:
        """An id such as `evcus_` + 18 hexadecimal digits, the first of which tell the time."""
        milliseconds = (at - _ID_EPOCH) // _MILLISECOND + self.whole(7, 33)
        return f"{prefix}_{(milliseconds << 30) + self._random.getrandbits(30):018x}"

    def short_id(self, prefix: str) -> str:
        """An id with 18 hexadecimal digits that tell nothing, such as `cat_…`."""
        return f"{prefix}_{self._random.getrandbits(72):018x}"

    def request_id(self) -> str:
        """The id of one call as error bodies and `group_id` show it: `v-` + 18 digits."""
        return f"v-{self._random.getrandbits(72):018x}"

    def uuid(self) -> str:
        """A random UUID, the form of an application's id and token."""
        return str(UUID(int=self._random.getrandbits(128), version=4))


def to_milliseconds(at: datetime) -> datetime:
    """`at` in UTC without the part below a millisecond."""
    at = at.astimezone(UTC)
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def stamp(at: datetime) -> str:
    """`at` as Voucherify prints it, such as `2024-07-29T09:21:20.221Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def odd_stamp(at: datetime) -> str:
    """`at` in one of the forms that lists of holders show, always the same one for one instant."""
    plain = at.astimezone(UTC).isoformat(timespec="microseconds")
    match at.second % 3:
        case 0:
            return stamp(at)
        case 1:
            return plain
        case _:
            seconds, fraction = plain.removesuffix("+00:00").split(".")
            return f"{seconds}.{fraction.rstrip('0').ljust(2, '0')}+00:00"


def instant_of(text: object) -> datetime | None:
    """The instant that an RFC 3339 text states, in UTC; None if it states none."""
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None
