"""`plan`: what a schedule costs, and what it is worth."""

from datetime import timedelta
from typing import Annotated

import typer

from sync import app
from sync.cli.customers import source_of
from sync.cli.shell import AsJson, Customers, EnvFile, Shell
from sync.cli.terminal import say, say_json, table
from sync.errors import TellUserError
from sync.jobs.forecast import Counted, Forecast, Schedule, asked, forecast
from sync.jobs.planning import calls_a_day, is_beside
from sync.jobs.sources import CustomerSource
from sync.ledger.budget import Spent
from sync.model.planning import DAY
from sync.operate.stopping import stopping_on_signals
from sync.settings import Settings
from sync.settings.values import parse_duration

PURPOSES = {
    "lists": "going on with the lists",
    "named": "customers of a file",
    "codes": "looks at codes",
    "vanished": "reading whoever vanished",
    "holding": "customers who hold something",
    "sweep": "all other customers",
}


def plan_command(
    *,
    interval: Annotated[
        str, typer.Option(metavar="DURATION", help="Between two runs: 15m, 1h, 1d.")
    ] = "1h",
    customers: Customers = None,
    as_json: AsJson = False,
    env_file: EnvFile = None,
) -> None:
    """Say what a schedule will cost and how late it will be; two calls at most, nothing written."""
    every = _interval(interval)
    shell = Shell()

    def command() -> int:
        with stopping_on_signals(shell.stop), shell.configured(env_file) as ready:
            settings = ready.settings
            named = settings.customers if customers is None else customers
            key = settings.app_token.get_secret_value()
            with (
                source_of(named, settings.home, key) as source,
                app.on_a_copy(ready) as ground,
                app.voucherify(ready, ground.counted_on, shell.stop) as project,
            ):
                found = asked(ground.ledger, source, project.lister, project.codes, app.now())
                spent = project.meter.spent()
        schedule = _schedule(settings, source, found, spent, every)
        told = forecast(found.of, schedule)
        left = calls_a_day(spent, settings.share, app.now())
        if as_json:
            say_json(_json(source, found, told, schedule, left))
        else:
            say(_text(source, found, told, schedule, left))
        if not told.fits:
            raise TellUserError(_refusal(told, every))
        return 0

    shell.leave_after(command)


def _interval(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        msg = f"--interval: {error}"
        raise typer.BadParameter(msg) from error


def _schedule(
    settings: Settings,
    source: CustomerSource,
    found: Counted,
    spent: Spent,
    every: timedelta,
) -> Schedule:
    # A schedule is for many cycles: what this one has left may be a lot for its last days.
    begun, ends = settings.share.cycle_of(spent.cycle_start)
    days = (ends - begun).days
    return Schedule(
        interval=every,
        calls_a_day=settings.calls_per_cycle / days,
        cycle_days=days,
        longest=settings.max_staleness,
        lists=source.lists + source.lists_codes,
        named=found.named,
        beside=is_beside(source),
    )


def _json(
    source: CustomerSource, found: Counted, told: Forecast, schedule: Schedule, left: float
) -> dict[str, object]:
    a_cycle = {name: round(calls * schedule.cycle_days) for name, calls in told.calls.items()}
    return {
        "customers": source.label,
        "interval_seconds": schedule.interval.total_seconds(),
        "candidates": {
            "codes": found.of.codes,
            "holding": found.of.holding,
            "others": found.of.others,
            "named": found.named,
            "crm_is_known": found.crm_is_known,
        },
        "calls_a_day": {name: round(calls, 1) for name, calls in told.calls.items()},
        "calls_a_cycle": a_cycle,
        "calls_a_day_allowed": round(told.calls_a_day, 1),
        "calls_a_day_left_of_this_cycle": round(left, 1),
        "share_of_what_is_allowed": round(told.spent_a_day / told.calls_a_day, 3),
        "delay_seconds": {"mean": told.mean, "least": told.least, "worst": told.worst},
        "sweep_seconds": told.sweep,
        "max_staleness_is_kept": told.kept,
        "calls_a_cycle_needed": told.needed,
        "shortest_interval_seconds": told.shortest.total_seconds() if told.shortest else None,
        "fits": told.fits,
    }


def _text(
    source: CustomerSource,
    found: Counted,
    told: Forecast,
    schedule: Schedule,
    left: float,
) -> str:
    runs = DAY / schedule.interval.total_seconds()
    days = schedule.cycle_days
    of = found.of
    rows = [
        (PURPOSES[name], f"{calls / runs:.1f}", f"{calls:.0f}", f"{calls * days:.0f}")
        for name, calls in told.calls.items()
        if calls
    ]
    spent = told.spent_a_day
    total = ("all", f"{spent / runs:.1f}", f"{spent:.0f}", f"{spent * days:.0f}")
    unlisted = ", and whom the CRM believes to hold something, once a run has listed it"
    others = f"{of.others} others, {found.named} of a file"
    lines = [
        (
            f"candidates    {source.label}: {of.codes} codes, {of.holding} customers who hold "
            f"something, {others}{'' if found.crm_is_known else unlisted}"
        ),
        (
            f"calls         {told.calls_a_day:.0f} a day are our share, of which this takes "
            f"{spent / told.calls_a_day:.0%}; of this cycle's, {left:.0f} a day are left"
        ),
        "",
        table(("calls for", "a run", "a day", "a cycle"), [*rows, total]),
        "",
        *_delays(told, schedule),
    ]
    return "\n".join(lines)


def _delays(told: Forecast, schedule: Schedule) -> list[str]:
    lines = []
    if told.mean is not None and told.least is not None and told.worst is not None:
        lines.append(
            f"delay         {_span(told.mean)} on average, {_span(told.worst)} at worst, of what "
            f"was seen to be held (no plan gets below {_span(told.least)})"
        )
    if told.sweep is not None:
        lines.append(
            f"everybody     is read once in {_span(told.sweep)}, whoever was never seen too"
        )
    if not told.kept:
        longest = _span(schedule.longest.total_seconds())
        takes = (
            "a run at least as often"
            if told.payable
            else f"VOUCHERIFY_CALLS_PER_CYCLE={told.needed}, or a longer one"
        )
        lines.append(f"not kept      HOLDERSYNC_MAX_STALENESS of {longest}: it takes {takes}")
    return lines


def _refusal(told: Forecast, every: timedelta) -> str:
    if told.shortest is None:
        return (
            "no interval fits: what is expected to vanish takes more calls than are left; raise "
            "VOUCHERIFY_CALLS_PER_CYCLE"
        )
    return (
        f"a run every {_span(every.total_seconds())} spends more than the share; the shortest "
        f"interval that fits is {_span(told.shortest.total_seconds())}"
    )


def _span(seconds: float) -> str:
    """Write a duration with two digits at least, in the unit that fits."""
    for unit, length in (("d", DAY), ("h", 3_600.0), ("min", 60.0)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"
