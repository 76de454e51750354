"""The campaign: which point is killed in which shop, in which order, and what that came to."""

import json
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from tests.crashes.rules import after_a_kill, after_the_end
from tests.crashes.scenes import QUIET, RUN, SCENES
from tests.crashes.works import FIRST, works_on

AT_ONCE = (3, 6)
"""So many kills in a row, at the least and at most, before a run may come to its end."""
TRIES = 3
SCENES_OF_A_SHOP = 9
LONGEST = 1.1
"""When a command is killed at a random moment, as a part of the time that a whole one takes."""
MOMENT = "a random moment"


@dataclass(frozen=True)
class Target:
    """One kill: at the n-th passage of a point, or after a part of the usual time."""

    point: str
    n: int = 1
    part: float | None = None

    def order(self, usual):
        """Say so to a merchant; `usual` is the time of a whole command, in seconds."""
        if self.part is not None:
            return {"after": self.part * usual}
        return {"point": self.point, "n": self.n}


@dataclass(frozen=True)
class Act:
    """One scene with the kills in it."""

    scene: str
    targets: tuple[Target, ...]


@dataclass
class Tally:
    """What a campaign came to."""

    kills: Counter = field(default_factory=Counter)
    passages: Counter = field(default_factory=Counter)
    events: int = 0
    mirrored: int = 0
    letters: int = 0
    calls: int = 0
    lost: int = 0
    shops: int = 0

    def table(self):
        lines = [f"{'point':54} kills  passages"]
        lines += [
            f"{point:54} {self.kills[point]:5} {self.passages[point]:9}"
            for point in sorted({*self.kills, *self.passages}, key=lambda one: one.split(" ", 1)[1])
        ]
        named = sum(count for point, count in self.kills.items() if point != MOMENT)
        lines.append(
            f"{self.shops} shops, {named} kills at {len(set(self.kills) - {MOMENT})} points, "
            f"{self.kills[MOMENT]} at random moments; {self.events} events listed, {self.mirrored} "
            f"unassignments mirrored, {self.letters} dead letters, {self.calls} calls made and "
            f"{self.lost} more counted"
        )
        return "\n".join(lines)


def lives(seed, kind, *, rounds, moments, every=1):
    """Give each shop's acts: in each round every n-th point once, and as many random moments."""
    random = Random(f"campaign {seed} {kind}")
    shops = []
    for _ in range(rounds):
        acts = _acts(random, kind, moments, every)
        first = [_first(random, kind)]
        last = [act for act in acts if act.scene == "doubted"]
        middle = [act for act in acts if act.scene != "doubted"]
        while middle:
            chosen, middle = middle[:SCENES_OF_A_SHOP], middle[SCENES_OF_A_SHOP:]
            shops.append((*first, *chosen, *last[:1]))
            first, last = [Act("first", (_moment(random),))], last[1:]
        shops += [(*first, act) for act in last]
    return shops


def _first(random, kind):
    """An empty ledger is met once, so its points are taken in the order in which they come."""
    works = [work for work in FIRST if work.only in {None, kind}]
    return Act(
        "first",
        tuple(
            Target(point, random.randint(1, work.most)) for work in works for point in work.points
        ),
    )


def _acts(random, kind, moments, every):
    works = [work for work in works_on(kind) if work.scene != "first"]
    passed = [(work, point) for work in works for point in work.points]
    by_scene = {}
    for work, point in passed[random.randrange(every) :: every]:
        target = Target(point, random.randint(1, work.most))
        by_scene.setdefault(work.scene, []).append(target)
    for _ in range(moments):
        scene = random.choice(("news", "busy", "backfill"))
        by_scene.setdefault(scene, []).append(_moment(random))
    by_scene["rehearsal"] = [_moment(random) for _ in range(max(2, moments // 5))]
    acts = []
    for scene, targets in by_scene.items():
        random.shuffle(targets)
        while targets:
            count = 1 if SCENES[scene].needs_all else random.randint(*AT_ONCE)
            acts.append(Act(scene, tuple(targets[:count])))
            del targets[:count]
    random.shuffle(acts)
    return acts


def _moment(random):
    return Target(MOMENT, part=random.uniform(0, LONGEST))


class Life:
    """One shop from an empty ledger to its end; raises AssertionError when a rule is broken."""

    def __init__(self, merchant, news, tally):
        self._merchant = merchant
        self._news = news
        self._tally = tally
        self._usual = 0.1

    def live(self, acts):
        for act in acts:
            self._play(act)
        self._count(self._merchant.look())
        self._rest_is_quiet()

    def _play(self, act):
        scene = SCENES[act.scene](self._merchant, self._news)
        scene.prepare()
        for target in act.targets:
            self._kill(scene, target)
        self._rest(scene)

    def _kill(self, scene, target):
        """Kill the scene's command at a point; where it came to its end instead, bring news."""
        for _ in range(TRIES):
            ended = self._merchant.do(scene.command, **target.order(self._usual))
            self._tell(scene, ended)
            if ended.is_killed:
                assert target.part is not None or ended.at == target.point, f"at {ended.at}"
                self._tally.kills[target.point] += 1
            else:
                assert ended.code in QUIET, f"ended with {ended.code}: {ended.err}{ended.out}"
            if ended.is_killed or target.part is not None:
                scene.between()
                self._require(after_a_kill)
                return
            self._rest(scene)
            scene.prepare()
            target = Target(target.point)
        msg = f"{target.point} was not reached in {TRIES} runs"
        raise AssertionError(msg)

    def _rest(self, scene):
        scene.between()
        self._merchant.sees_who_is_half_read()
        ended = scene.rest()
        self._usual = ended.took
        self._tell(scene, ended)
        self._require(after_the_end)

    def _tell(self, scene, ended):
        if scene.is_counted:
            self._tally.passages.update(ended.passed)

    def _rest_is_quiet(self):
        before = self._merchant.told()
        self._merchant.sees_who_is_half_read()
        ended = self._merchant.do(RUN)
        summary = json.loads(ended.out)
        assert ended.code == 0, f"the last run ended with {ended.code}: {ended.err}"
        assert not any((summary["events"]["new"], *summary["outcomes"].values())), summary
        assert self._merchant.told() == before
        self._require(after_the_end)

    def _require(self, rule):
        broken = list(rule(self._merchant, self._merchant.look()))
        assert not broken, "\n".join(broken)

    def _count(self, seen):
        tally, merchant = self._tally, self._merchant
        tally.shops += 1
        tally.events += sum(map(len, merchant.world.events.values()))
        tally.mirrored += len(seen.effects)
        tally.letters += len(seen.letters)
        tally.calls += merchant.calls()
        tally.lost += seen.used - merchant.calls()
