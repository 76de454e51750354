"""A ledger that can't be used: each command says so, with what to do, and leaves it as it is."""

import os
import random
import shutil
import sqlite3
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

NOBODY = 65_534
WINDOW = ("--from", "2026-01-01", "--to", "2026-02-01")
JOBS = {
    "run": ("run", "--json"),
    "dry run": ("run", "--dry-run", "--json"),
    "backfill": ("backfill", *WINDOW, "--json"),
    "plan": ("backfill", *WINDOW, "--plan", "--json"),
    "check": ("check",),
    "status": ("status",),
    "list": ("dead-letters", "list"),
    "retry": ("dead-letters", "retry", "--all"),
    "discard": ("dead-letters", "discard", "--all"),
    "forget": ("forget", "cust_1"),
    "adopt": ("adopt", "--from-now"),
    "upgrade": ("ledger", "upgrade"),
    "rebind": ("ledger", "rebind"),
}


def changed_by(*statements):
    """Damage by SQL."""

    def do(path):
        with closing(sqlite3.connect(path)) as connection:
            for statement in statements:
                connection.execute(statement)
            connection.commit()

    return do


def overwritten(begin, end, byte=b"\xa5"):
    """Damage of what lies between two shares of the file."""

    def do(path):
        content = path.read_bytes()
        first, last = int(len(content) * begin), int(len(content) * end)
        path.write_bytes(content[:first] + byte * (last - first) + content[last:])

    return do


def cut_to(share):
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def of_another_program(path):
    path.unlink()
    changed_by("CREATE TABLE posts (title TEXT)", "INSERT INTO posts VALUES ('Hello')")(path)


def a_folder(path):
    path.unlink()
    path.mkdir()


def in_a_folder_that_is_gone(path):
    path.unlink()
    path.symlink_to(path.parent / "gone" / path.name)


DAMAGED = "put a copy of it in its place"
UNUSABLE = "that the file is a ledger"
NEWER = "install that release of holdersync"
BAD = {
    "a text": (lambda path: path.write_text("customer_id\ncust_1\n" * 100), DAMAGED),
    "a picture": (lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(9_000)), DAMAGED),
    "the first 100 bytes": (lambda path: os.truncate(path, 100), DAMAGED),
    "the first half": (cut_to(0.5), DAMAGED),
    "all but the end": (cut_to(0.97), DAMAGED),
    "zeros at the end": (overwritten(0.5, 1, b"\0"), DAMAGED),
    "garbage in the middle": (overwritten(0.3, 0.6), DAMAGED),
    "garbage behind the head": (overwritten(0.001, 1), DAMAGED),
    "another program's": (of_another_program, "holds other tables and is no ledger"),
    "of a newer release": (changed_by("UPDATE alembic_version SET version_num = '0999'"), NEWER),
    "without a revision": (changed_by("DELETE FROM alembic_version"), "is no ledger"),
    "a folder": (a_folder, UNUSABLE),
    "a link to nowhere": (in_a_folder_that_is_gone, UNUSABLE),
}


@pytest.fixture
def full(new_shop):
    """A shop after a run, whose ledger can be spoilt and made whole again."""
    shop = new_shop(customers=12)
    shop.believe()
    shop.run()
    return shop


@pytest.fixture
def refusal(full, tmp_path):
    """Spoil the ledger, prove that a command refuses it and leaves it; give what is said."""
    whole = tmp_path / "whole.db"
    shutil.copy(full.ledger_file, whole)

    def refusal(spoil, job):
        make_whole(full.ledger_file, whole)
        spoil(full.ledger_file)
        before = content_of(full.ledger_file)
        result = full.command(*JOBS[job])
        said = result.err + result.out
        assert result.code == 78, (job, result)
        assert str(full.ledger_file) in said
        assert "Traceback" not in said
        assert content_of(full.ledger_file) == before
        return said

    return refusal


def make_whole(ledger, whole):
    for path in ledger.parent.glob(f"{ledger.name}*"):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    shutil.copy(whole, ledger)


def content_of(path):
    return path.read_bytes() if path.is_file() else None


def test_a_run_refuses_what_is_no_ledger_of_its_own_and_asks_nobody(full, refusal):
    crm = full.crm()

    def look():
        return {way: refusal(spoil, "run") for way, (spoil, _) in BAD.items()}

    said, calls = full.calls_of(look)

    assert [way for way, (_, to_do) in BAD.items() if to_do not in said[way]] == []
    assert calls == 0
    assert full.crm() == crm


def test_every_command_refuses_what_is_no_ledger_of_its_own(refusal, long):
    # What is damaged somewhere is found by whoever reads all of it, as each run does.
    at_once = ["garbage behind the head", "a text", "another program's", "of a newer release"]
    for way in at_once if long else at_once[:1]:
        spoil, to_do = BAD[way]
        for job in JOBS:
            assert to_do in refusal(spoil, job), (way, job)


def test_the_way_out_that_a_damaged_ledger_names_leads_out(full, refusal, matches_truth):
    assert "move it away, and the next run makes a new one" in refusal(BAD["a text"][0], "run")
    full.ledger_file.rename(full.home / "damaged.db")

    full.run(HOLDERSYNC_MAX_UNASSIGNMENTS="1000")

    assert matches_truth(full) == (True, {}, set())


def test_a_folder_that_is_gone_is_named_and_not_made(full):
    gone = full.home / "gone" / "ledger.db"
    for job in ("run", "backfill", "check", "status"):
        result = full.command(*JOBS[job], HOLDERSYNC_LEDGER_URL=f"sqlite:///{gone}")

        assert result.code == 78, (job, result)
        assert str(gone.parent) in result.err + result.out
        assert "Traceback" not in result.err
    assert not gone.parent.exists()


@contextmanager
def as_nobody(folder, mode):
    """Be a user who may not write the folder, if the tests run as one who may write everything."""
    folder.chmod(mode)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_ledger_that_may_only_be_read_is_refused_with_what_to_do(full):
    # Not in pytest's own folders: they are closed to anybody but who runs the tests.
    with TemporaryDirectory(prefix="holdersync-test-") as name:
        ledger = shutil.copy(full.ledger_file, Path(name) / "ledger.db")
        ledger.chmod(0o444)
        before = ledger.read_bytes()
        with as_nobody(ledger.parent, 0o555):
            result = full.run(HOLDERSYNC_HOME=name)

        assert result.code == 78
        assert f"{ledger.name}.run.lock can't be written" in result.err
        assert "see that the folder is there and yours" in result.err
        assert ledger.read_bytes() == before


@pytest.mark.long_only
def test_bits_that_fell_over_are_found_or_do_no_harm(full, tmp_path, tell):
    whole = tmp_path / "whole.db"
    shutil.copy(full.ledger_file, whole)
    ends = Counter()
    for seed in range(600):
        chance = random.Random(seed)
        content = bytearray(whole.read_bytes())
        for _ in range(chance.choice([1, 3, 20])):
            content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        make_whole(full.ledger_file, whole)
        full.ledger_file.write_bytes(content)
        job = chance.choice(list(JOBS))
        result = full.command(*JOBS[job])
        ends[result.code] += 1
        assert "Traceback" not in result.err, (seed, job, result.err)
        assert result.code in (0, 65, 69, 78), (seed, job, result)

    tell(f"commands on ledgers with fallen bits, by exit code: {dict(ends)}")
    assert ends[78] > 20
