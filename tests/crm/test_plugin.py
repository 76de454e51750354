"""A stranger's adapter, as a real distribution: built, installed, found by name, used, refused."""

import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent / "plugin_example"
ROOT = Path(__file__).parents[2]


def build_wheel(source, folder):
    """Build what `pip wheel` would; a wheel is a zip file, and no builder has to be there for it.

    Only what the example's own pyproject.toml says goes in.
    """
    told = tomllib.loads((source / "pyproject.toml").read_text())
    project = told["project"]
    name = project["name"].replace("-", "_")
    stem = f"{name}-{project['version']}"
    group = project["entry-points"]["holdersync.crm"]
    needs = [f"Requires-Dist: {each}\n" for each in project["dependencies"]]
    info = {
        "METADATA": "Metadata-Version: 2.1\n"
        f"Name: {project['name']}\nVersion: {project['version']}\n{''.join(needs)}",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "entry_points.txt": "[holdersync.crm]\n"
        + "".join(f"{entry} = {value}\n" for entry, value in group.items()),
    }
    modules = told["tool"]["hatch"]["build"]["targets"]["wheel"]["include"]
    files = {each: (source / each).read_text() for each in modules}
    files |= {f"{stem}.dist-info/{each}": text for each, text in info.items()}
    record = "".join(f"{each},,\n" for each in [*files, f"{stem}.dist-info/RECORD"])
    wheel = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for each, text in (files | {f"{stem}.dist-info/RECORD": record}).items():
            archive.writestr(each, text)
    return wheel


def do(*command, cwd, **env):
    """Do a command of this Python, to its end."""
    return subprocess.run(
        [sys.executable, *command],
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "HOME": str(cwd), **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """A folder into which pip has installed the example."""
    folder = tmp_path_factory.mktemp("plugin")
    wheel = build_wheel(EXAMPLE, folder)
    pip = ["-m", "pip", "install", "--no-index", "--no-deps", "--disable-pip-version-check"]
    done = do(*pip, "--target", folder / "site", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture
def shop_with(shop, site):
    """Run a command of the shop, with the example installed, in a process of its own."""

    def command(*arguments, crm="phonebook", path=site, **settings):
        return shop.process(
            *arguments,
            HOLDERSYNC_CRM=crm,
            PHONEBOOK_FILE="phonebook.db",
            PYTHONPATH=f"{path}:{ROOT}",
            **settings,
        )

    return command


@pytest.fixture
def changed(site, tmp_path):
    """Give a copy of what was installed, in which texts are replaced."""

    def change(pattern, old, new):
        copy = tmp_path / "changed"
        if not copy.exists():
            shutil.copytree(site, copy)
        (path,) = copy.glob(pattern)
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        return copy

    return change


@pytest.fixture
def phonebook(shop):
    """Fill the phonebook with one assignment of each customer, as the playground believes it."""
    shown = {row.customer_id: row for row in shop.world.crm_today}
    with closing(sqlite3.connect(shop.home / "phonebook.db")) as book, book:
        book.execute("CREATE TABLE contacts (customer_id, code, holder_id, note)")
        rows = [(each.customer_id, each.code, each.holder_id, "") for each in shown.values()]
        book.executemany("INSERT INTO contacts VALUES (?, ?, ?, ?)", rows)
    return rows


def left_in(shop):
    with closing(sqlite3.connect(shop.home / "phonebook.db")) as book:
        return {row[0] for row in book.execute("SELECT holder_id FROM contacts WHERE code <> ''")}


@pytest.mark.parametrize("crm", ["phonebook", "phonebook_crm:Phonebook"])
@pytest.mark.usefixtures("phonebook")
def test_a_check_finds_what_was_installed(shop_with, shop, crm):
    done = shop_with("check", crm=crm)

    assert done.code == 0, done.err
    assert f"{shop.home}/phonebook.db can be used (phonebook-" in done.out
    assert re.search(r"not proven +crm +whether this user may write was not tried", done.out)


def test_a_run_ends_in_it_what_has_ended(shop_with, shop, phonebook):
    truth = {
        holder_id
        for holder_id, each in shop.world.truth.items()
        if each.status == "unassigned" and each.in_window
    }
    shown = {row[2] for row in phonebook}
    assert shown & truth

    done = shop_with("run", "--json")

    assert done.json["outcomes"]["removed"] == len(shown & truth)
    assert left_in(shop) == shown - truth


def test_its_own_test_passes_where_it_is_installed(site, tmp_path):
    shutil.copy(EXAMPLE / "test_phonebook_crm.py", tmp_path)

    done = do(
        "-m", "pytest", "-c", "/dev/null", tmp_path, cwd=tmp_path, PYTHONPATH=f"{site}:{ROOT}"
    )

    assert done.returncode == 0, done.stdout
    assert "16 passed, 12 xfailed" in done.stdout


@pytest.mark.usefixtures("phonebook")
def test_one_of_another_contract_is_refused_by_its_version(shop_with, changed):
    path = changed("phonebook_crm.py", "api_version = API_VERSION", "api_version = 2")

    done = shop_with("check", path=path)

    assert done.code == 78
    assert "written for version 2 of the adapter contract, this tool speaks version 1" in done.err


@pytest.mark.usefixtures("phonebook")
def test_an_extra_of_it_that_is_missing_is_told_with_the_command(shop_with, changed):
    changed("phonebook_crm.py", "import sqlite3", "import sqlite3\nimport phonebook_sms")
    path = changed("*.dist-info/entry_points.txt", ":Phonebook", ":Phonebook [sms]")

    done = shop_with("check", path=path)

    assert done.code == 78
    assert "pip install 'holdersync-phonebook[sms]'" in done.err


def test_what_is_not_installed_is_not_found(shop_with, tmp_path):
    done = shop_with("check", path=tmp_path)

    assert done.code == 78
    assert "HOLDERSYNC_CRM names no adapter that is installed here" in done.err


def test_a_misspelt_setting_of_it_is_found(shop_with):
    done = shop_with("check", PHONEBOOK_FLIE="other.db")

    assert done.code == 78
    assert "PHONEBOOK_FLIE" in done.err
