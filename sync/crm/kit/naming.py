"""Which scenario is not run, why, and whether that may be so.

What is named in `not_proven` is an expected failure of pytest's, which is counted and not green,
with its reason among the warnings. A skip would say that it was of no interest, and a plugin of our
own would have to be loaded where tests are only counted, not run.
"""

import warnings

import pytest

from sync.crm.adapter import Capability
from sync.crm.kit.given import DOWN, ONE_ITEM, Shape, Trouble
from sync.crm.kit.hooks import Hooks
from sync.crm.kit.play import Play, require


class NotProvenWarning(UserWarning):
    """A scenario that an adapter was not put through."""


LAST = 22
"""The number of the last scenario."""
OF_CAPABILITY = {
    13: Capability.COMPARES_ON_SERVER,
    17: Capability.CLEARS_BY_CODE,
    18: Capability.READS_BACK,
    19: Capability.RESTORES,
    22: Capability.LISTS_ASSIGNED,
}
"""Scenarios that only who has the capability can be put through, and then has to be."""
SEVERAL_MATCH = 6
LARGE_BATCH = 15

TROUBLES: dict[int, tuple[Trouble, ...]] = {
    8: ONE_ITEM,
    10: (*DOWN, Trouble.KEY_REFUSED, Trouble.WRITE_REFUSED),
    11: (Trouble.ANSWER_LOST,),
}
"""Scenarios that are told once for each of these."""
RACE = 13


def kinds_of(number: int, shape: Shape) -> tuple[Trouble | None, ...]:
    """Say with which troubles a scenario is told; None is none."""
    if number == RACE:
        # Of records, a newer assignment is another one, which nobody can overtake.
        return (None, Trouble.OVERTAKEN) if shape == "slots" else (None,)
    return TROUBLES[number]


def require_fair(hooks: type[Hooks], scenarios: type[Hooks]) -> None:
    """Refuse a test class that bends the scenarios, or names what there is not.

    Raises:
        TypeError: tells what it bends.
    """
    for name in dir(scenarios):
        if name.startswith("test_") and getattr(hooks, name) is not getattr(scenarios, name):
            msg = f"{hooks.__name__}.{name} hides a scenario of the contract: use `not_proven`"
            raise TypeError(msg)
    for key in hooks.not_proven:
        if not isinstance(key, Trouble) and key not in range(1, LAST + 1):
            msg = f"{hooks.__name__}.not_proven names {key!r}, which is no scenario and no Trouble"
            raise TypeError(msg)


def go_or_tell(
    play: Play, number: int, kind: Trouble | None, request: pytest.FixtureRequest
) -> None:
    """Let a scenario run, or end it here as one that is named as not proven.

    Raises:
        AssertionError: it is named and could run, or can't run and isn't named.
    """
    named = play.hooks.not_proven
    why_not = _missing(play.hooks, play.capabilities).get(number)
    key: int | Trouble | None = number if number in named else kind
    if key is None or key not in named:
        require(
            why_not is None,
            f"{why_not}: say in `not_proven` why scenario {number} is not for this adapter",
        )
        return
    require(named[key].strip(), f"`not_proven[{key!r}]` must say why")
    require(
        why_not is not None or not _is_possible(play, number, kind),
        f"this adapter can be put through scenario {number}: take {key!r} out of `not_proven`",
    )
    of_kind = f", {kind}," if kind else ""
    _tell(f"scenario {number}{of_kind} is not proven: {named[key]}", request)


def _is_possible(play: Play, number: int, kind: Trouble | None) -> bool:
    """Tell whether it is, as far as that can be told."""
    if kind is not None:
        return play.can_cause(kind)
    if number == LARGE_BATCH:
        return play.hooks.batch_limit is not None
    return number != SEVERAL_MATCH


def _missing(hooks: Hooks, capabilities: frozenset[Capability]) -> dict[int, str]:
    missing = {
        number: f"the adapter doesn't declare {capability.name}"
        for number, capability in OF_CAPABILITY.items()
        if capability not in capabilities
    }
    if type(hooks).misconfigured is Hooks.misconfigured:
        missing[12] = "`misconfigured` is not given"
    if not hooks.secrets:
        missing[14] = "`secrets` is empty"
    if hooks.separator is None:
        missing[16] = "`separator` is None"
    return missing


def _tell(text: str, request: pytest.FixtureRequest) -> None:
    warning = NotProvenWarning(text)
    message = warnings.WarningMessage(warning, NotProvenWarning, str(request.path), lineno=0)
    # Not raised, since a filter may make an error of every warning; workers of xdist pass it on.
    request.config.hook.pytest_warning_recorded.call_historic(
        kwargs={
            "warning_message": message,
            "nodeid": request.node.nodeid,
            "when": "runtest",
            "location": None,
        }
    )
    pytest.xfail(text)
