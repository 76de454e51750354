"""One simulated night: a day of life, then the tool's commands in that night's weather."""

from datetime import timedelta

from sync.model.window import Window
from tests.simulation.commands import Command
from tests.simulation.endings import check_command, look_before
from tests.simulation.fates import CLEAR, weather
from tests.simulation.invariants import check_night

HOURS = (0.2, 1, 6, 22, 24, 24, 26, 50)
MOST_CALM_NIGHTS = 12
TELLS_USER = 78
SILENCE = timedelta(days=7)


def stormy_night(universe):
    """Let a day pass, then run the tool in whatever weather comes."""
    dice = universe.dice
    _day(universe, dice.choice(HOURS), dice.randint(0, 7))
    universe.fate.begins(weather(dice, sorted(universe.machine.passed)))
    _limits(universe)
    commands, hooks = _commands(universe), webhooks(universe)
    rehearses = any(each.ended.kind == "rehearsal" for each in commands)
    if hooks and (rehearses or dice.random() < 0.5):
        plays(universe, hooks)
        hooks = []
    ended = [each for each in plays(universe, [*commands, *hooks]) if each.kind != "receive"]
    known = {each.split("-")[0] for each in universe.sight.destinations()}
    strangers = {each.destination for each in ended if each.code == TELLS_USER} - known
    for stranger in sorted(strangers):
        plays(universe, [_adoption(universe, stranger)])
    for _ in range(2):
        if not any(each.killed for each in ended) or dice.random() < 0.3:
            break
        ended = plays(universe, [_run(universe)])
    check_night(universe)


def calm_nights(universe):
    """Let faults stop and a person be at hand, until all is as it should be; yield per night."""
    universe.clock.is_put_right()
    limits = universe.server.limits
    limits.used_up_until, limits.key_refused, limits.holders = None, False, 200
    for _ in range(MOST_CALM_NIGHTS):
        universe.clock.passes(2.6 * 86_400)
        universe.fate.begins(CLEAR)
        universe.life.is_put_right()
        plays(universe, [Command(universe, "retry", universe.choices.destinations[0])])
        codes = []
        for destination in universe.choices.destinations:
            for ended in plays(universe, [Command(universe, "run", destination, allow=10_000)]):
                codes.append(ended.code)
                if ended.code == TELLS_USER:
                    plays(universe, [_adoption(universe, destination)])
        check_night(universe)
        yield codes


def webhooks(universe):
    """Give what receives the webhooks that wait, some of them twice; for a week none may come.

    Until a run has made the ledger there is nothing that receives.
    """
    dice, waiting = universe.dice, universe.world.hooks
    universe.world.hooks = []
    if dice.random() < 0.03:
        universe.silent_until = universe.clock.true + SILENCE
    is_silent = universe.clock.true < universe.silent_until
    if is_silent or not universe.choices.hooks or universe.sight.horizon() is None:
        return []
    sent = [each for each in waiting if dice.random() < 0.8]
    sent += [each for each in sent if dice.random() < 0.1]
    dice.shuffle(sent)
    destination = universe.choices.destinations[0]
    return [Command(universe, "receive", destination, hooks=sent)] if sent else []


def _day(universe, hours, steps):
    for _ in range(steps):
        universe.clock.passes(hours * 3_600 / (steps + 1))
        universe.life.goes_on()
    universe.clock.passes(hours * 3_600 / (steps + 1))


def _limits(universe):
    """Let the plan's cycle be used up for some nights, or the key be void for one, or for codes."""
    dice, limits = universe.dice, universe.server.limits
    chance = dice.random()
    limits.key_refused = chance < 0.04
    limits.holders = 403 if 0.04 <= chance < 0.14 else 500 if 0.14 <= chance < 0.20 else 200
    if dice.random() < 0.04:
        limits.used_up_until = universe.clock.true + timedelta(days=dice.randint(1, 3))


def _commands(universe):
    dice = universe.dice
    match dice.random():
        case chance if chance < 0.70:
            return [_run(universe)]
        case chance if chance < 0.80:
            return [_run(universe), _run(universe)]
        case chance if chance < 0.90:
            return [_run(universe), _backfill(universe)]
        case chance if chance < 0.94:
            return [_backfill(universe)]
        case chance if chance < 0.97:
            return [_forgetting(universe)]
        case _:
            kind = dice.choice(["retry", "discard", "rehearsal"])
            return [Command(universe, kind, dice.choice(universe.choices.destinations))]


def _run(universe):
    allow = universe.dice.choice([None, None, None, 30])
    return Command(
        universe, "run", universe.dice.choice(universe.choices.destinations), allow=allow
    )


def _backfill(universe):
    dice, today = universe.dice, universe.clock.true.replace(hour=0, minute=0, second=0)
    begin = today.replace(microsecond=0) - timedelta(days=dice.choice([4, 8, 15]))
    window = Window(begin, begin + timedelta(days=dice.choice([1, 3, 7])))
    return Command(universe, "backfill", dice.choice(universe.choices.destinations), window=window)


def _forgetting(universe):
    dice = universe.dice
    who = dice.choice(list(universe.world.customers.values()))
    destination = universe.choices.destinations[0]
    return Command(universe, "forget", destination, customer=who, allow=dice.choice([0, 1]))


def _adoption(universe, destination):
    since = universe.dice.choice([None, universe.sight.horizon()])
    return Command(universe, "adopt", destination, since=since)


def plays(universe, commands):
    """Let commands be at work, all at once, and hold each to its word."""
    before = look_before(universe, commands)
    universe.machine.stage.plays([(each.process, each) for each in commands])
    jobs = sum(each.ended.kind != "receive" for each in commands)
    for command in commands:
        universe.counts[f"{command.ended.kind} ended"] += 1
        if command.ended.code is not None:
            universe.counts[f"exit {command.ended.code}"] += 1
        if (report := command.ended.report) is not None and report.summary.parked_by:
            universe.counts[f"parked by {report.summary.parked_by}"] += 1
        check_command(universe, command.ended, before, alone=jobs <= 1)
        universe.world.hooks += command.to_be_sent_again()
        universe.acknowledged += command.ended.stored
    return [each.ended for each in commands]
