"""From the name in `HOLDERSYNC_CRM` to an adapter's class.

Three ways to name one: built in (`sql`), offered by an installed distribution under the entry point
group `holdersync.crm`, or written out as `module:Class`. Only the chosen one is imported. Whatever
is wrong with it is told before the first call, with the next step to take. An offer may end in the
extra that it needs, as in `acme_crm:Adapter [oauth]`; where that is missing, the command that
installs it is told.
"""

import difflib
import importlib
import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import cast

from sync.crm.adapter import API_VERSION, CrmAdapter
from sync.errors import TellUserError

GROUP = "holdersync.crm"
"""The entry point group in which a distribution offers its adapters."""

BUILT_IN: Mapping[str, str] = MappingProxyType(
    {
        "http": "sync.crm.http.adapter:HttpAdapter",
        "hubspot": "sync.crm.hubspot.adapter:HubSpotAdapter",
        "salesforce": "sync.crm.salesforce.adapter:SalesforceAdapter",
        "sql": "sync.crm.sql.adapter:SqlAdapter",
    }
)
"""The adapters that come with the tool: name -> what an entry point would say."""
OWN = "holdersync"
"""The name of this tool's own distribution."""

_PLACE = re.compile(r"(?P<module>[^\W\d][\w.]*):(?P<attribute>[^\W\d][\w.]*)")

# What the class itself must show. `destination` and `capabilities` are left out: an adapter may
# set them on the instance, and the class can't tell.
_MEMBERS = ("api_version", "setting_names", "from_env", "check", "unassign", "close")


def adapter_class(name: str) -> type[CrmAdapter]:
    """Find and import the adapter that `name` stands for.

    Args:
        name: the value of `HOLDERSYNC_CRM`: a name, or `module:Class`.

    Raises:
        TellUserError: nobody or more than one offers the name, the class can't be imported, or it
            doesn't keep the contract of this version.
    """
    offer = EntryPoint(name, name, GROUP) if _PLACE.fullmatch(name) else _offer_of(name)
    place = offer.value.partition("[")[0].strip()
    found = _imported(place, offer)
    _require_contract(found, place)
    return cast("type[CrmAdapter]", found)


def _offer_of(name: str) -> EntryPoint:
    """Say where the adapter of this name is, and who offers it."""
    offers = entry_points(group=GROUP)
    offered = [offer for offer in offers if offer.name == name]
    if len(offered) + (name in BUILT_IN) > 1:
        raise TellUserError(_ambiguous(name, offered))
    if offered:
        return offered[0]
    if name in BUILT_IN:
        return EntryPoint(name, BUILT_IN[name], GROUP)
    raise TellUserError(_unknown(name, sorted({*BUILT_IN, *(offer.name for offer in offers)})))


def _ambiguous(name: str, offered: list[EntryPoint]) -> str:
    """Name everybody who offers `name`: taking one of them would be a guess."""
    givers = sorted(offer.dist.name if offer.dist else offer.module for offer in offered)
    if name in BUILT_IN:
        givers.insert(0, "holdersync itself")
    return (
        f"HOLDERSYNC_CRM: more than one adapter is called {name!r}, offered by "
        f"{', '.join(givers)}. Uninstall the others, or name the class as module:Class."
    )


def _unknown(name: str, known: list[str]) -> str:
    """Tell what there is instead; the value is not repeated, a token may have slipped there."""
    nearest = difflib.get_close_matches(name.casefold(), known, n=1)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return (
        f"HOLDERSYNC_CRM names no adapter that is installed here.{hint} There is "
        f"{', '.join(known)}; an adapter of your own is named as module:Class."
    )


def _imported(place: str, offer: EntryPoint) -> object:
    """Import `module:Class`; a class inside a class is named with dots."""
    match = _PLACE.fullmatch(place)
    if match is None:
        msg = f"HOLDERSYNC_CRM: an adapter is offered as {place!r}, which is not module:Class."
        raise TellUserError(msg)
    found: object
    try:
        found = importlib.import_module(match["module"])
    except ImportError as error:
        raise TellUserError(_not_importable(match["module"], error, offer)) from error
    for attribute in match["attribute"].split("."):
        found = getattr(found, attribute, None)
    if not isinstance(found, type):
        msg = (
            f"HOLDERSYNC_CRM: the module {match['module']!r} has no class {match['attribute']!r}. "
            "Correct the name after the colon."
        )
        raise TellUserError(msg)
    return found


def _not_importable(module: str, error: ImportError, offer: EntryPoint) -> str:
    """Tell whether the adapter is missing, or something that it needs."""
    missing = error.name
    if not isinstance(error, ModuleNotFoundError) or missing is None:
        return (
            f"HOLDERSYNC_CRM: the module {module!r} and what it imports don't fit together. "
            "Install the versions that its package asks for."
        )
    if f"{module}.".startswith(f"{missing}."):
        return (
            f"HOLDERSYNC_CRM: there is no module {missing!r}. Install the package that it comes in "
            "beside this tool, or put its folder on PYTHONPATH."
        )
    return (
        f"HOLDERSYNC_CRM: the adapter's module {module!r} needs the module {missing!r}. "
        f"{_how_to_install(offer)}"
    )


def _how_to_install(offer: EntryPoint) -> str:
    """Give the command, if the offer says which extra it needs."""
    extras = ",".join(offer.extras)
    if not extras:
        return "Install the package that it comes in beside this tool."
    giver = offer.dist.name if offer.dist else OWN
    return f"Install it: pip install '{giver}[{extras}]'"


def _require_contract(found: object, place: str) -> None:
    """Refuse a class of another contract, or one that lacks a part of it."""
    version = getattr(found, "api_version", API_VERSION)
    if version != API_VERSION:
        msg = (
            f"HOLDERSYNC_CRM: {place} was written for version {version} of the adapter contract, "
            f"this tool speaks version {API_VERSION}. Update whichever is older."
        )
        raise TellUserError(msg)
    missing = [member for member in _MEMBERS if not hasattr(found, member)]
    if missing:
        msg = (
            f"HOLDERSYNC_CRM: {place} is not an adapter, it lacks {', '.join(missing)}. "
            "The contract is sync.crm.adapter.CrmAdapter."
        )
        raise TellUserError(msg)
