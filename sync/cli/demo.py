"""The whole job on invented data, told so that a newcomer understands it at once."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp

from sync import app
from sync.cli.progress import QuietWatch
from sync.cli.show import instant_text
from sync.cli.terminal import say, table
from sync.crm.sql.believed import Believed, put_in, read_back
from sync.errors import TellUserError
from sync.jobs.run import run
from sync.jobs.sources import CustomerSource
from sync.jobs.tally import Report
from sync.ledger.letters import Letter, open_letters
from sync.operate.stopping import Stop, stopping_on_signals
from sync.playground import Playground
from sync.playground.values import CrmRow
from sync.settings import load

CUSTOMERS = 200
SHOWN = 10


def show_demo(folder: Path | None) -> int:
    """Play it once and leave the two databases behind; everything that was started is stopped."""
    home = _fresh(folder)
    crm = home / "crm.db"
    with Playground(customers=CUSTOMERS, seed=1) as playground:
        put_in(crm, map(believed, playground.world.crm_today))
        before = read_back(crm)
        say(
            f"A shop with {CUSTOMERS} customers. Its CRM believes that {len(before)} vouchers are "
            "held.\nVoucherify knows better, but tells it only in each customer's activity.\n"
        )
        ready = app.configure(load(None, environ=_environment(playground, home)))
        with closing(ready.adapter):
            first, letters = _one_run(ready)
            say(_changes_text(before, read_back(crm)))
            say(_letters_text(letters))
            again, _ = _one_run(ready)
    say(_end_text(first, again, home))
    return 0


def _fresh(folder: Path | None) -> Path:
    if folder is None:
        return Path(mkdtemp(prefix="holdersync-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    taken = [name for name in ("crm.db", "ledger.db") if (folder / name).exists()]
    if taken:
        msg = f"{folder} holds {' and '.join(taken)} already: give another --folder"
        raise TellUserError(msg)
    return folder.resolve()


def _environment(playground: Playground, home: Path) -> Mapping[str, str]:
    return {
        "HOLDERSYNC_HOME": str(home),
        "VOUCHERIFY_BASE_URL": playground.base_url,
        "VOUCHERIFY_APP_ID": playground.app_id,
        "VOUCHERIFY_APP_TOKEN": playground.app_token,
        "VOUCHERIFY_RATE": "1000/s",
        "VOUCHERIFY_CALLS_PER_CYCLE": "1000000",
        "HOLDERSYNC_CRM": "sql",
        "CRM_SQL_URL": "sqlite:///crm.db",
    }


def believed(row: CrmRow) -> Believed:
    """Give a row of the playground's world as the embedded table keeps it: still assigned."""
    return Believed(
        holder_id=row.holder_id,
        customer_id=row.customer_id,
        source_id=row.source_id,
        voucher_id=row.voucher_id,
        voucher_code=row.code,
        campaign_id=row.campaign_id,
        campaign_name=row.campaign_name,
        assigned_at=row.assigned_at,
    )


def _one_run(ready: app.Configured) -> tuple[Report, Sequence[Letter]]:
    stop = Stop()
    start = app.new_start(ready, "run")
    with (
        app.for_real(ready, "run") as ground,
        stopping_on_signals(stop),
        app.assembled(ready, ground, start, stop, QuietWatch(stop)) as parts,
    ):
        report = run(parts, CustomerSource("all", lists=True))
        return report, open_letters(parts.ledger)


def _changes_text(before: Mapping[str, Believed], after: Mapping[str, Believed]) -> str:
    changed = [row for row in after.values() if row != before.get(row.holder_id)]
    changed.sort(key=lambda row: instant_text(row.unassigned_at), reverse=True)
    rows = [
        (
            row.voucher_code,
            row.campaign_name,
            row.customer_id,
            before[row.holder_id].status if row.holder_id in before else "(never seen)",
            row.status,
            instant_text(row.unassigned_at),
        )
        for row in changed[:SHOWN]
    ]
    headers = ("code", "campaign", "customer", "before", "now", "unassigned at")
    title = f"What changed in the CRM: {len(changed)} of {len(after)} rows, the newest {len(rows)}"
    return table(headers, rows, title) + "\n"


def _letters_text(letters: Sequence[Letter]) -> str:
    rows = [(letter.number, letter.event_id or "(no id)", letter.reason) for letter in letters]
    title = f"What it would not guess: {len(rows)} dead letters, for a person to look at"
    return table(("no.", "event", "reason"), rows, title) + "\n"


def _end_text(first: Report, again: Report, home: Path) -> str:
    one, two = first.summary, again.summary
    return (
        f"The run made {one.calls.made} calls, read {one.events.read} events and found "
        f"{one.events.new} unassignments.\nRun again: {two.events.new} new, and nothing in the "
        f"CRM changed.\n\nThe CRM    {home / 'crm.db'}   (table voucher_assignments)\n"
        f"The ledger {home / 'ledger.db'}   (tables unassignments, deliveries, dead_letters)\n"
        "Both are SQLite files: the sqlite3 shell or any SQLite browser opens them."
    )
