"""Reads a mapping, once, at the start; what is wrong with it is told by the place in the file."""

import tomllib
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sync.crm.adapter import TellUserError
from sync.crm.mapped.mapping import Mapped, RecordMapping, SlotMapping

MOST_TOLD = 20
"""Lines about what is wrong with one file."""
PLAINLY = {
    "extra_forbidden": "is no key of a mapping",
    "missing": "is missing",
    "tuple_type": "is no list: write it in [ ], or a slot under [[slot]]",
    "model_type": "is no table",
    "dict_type": "is no table",
    "string_type": "is no text: write it in quotes",
}
"""What is said of a kind of mistake, in words of TOML."""


def read_mapping(path: Path, setting: str, *, of_a_table: bool = False) -> Mapped:
    """Read a mapping; `setting` is the name of the setting that leads to it.

    `of_a_table` allows what only a database has: `key`, and `delete`.

    Raises:
        TellUserError: it can't be read, is no TOML, or says what can't be; names the place.
    """
    try:
        with path.open("rb") as file:
            written = tomllib.load(file)
    except OSError as error:
        msg = f"{setting}: the mapping {path} can't be read ({error.strerror}): name another file"
        raise TellUserError(msg) from None
    except RecursionError:
        msg = f"{setting}: the mapping {path} is nested too deeply: name another file"
        raise TellUserError(msg) from None
    except ValueError as error:
        where = str(error) if isinstance(error, tomllib.TOMLDecodeError) else "not UTF-8"
        msg = f"{setting}: the mapping {path} is no TOML ({where})"
        raise TellUserError(msg) from None
    shape: type[Mapped] = RecordMapping if "record" in written else SlotMapping
    try:
        mapping = shape.model_validate(written)
    except ValidationError as error:
        told = _worth_telling(error.errors())
        lines = "".join(f"\n  {_place(each)}: {_what(each)}" for each in told[:MOST_TOLD])
        msg = f"{setting}: the mapping {path} has to be changed:{lines}"
        raise TellUserError(msg) from None
    if not of_a_table and (mapping.key or mapping.fields() == ()):
        msg = f"{setting}: the mapping {path} has to be changed: key and delete are for a database"
        raise TellUserError(msg)
    return mapping


def _worth_telling(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Leave out lists that are too short only without their part that is wrong."""
    places = [each["loc"] for each in errors]

    def is_echo(each: ErrorDetails) -> bool:
        depth = len(each["loc"])
        parts = (place for place in places if len(place) > depth)
        return each["type"] == "too_short" and any(part[:depth] == each["loc"] for part in parts)

    return [each for each in errors if not is_echo(each)]


def _place(error: ErrorDetails) -> str:
    parts = [f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in error["loc"]]
    return "".join(parts).removeprefix(".") or "the file"


def _what(error: ErrorDetails) -> str:
    if plain := PLAINLY.get(error["type"]):
        return plain
    return error["msg"].removeprefix("Value error, ")
