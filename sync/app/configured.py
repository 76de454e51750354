"""Settings that are whole, the CRM that they name, and what a run is called."""

import os
import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from sqlalchemy.engine import URL, make_url

from sync.crm.adapter import CrmAdapter
from sync.crm.registry import adapter_class
from sync.ledger.lock import Locks
from sync.ledger.opening import locks_of
from sync.ledger.place import place_of
from sync.ledger.runs import RunKind, RunStart
from sync.settings import Loaded, Settings


@dataclass(frozen=True)
class Configured:
    """Settings that are whole, and the CRM they name; nothing was connected to yet.

    `at_most` is a person's word for one run, in place of HOLDERSYNC_MAX_UNASSIGNMENTS.
    """

    loaded: Loaded
    adapter: CrmAdapter
    warnings: tuple[str, ...]
    at_most: int | None = None

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.loaded.settings

    @property
    def ledger_url(self) -> URL:
        """Where the ledger is; absolute."""
        return make_url(self.settings.ledger_url)

    @property
    def ledger_place(self) -> str:
        """The ledger's absolute path, or its server and database."""
        return place_of(self.ledger_url)

    @cached_property
    def locks(self) -> Locks:
        """The ledger's locks; one connection holds all of them where it is on a server."""
        lock_url = self.settings.lock_url
        return locks_of(self.ledger_url, make_url(lock_url) if lock_url else None)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be shown."""
        return self.loaded.secrets(type(self.adapter).setting_names)


def now() -> datetime:
    """Give the local time, UTC; everything below is handed this function."""
    return datetime.now(UTC)


def configure(loaded: Loaded) -> Configured:
    """Make the adapter that the settings name.

    Raises:
        TellUserError: something has to be changed first.
    """
    chosen = adapter_class(loaded.settings.crm)
    warnings = loaded.check_names(chosen.setting_names)
    return Configured(loaded, chosen.from_env(loaded.env), (*loaded.warnings, *warnings))


def new_start(configured: Configured, kind: RunKind) -> RunStart:
    """Name a run that begins now."""
    started_at = now()
    return RunStart(
        run_id=f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}",
        kind=kind,
        host=socket.gethostname(),
        pid=os.getpid(),
        destination=configured.adapter.destination,
        started_at=started_at,
    )
