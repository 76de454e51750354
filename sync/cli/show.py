"""Results as text for a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from sync.cli.changed import changed_json, changed_rows
from sync.cli.terminal import table
from sync.crm.adapter import Outcome, Unassignment
from sync.jobs.backfill import Plan
from sync.ledger.budget import Spent
from sync.ledger.letters import Letter
from sync.ledger.overview import Overview
from sync.ledger.runs import RunRecord
from sync.model.summary import Summary


def summary_text(summary: Summary) -> str:
    """Sum up a run in a few lines."""
    customers, events, calls = summary.customers, summary.events, summary.calls
    outcomes = [
        f"{count} {name.replace('_', ' ')}"
        for name, count in summary.as_json()["outcomes"].items()
        if count
    ]
    ended = f"{summary.result} by {summary.parked_by}" if summary.parked_by else summary.result
    rows = [
        (
            f"{customers.asked} asked of {customers.selected}, {customers.gone} gone, "
            f"{customers.failed} failed, {customers.left} left for the next run"
        ),
        f"{events.read} read, {events.new} new unassignments, {events.invalid} new dead letters",
        f"{', '.join(outcomes) or 'nothing to tell'}; {_known(summary.pending)} pending",
        f"{calls.made} made, {_known(calls.cycle_share_left)} of our share of the cycle left",
    ]
    names = ("customers", "events", "CRM", "calls")
    lines = [f"{summary.kind} {summary.run_id}: {ended}"]
    lines += [f"  {name:<10} {row}" for name, row in zip(names, rows, strict=True)]
    if summary.resume_after:
        lines.append(f"  go on after {instant_text(summary.resume_after)}")
    return "\n".join(lines)


def _known(number: int | None) -> str:
    return "an unknown number" if number is None else str(number)


def held_back_text(held_back: Mapping[str, int]) -> str:
    """Show what the brake stopped, by campaign."""
    return table(("campaign", "pending unassignments"), list(held_back.items()))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a dry run would have told the CRM, and the dead letters that it would have written."""

    told: tuple[tuple[Unassignment, Outcome], ...]
    letters: tuple[Letter, ...]


def rehearsal_text(rehearsal: Rehearsal) -> str:
    """Show what a dry run would have done."""
    rows: list[tuple[str, ...]] = [
        (
            each.code,
            each.campaign_name or "",
            each.role,
            each.customer_id,
            outcome.result.value,
            outcome.change.record_id if outcome.change else "",
            outcome.reason or "",
        )
        for each, outcome in rehearsal.told
    ]
    headers: tuple[str, ...] = (
        *("code", "campaign", "role", "customer"),
        *("CRM would answer", "record", "because"),
    )
    title = f"dry run, nothing was written: {len(rows)} unassignments would be told"
    if not any(row[-1] for row in rows):
        headers, rows = headers[:-1], [row[:-1] for row in rows]
    parts = [table(headers, rows, title, whole=("customer", "record")) if rows else title]
    changed = [
        (each.code, outcome.change.record_id, *row)
        for each, outcome in rehearsal.told
        if outcome.change
        for row in changed_rows(outcome.change)
    ]
    if changed:
        names = ("code", "record", "field", "before", "after")
        parts.append(table(names, changed, "what would change", whole=("record",)))
    if rehearsal.letters:
        parts.append(letters_text(rehearsal.letters))
    return "\n\n".join(parts)


def letters_text(letters: Sequence[Letter]) -> str:
    """Show what waits for a person."""
    if not letters:
        return "no dead letters"
    rows = [
        (
            letter.number,
            instant_text(letter.found_at),
            letter.kind,
            letter.event_id or letter.holder_id or "",
            letter.customer_id or "",
            letter.reason,
        )
        for letter in letters
    ]
    return table(("no.", "found", "about", "event or holder", "customer", "reason"), rows)


def instant_text(instant: datetime | None) -> str:
    """Write an instant to the second, UTC."""
    return f"{instant:%Y-%m-%d %H:%M:%S}Z" if instant else "never"


def rehearsal_json(rehearsal: Rehearsal) -> dict[str, object]:
    """Give what a dry run would have done; null is what the adapter can't tell."""
    told = [
        {
            "holder_id": each.holder_id,
            "customer_id": each.customer_id,
            "code": each.code,
            "campaign_id": each.campaign_id,
            "outcome": outcome.result.value,
            "reason": outcome.reason,
        }
        | changed_json(outcome.change)
        for each, outcome in rehearsal.told
    ]
    return {"told": told, "would_be_dead_letters": letters_json(rehearsal.letters)}


