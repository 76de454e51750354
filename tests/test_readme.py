"""What the README tells people to do works as it is written."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sync.settings import SETTING_NAMES, load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_env_file_of_the_readme_has_six_lines_and_loads(tmp_path):
    block = re.search(r"```sh\n(   VOUCHERIFY_REGION.*?)```", README, re.DOTALL)[1]
    lines = [line.strip() for line in block.strip().splitlines()]
    env_file = tmp_path / ".env"
    env_file.write_text("\n".join(lines))

    loaded = load(env_file, environ={"HOLDERSYNC_HOME": str(tmp_path)})

    assert len(lines) == 6
    assert loaded.settings.base_url == "https://api.voucherify.io"


def test_each_setting_that_the_readme_names_exists():
    named = set(re.findall(r"\b(?:VOUCHERIFY|HOLDERSYNC)_[A-Z_]+\b", README))

    assert named <= SETTING_NAMES


def test_the_queries_of_the_readme_run_on_real_databases(shop):
    shop.run()
    queries = re.findall(r'^sqlite3 -readonly (\S+) +"(.+)"$', README, re.MULTILINE)

    answers = []
    for name, query in queries:
        with closing(sqlite3.connect(shop.home / name)) as connection:
            answers.append(connection.execute(query).fetchall())

    assert len(answers) == 3
    assert all(answers)


@pytest.mark.parametrize("name", ["README.md", "config/crontab.example"])
def test_each_command_that_the_texts_name_exists(homeless, name):
    text = (ROOT / name).read_text(encoding="utf-8")
    named = set(
        re.findall(r"holdersync (run|backfill|check|status|adopt|ledger|dead-letters)\b", text)
    )

    assert named
    assert all(homeless.command(command, "--help").code == 0 for command in named)
