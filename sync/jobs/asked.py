"""Asks an adapter: the one place where strangers' code runs, so nothing of it is taken on trust."""

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from sync.errors import AbortError, HoldersyncError

Answer = TypeVar("Answer")


def asked(
    destination: str,
    call: Callable[[], Sequence[Answer]],
    kind: type[Answer],
    number: int | None,
    *,
    executor: Executor | None,
    then: str,
) -> tuple[Answer, ...]:
    """Make a call to an adapter that gives one answer of a kind for each of so many questions.

    Args:
        destination: of the adapter.
        call: asks it.
        kind: of each answer.
        number: of the questions; None where any number of answers will do.
        executor: makes the call; None makes it here.
        then: told of a failure: what it means for what was asked.

    Raises:
        AbortError: it failed in a way that the contract does not name, or gave something else.
        HoldersyncError: what the contract names.
    """

    def ask() -> tuple[Answer, ...]:
        return tuple(call())

    try:
        answers = executor.submit(ask).result() if executor else ask()
    except HoldersyncError:
        raise
    except (Exception, SystemExit) as error:
        raise AbortError(failed_inside(destination, error, then)) from error
    is_whole = number is None or len(answers) == number
    if not (is_whole and all(isinstance(each, kind) for each in answers)):
        what = "" if number is None else f" for each of {number}"
        msg = f"the adapter of {destination} did not give one {kind.__name__}{what}; {then}"
        raise AbortError(msg)
    return answers


def failed_inside(destination: str, error: BaseException, then: str) -> str:
    """Say where an adapter failed; not with which words, they may hold anything."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    return (
        f"the adapter of {destination} failed with {type(error).__name__}{where}; that is for its "
        f"author, and {then}"
    )