def plan_json(plan: Plan, spent: Spent) -> dict[str, object]:
    """Give what a backfill will cost."""
    return {
        "from": plan.window.start.isoformat(),
        "to": plan.window.end.isoformat() if plan.window.end else None,
        "customers": plan.customers,
        "calls_at_least": plan.calls,
        "seconds_at_least": round(plan.lasts.total_seconds()),
        "resumes": plan.resumes,
        "calls_left_today": spent.left_today,
        "calls_left_of_our_share": spent.left,
    }


def plan_text(plan: Plan, spent: Spent) -> str:
    """Say what a backfill will cost."""
    lines = [
        (
            f"{'goes on' if plan.resumes else 'begins'}: {instant_text(plan.window.start)} to "
            f"{instant_text(plan.window.end)}, {plan.customers} customers"
        ),
        (
            f"at least {plan.calls} calls (one more per further 100 events of a customer), "
            f"{timedelta(seconds=ceil(plan.lasts.total_seconds()))} h at our rate"
        ),
        f"left of our share: {spent.left_today} calls today, {spent.left} in this cycle",
    ]
    if plan.calls > spent.left_today:
        lines.append("that is more than today's share: it parks, and the same command goes on")
    return "\n".join(lines)


def letters_json(letters: Sequence[Letter]) -> list[dict[str, object]]:
    """Give what waits for a person; the event itself stays in the ledger."""
    return [
        {
            "number": letter.number,
            "kind": letter.kind,
            "reason": letter.reason,
            "customer_id": letter.customer_id,
            "event_id": letter.event_id,
            "holder_id": letter.holder_id,
            "code": letter.code,
            "destination": letter.destination,
            "found_at": letter.found_at.isoformat(),
        }
        for letter in letters
    ]


def status_json(
    where: str, figures: Overview, runs: Sequence[RunRecord], spent: Spent
) -> dict[str, object]:
    """Give what the ledger tells."""
    return {
        "ledger": where,
        "base_url": figures.base_url,
        "horizon": _json_instant(figures.horizon),
        "customers": {
            "known": figures.customers,
            "never_asked": figures.never_asked,
            "gone": figures.gone,
        },
        "read_since": _json_instant(figures.read_since),
        "unassignments": figures.unassignments,
        "deliveries": {name: dict(counts) for name, counts in figures.deliveries.items()},
        "dead_letters": figures.dead_letters,
        "calls": {
            "cycle_start": spent.cycle_start.isoformat(),
            "cycle_used_by_us": spent.used,
            "cycle_share_left": spent.left,
            "left_today": spent.left_today,
            "cycle_refused": spent.cycle_refused,
        },
        "runs": [
            {
                "run_id": run.start.run_id,
                "kind": run.start.kind,
                "started_at": _json_instant(run.start.started_at),
                "finished_at": _json_instant(run.finished_at),
                "exit_code": run.exit_code,
            }
            for run in runs
        ],
    }


def status_text(
    where: str, figures: Overview, runs: Sequence[RunRecord], spent: Spent, webhooks: str
) -> str:
    """Show what the ledger tells."""
    lines = [
        f"ledger        {where}",
        f"project       {figures.base_url or 'none yet'}",
        f"read from     {instant_text(figures.horizon)} on",
        (
            f"customers     {figures.customers} known, {figures.never_asked} never asked, "
            f"{figures.gone} gone"
        ),
        f"all asked     {_asked_since(figures)}",
        f"unassigned    {figures.unassignments} found",
    ]
    for destination, counts in figures.deliveries.items():
        told = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        lines.append(f"told          {destination}: {told}")
    lines.append(f"dead letters  {figures.dead_letters}")
    refused = "; Voucherify refused the cycle" if spent.cycle_refused else ""
    lines.append(
        f"calls         {spent.used} used since {spent.cycle_start}, {spent.left} left, "
        f"{spent.left_today} of them today{refused}"
    )
    lines.append(f"webhooks      {webhooks}")
    rows = [
        (
            run.start.run_id,
            run.start.kind,
            instant_text(run.start.started_at),
            instant_text(run.finished_at) if run.finished_at else "not finished",
            "" if run.exit_code is None else run.exit_code,
        )
        for run in runs
    ]
    return "\n".join([*lines, "", table(("run", "kind", "began", "ended", "exit"), rows)])


def _asked_since(figures: Overview) -> str:
    if figures.read_since is None:
        return "not yet"
    return f"since {instant_text(figures.read_since)}"


def _json_instant(instant: datetime | None) -> str | None:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z") if instant else None
