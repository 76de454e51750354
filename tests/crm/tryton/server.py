"""A real CRM for tests: Tryton on SQLite and loopback, in an environment and a process of its own.

Tryton is not ours and under the GPL: nothing of it is imported here, it is installed beside the
tests, pinned by `constraints.txt`, and spoken to over HTTP. Installing it and preparing an empty
database takes up to a minute and is done once for each change of the pins; then a server starts in
about a second on a copy of that database.

The server takes one request at a time. With SQLite, Tryton compares a record's time stamp before
it takes the write lock, so two requests at the very same moment could both pass.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from filelock import FileLock

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
PINS = HERE / "constraints.txt"
PACKAGES = ("trytond", "trytond-party", "waitress")
DATABASE = "crm"
ADMIN = "admin"
PASSWORD = "only-for-tests-on-loopback"
AT_ONCE = 20
"""Records that one request may name; the server is configured to refuse more."""
# Whoever gives a wrong password has to wait the longer the more often that was within `timeout`.
CONFIG = """\
[database]
uri = sqlite://
path = {folder}
[request]
records_limit = {at_once}
[session]
max_attempt = 1000
timeout = 0
"""


class NoTrytonError(Exception):
    """Tryton can't be installed here; the text says why."""


class Tryton:
    """One server with one database, in `folder`, until it is closed."""

    def __init__(self, folder):
        kit = installed()
        shutil.copy(kit / "empty.sqlite", folder / f"{DATABASE}.sqlite")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        command = [_python(kit), "-m", "waitress", "--threads=1", f"--listen=127.0.0.1:{self.port}"]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "trytond.application:app"],
                env=_environment(_config(folder), TRYTOND_DATABASE_NAMES=DATABASE),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._wait_for_an_answer()

    def close(self):
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)

    @contextmanager
    def paused(self):
        """Let it say nothing: what is asked now waits."""
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _wait_for_an_answer(self):
        ask = {"id": 1, "method": "common.server.version", "params": []}
        body, headers = json.dumps(ask).encode(), {"Content-Type": "application/json"}
        for _ in range(600):
            try:
                with urlopen(Request(f"{self.url}/rpc/", body, headers), timeout=5):
                    return
            except HTTPError:
                return
            except (URLError, OSError):
                pass
            try:
                code = self._process.wait(timeout=0.1)
            except subprocess.TimeoutExpired:
                continue
            msg = f"Tryton ended with {code} instead of answering"
            raise RuntimeError(msg)
        self.close()
        msg = "Tryton was started, and doesn't answer"
        raise RuntimeError(msg)


def installed():
    """Give the folder of Tryton's environment and of an empty database; make it if need be.

    Raises:
        NoTrytonError: it can't be installed here.
    """
    key = hashlib.sha256(PINS.read_bytes() + sys.version.encode()).hexdigest()[:8]
    kit = ROOT / ".venv" / f"tryton-{key}"
    kit.parent.mkdir(exist_ok=True)
    with FileLock(f"{kit}.lock"):
        if not (kit / "empty.sqlite").exists():
            shutil.rmtree(kit, ignore_errors=True)
            _install(kit)
            _prepare(kit)
    return kit


def _install(kit):
    _do(sys.executable, "-m", "venv", kit, seconds=120)
    wanted = ["--quiet", "--disable-pip-version-check", "--constraint", PINS, *PACKAGES]
    try:
        _do(_python(kit), "-m", "pip", "install", *wanted, seconds=420)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
        msg = f"Tryton can't be installed, is there a package index? {''.join(said)}"
        raise NoTrytonError(msg) from error


def _prepare(kit):
    """Make an empty database with the module for people; it is in its place only when complete."""
    work = kit / "work"
    work.mkdir()
    (work / "password").write_text(PASSWORD)
    (work / f"{DATABASE}.sqlite").touch()
    admin = [kit / "bin" / "trytond-admin", "-d", DATABASE, "--email", "admin@example.com"]
    _do(
        *[_python(kit), *admin, "-u", "party", "--activate-dependencies"],
        env=_environment(_config(work), TRYTONPASSFILE=str(work / "password")),
        seconds=300,
    )
    (work / f"{DATABASE}.sqlite").rename(kit / "empty.sqlite")


def _config(folder):
    path = folder / "trytond.conf"
    path.write_text(CONFIG.format(folder=folder, at_once=AT_ONCE))
    return path


def _environment(config, **more):
    clean = {name: text for name, text in os.environ.items() if not name.startswith("TRYTON")}
    return clean | {"TRYTOND_CONFIG": str(config)} | more


def _python(kit):
    return kit / "bin" / "python"


def _do(*command, seconds, env=None):
    subprocess.run(
        command,
        check=True,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=seconds,
    )
