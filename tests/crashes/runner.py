"""Orders commands from the process that forks, and tells how each of them ended."""

import json
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ended:
    """How one command ended.

    `passed` counts the points that it came by; `at` is the point at which it killed itself.
    """

    argv: tuple[str, ...]
    pid: int
    code: int
    took: float
    passed: Counter
    at: str | None
    out: str
    err: str

    @property
    def is_killed(self):
        return self.code == -signal.SIGKILL

    @property
    def json(self):
        return json.loads(self.out)


class Runner:
    """A process that forks a child for each command; a context manager."""

    def __enter__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.crashes.forking"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=90)

    def do(self, home, env, argv, *, point="", n=1, after=None):
        """Do a command to its end, or kill it at a point, or `after` seconds."""
        for name in ("passed", "out", "err"):
            (home / name).write_text("", encoding="utf-8")
        order = {"home": str(home), "env": env, "argv": argv, "point": point, "n": n}
        self._process.stdin.write(json.dumps(order | {"after": after}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        passed = (home / "passed").read_text(encoding="utf-8").splitlines()
        return Ended(
            tuple(argv),
            answer["pid"],
            answer["code"],
            answer["took"],
            Counter(name.removesuffix("!") for name in passed),
            next((name.removesuffix("!") for name in passed if name.endswith("!")), None),
            (home / "out").read_text(encoding="utf-8"),
            (home / "err").read_text(encoding="utf-8"),
        )
