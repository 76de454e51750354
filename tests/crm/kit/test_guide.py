"""The guide of adapters: what it shows runs, and what it says is so."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sync.crm.adapter import Capability, Result
from sync.crm.contract import AdapterContract, Trouble
from sync.crm.kit.hooks import Hooks
from sync.crm.mapped.reading import read_mapping

ROOT = Path(__file__).parents[3]
EXAMPLE = Path(__file__).parents[1] / "plugin_example"
GUIDE = (ROOT / "sync" / "crm" / "README.md").read_text()


def blocks(language, title):
    """Give the blocks of this language under a heading."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, section(title), re.MULTILINE | re.DOTALL)


def block(language, title):
    """Give the one block of this language under a heading."""
    (text,) = blocks(language, title)
    return text


def section(title):
    return GUIDE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


@pytest.fixture
def run_file(tmp_path):
    """Run the guide's file as its reader does; give the last line, and what scenarios failed."""

    def run(text):
        (tmp_path / "test_phonebook.py").write_text(text)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:randomly", "test_phonebook.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        failed = re.findall(r"^FAILED .*::test_(\d\d)_", done.stdout, re.MULTILINE)
        return done.stdout.splitlines()[-1], {int(each) for each in failed}

    return run


def test_the_file_of_the_guide_passes_as_the_guide_says(run_file):
    last, failed = run_file(block("python", "From nothing to a passing adapter"))

    assert failed == set()
    said = re.search(r"It ends with `(.+?)`", GUIDE)[1]
    assert said in last


@pytest.mark.parametrize(
    ("old", "new", "scenario"),
    [
        (r" +if len\(shown\) > 1:\n.*\n", "", 6),
        (r"if shown\[0\] != about.holder_id", "if not shown[0]", 2),
        (r"return Outcome.retry\(.*\)", "raise", 10),
    ],
)
def test_what_the_guide_breaks_fails_the_scenario_that_it_says(run_file, old, new, scenario):
    text, changed = re.subn(old, new, block("python", "From nothing to a passing adapter"))
    assert changed == 1

    _, failed = run_file(text)

    # On a slow machine one of two that race waits in vain, and so what raises there fails 13, too.
    assert {scenario} <= failed <= {scenario, 13}


def code_of(text):
    """Give the lines without imports, comments and what a module says of itself."""
    lines = text.splitlines()[1:]
    return [each for each in lines if each and not each.startswith(("import ", "from ", "#"))]


def test_the_file_of_the_guide_is_the_example_that_is_installed():
    parts = [EXAMPLE / "phonebook_crm.py", EXAMPLE / "test_phonebook_crm.py"]

    assert code_of(block("python", "From nothing to a passing adapter")) == [
        line for each in parts for line in code_of(each.read_text())
    ]
    assert block("toml", "Use it") == (EXAMPLE / "pyproject.toml").read_text()


def test_the_guide_and_the_kit_number_the_scenarios_alike():
    told = re.findall(r"^(\d+)\. \*\*(.+?)\.\*\*", section("The scenarios"), re.MULTILINE)
    names = [
        f"test_{int(number):02}_{re.sub('[^a-z0-9]+', '_', title.lower())}"
        for number, title in told
    ]

    assert names == sorted(each for each in dir(AdapterContract) if each.startswith("test_"))


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Outcomes", Result),
        ("Capabilities", Capability),
        ("What the file says", Trouble),
    ],
)
def test_the_guide_explains_each_word(title, words):
    missing = [each.name for each in words if f"`{each.name}`" not in section(title)]

    assert missing == []


def test_the_guide_explains_each_hook():
    hooks = {*Hooks.__annotations__, *vars(Hooks)} - {*vars(object)}
    named = {each for each in hooks if not each.startswith("_")}

    assert [each for each in named if f"`{each}" not in section("What the file says")] == []


def test_each_mapping_of_the_guide_can_be_taken_as_it_is(tmp_path):
    shown = blocks("toml", "The CRMs that come with it")
    for text in shown:
        file = tmp_path / "mapping.toml"
        file.write_text(text)
        read_mapping(file, "HUBSPOT_MAPPING", of_a_table=True)

    assert len(shown) == 6
