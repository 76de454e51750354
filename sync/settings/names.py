"""Finding misspelt setting names, so that a setting is never ignored in silence.

Contract: pure; names only, never a value. Hosts inject names of our prefixes into the environment
(Kubernetes: `VOUCHERIFY_SERVICE_HOST`, for a service of that name), so there an unknown name is a
warning unless it is near a real one. An env file is written by hand: there it is an error.
"""

from collections.abc import Collection, Iterator
from difflib import SequenceMatcher
from itertools import groupby, takewhile

_ALIKE = 0.85
_LETTERS_APART = 3
"""Letters that don't match, of both names together: a wrong letter makes two."""


def name_problems(
    env_file_names: Collection[str], environ_names: Collection[str], known: frozenset[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Judge the names that were set.

    Args:
        env_file_names: the names in the env file; one that is near a known name is an error
            whatever its prefix, because the prefix may be what is misspelt.
        environ_names: the names in the environment; only those with a prefix of `known` count.
        known: the names that exist.

    Returns:
        Errors and warnings, one line each.
    """
    prefixes = prefixes_of(known)
    errors, warnings = [], []
    for name in sorted(set(env_file_names) - known):
        near = nearest(name, known)
        if near is not None:
            errors.append(f"{name}: no such setting (env file); did you mean {near}?")
        elif name.upper().startswith(prefixes):
            errors.append(f"{name}: no such setting (env file)")
    for name in sorted(set(environ_names) - known - set(env_file_names)):
        if not name.upper().startswith(prefixes):
            continue
        near = nearest(name, known)
        if near is not None:
            errors.append(f"{name}: no such setting (environment); did you mean {near}?")
        else:
            warnings.append(f"{name}: no such setting; ignored, it comes from the environment")
    return tuple(errors), tuple(warnings)


def prefixes_of(known: frozenset[str]) -> tuple[str, ...]:
    """Give what the names begin with: `CRM_SQL_` for `CRM_SQL_URL`.

    Names that share their first word share one prefix: as many words as all of them have in common,
    but never a whole name.
    """
    return tuple(_prefixes(known))


def nearest(name: str, known: frozenset[str]) -> str | None:
    """Give the known name that `name` is most probably a slip of; None if it is like none."""
    alike, candidate = max(
        ((_alike(name.upper(), one.upper()), one) for one in sorted(known)), default=(0.0, "")
    )
    letters_apart = round((1 - alike) * (len(name) + len(candidate)))
    return candidate if alike >= _ALIKE and letters_apart <= _LETTERS_APART else None


def _alike(name: str, known: str) -> float:
    return SequenceMatcher(None, name, known, autojunk=False).ratio()


def _prefixes(known: frozenset[str]) -> Iterator[str]:
    several_words = sorted(name for name in known if "_" in name.strip("_"))
    for _, group in groupby(several_words, key=lambda name: name.partition("_")[0]):
        columns = zip(*(name.split("_")[:-1] for name in group), strict=False)
        shared = takewhile(lambda words: len(set(words)) == 1, columns)
        yield "".join(f"{words[0]}_" for words in shared)
