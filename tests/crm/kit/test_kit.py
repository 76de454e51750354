"""The contract kit itself: what it finds, and what it does not let pass in silence."""

import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from textwrap import dedent

import pytest

import tests.crm.kit.wrong_adapters
from sync.crm.adapter import Capability
from sync.crm.contract import AdapterContract, Trouble
from tests.crm.kit.memory import MemoryAdapter, MemoryContract
from tests.crm.kit.wrong_adapters import WRONG

ROOT = Path(__file__).parents[3]
QUIET = ("-p", "no:terminal", "-p", "no:cacheprovider", "-p", "no:randomly")


class Reports:
    """A plugin that keeps why tests failed, by class and number of the scenario."""

    def __init__(self):
        self.failed = defaultdict(dict)

    def pytest_runtest_logreport(self, report):
        if report.failed:
            name, number = re.search(r"::(\w+)::test_(\d\d)_", report.nodeid).groups()
            self.failed[name][int(number)] = report.longreprtext


@pytest.fixture(scope="module")
def of_wrong_adapters():
    """Run all wrong adapters through the kit, in this process."""
    reports = Reports()
    pytest.main([*QUIET, tests.crm.kit.wrong_adapters.__file__], plugins=[reports])
    return reports.failed


@pytest.mark.parametrize(
    ("adapter", "number"), [(each.__name__, number) for each, (_, number) in WRONG.items()]
)
def test_a_fault_fails_the_scenario_that_is_about_it_and_no_other(
    of_wrong_adapters, adapter, number
):
    assert set(of_wrong_adapters[f"Test{adapter}"]) == {number}


def test_there_is_a_wrong_adapter_for_each_scenario():
    scenarios = {int(name[5:7]) for name in dir(AdapterContract) if name.startswith("test_")}

    assert scenarios == {number for _, number in WRONG.values()} == set(range(1, 23))


class CanLittle(MemoryAdapter):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.capabilities = frozenset({Capability.REPORTS_NOT_FOUND})


class NamesNothing(MemoryContract):
    adapter = CanLittle
    secrets = ()
    misconfigured = AdapterContract.misconfigured

    def trouble(self, kind, given):
        if kind is Trouble.SILENT:
            return AdapterContract.trouble(self, kind, given)
        return super().trouble(kind, given)


class NamesAll(NamesNothing):
    not_proven = {
        12: "it has no settings",
        13: "it reads, then writes",
        14: "it has no secrets",
        16: "the field keeps one code",
        17: "it has no use for it",
        18: "it can't read",
        19: "it keeps nothing",
        22: "it lists nobody",
        Trouble.SILENT: "a memory answers",
    }


class NamesInVain(MemoryContract):
    not_proven = {
        1: "repeats are not for us",
        4: "we know everybody",
        8: "our batches never fail",
        13: "we are alone",
        14: "our secrets are no secrets",
        15: "our batches are small",
        16: " ",
        17: "we don't ask",
        18: "we don't look ahead",
        22: "we list nobody",
        Trouble.BROKEN: "we never break",
    }


@pytest.fixture
def failures_of(tmp_path):
    """Run a contract of this module as somebody else's test; give what failed, by number."""

    def run(contract):
        module = tmp_path / "test_it.py"
        module.write_text(f"from {__name__} import {contract.__name__} as TestIt\n")
        reports = Reports()
        sys.modules.pop("test_it", None)
        pytest.main([*QUIET, "-c", "/dev/null", str(module)], plugins=[reports])
        return reports.failed["TestIt"]

    return run


def test_what_is_neither_run_nor_named_fails(failures_of):
    failed = failures_of(NamesNothing)

    assert set(failed) == {10, 12, 13, 14, 16, 17, 18, 19, 22}
    assert "Trouble.SILENT" in failed[10]
    assert "doesn't declare COMPARES_ON_SERVER: say in `not_proven` why scenario 13" in failed[13]
    assert "`secrets` is empty" in failed[14]


def test_what_is_named_with_a_reason_does_not_fail(failures_of):
    assert failures_of(NamesAll) == {}


def test_what_is_named_in_vain_fails(failures_of):
    failed = failures_of(NamesInVain)

    assert set(failed) == {1, 4, 8, 10, 13, 14, 15, 16, 17, 18, 22}
    assert "take 18 out of `not_proven`" in failed[18]
    assert "must say why" in failed[16]


def test_a_scenario_can_not_be_hidden():
    with pytest.raises(TypeError, match="test_06_several_match hides a scenario"):
        type("Hides", (AdapterContract,), {"test_06_several_match": None})


@pytest.mark.parametrize("key", [0, 23, "13"])
def test_what_is_no_scenario_can_not_be_named(key):
    with pytest.raises(TypeError, match="no scenario and no Trouble"):
        type("Names", (AdapterContract,), {"not_proven": {key: "so"}})


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["alone", "with a worker"])
def test_what_is_not_proven_is_counted_and_told_though_warnings_are_errors(tmp_path, workers):
    module = tmp_path / "test_it.py"
    module.write_text(f"from {__name__} import NamesAll as TestIt\n")
    options = ["-W", "error", "-c", "/dev/null", "-p", "no:cacheprovider"]
    options += ["-k", "16_other or silent"]  # a folder above may be called 16
    options += workers
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, module],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}", "CI": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "2 xfailed" in done.stdout
    assert "scenario 16 is not proven: the field keeps one code" in done.stdout
    assert "scenario 10, silent, is not proven: a memory answers" in done.stdout


def test_without_pytest_the_command_that_installs_it_is_told():
    program = """
        import sys
        sys.modules["pytest"] = None
        try:
            import sync.crm.contract
        except ImportError as error:
            print(error)
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert "pip install 'holdersync[testing]'" in done.stdout
