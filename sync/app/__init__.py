"""Settings to objects: the only place where concrete classes meet."""

from sync.app.configured import Configured, configure, new_start, now
from sync.app.ground import (
    Ground,
    for_real,
    look_at_ledger,
    on_a_copy,
    open_ledger,
    rebind_ledger,
    upgrade_ledger,
)
from sync.app.wiring import Voucherify, assembled, voucherify

__all__ = [
    "Configured",
    "Ground",
    "Voucherify",
    "assembled",
    "configure",
    "for_real",
    "look_at_ledger",
    "new_start",
    "now",
    "on_a_copy",
    "open_ledger",
    "rebind_ledger",
    "upgrade_ledger",
    "voucherify",
]
