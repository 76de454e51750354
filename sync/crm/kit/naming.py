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


LAST = 21
"""The number of the last scenario."""
OF_CAPABILITY = {
    13: Capability.COMPARES_ON_SERVER,
    17: Capability.CLEARS_BY_CODE,
    18: Capability.READS_BACK,
    19: Capability.RESTORES,
}
"""Scenarios that only who has the capability can be put through, and then has to be."""
OF_THE_CRM = frozenset({6, 8, 10, 11, 15})
"""Scenarios that a CRM may make impossible in a way that can't be told from here."""

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
    may_be = not play.can_cause(key) if isinstance(key, Trouble) else number in OF_THE_CRM
    require(
        may_be or why_not is not None,
        f"this adapter can be put through scenario {number}: take {key!r} out of `not_proven`",
    )
    _tell(f"scenario {number} is not proven: {named[key]}", request)


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
