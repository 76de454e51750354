"""From a name to an adapter's class, through real distributions on the import path."""

import sys
from textwrap import dedent

import pytest

from sync.crm import registry
from sync.crm.adapter import TellUserError
from sync.crm.registry import BUILT_IN, adapter_class
from sync.crm.sql.adapter import SqlAdapter

ADAPTER = """
    from sync.crm.adapter import Outcome, Result

    class Adapter:
        api_version = 1
        setting_names = frozenset({"ACME_KEY"})

        def __init__(self):
            self.destination = "acme-1"
            self.capabilities = frozenset()

        @classmethod
        def from_env(cls, env):
            return cls()

        def check(self): ...
        def unassign(self, batch): return [Outcome(Result.REMOVED) for _ in batch]
        def close(self): ...

    class Outer:
        Inner = Adapter
"""


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the import path into which modules and distributions can be put."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith("acme"):
            del sys.modules[name]


class Site:
    def __init__(self, path):
        self.path = path

    def module(self, name, text=ADAPTER):
        (self.path / f"{name}.py").write_text(dedent(text))

    def distribution(self, name, **entry_points):
        info = self.path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{entry} = {value}" for entry, value in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join(["[holdersync.crm]", *lines]) + "\n")


def refusal(name):
    with pytest.raises(TellUserError, match="HOLDERSYNC_CRM") as caught:
        adapter_class(name)
    return str(caught.value)


def test_sql_is_built_in():
    assert adapter_class("sql") is SqlAdapter


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_adapter_keeps_the_contract(name):
    assert adapter_class(name).api_version == 1


def test_an_adapter_of_an_installed_distribution_is_found_by_its_name(site, unassignment):
    site.module("acme_crm")
    site.distribution("acme-holdersync", acme="acme_crm:Adapter")

    adapter = adapter_class("acme").from_env({"HOLDERSYNC_HOME": "/home/shop"})

    assert adapter.destination == "acme-1"
    assert [outcome.result for outcome in adapter.unassign([unassignment()])] == ["removed"]


def test_the_extras_of_an_entry_point_are_no_part_of_the_name(site):
    site.module("acme_crm")
    site.distribution("acme-holdersync", acme="acme_crm:Adapter [http]")

    assert adapter_class("acme").__name__ == "Adapter"


def test_an_adapter_is_found_as_module_and_class(site):
    site.module("acme_crm")

    assert adapter_class("acme_crm:Adapter").__name__ == "Adapter"
    assert adapter_class("acme_crm:Outer.Inner").__name__ == "Adapter"


def test_only_the_chosen_one_is_imported(site):
    site.module("acme_crm")
    site.module("acme_other", "raise RuntimeError")
    site.distribution("acme-holdersync", acme="acme_crm:Adapter", other="acme_other:Adapter")

    adapter_class("acme")

    assert "acme_other" not in sys.modules


def test_an_unknown_name_gets_the_nearest_one_and_a_list(site):
    site.distribution("acme-holdersync", zendesk9="acme_crm:Adapter")

    said = refusal("zendesk")

    assert "Did you mean 'zendesk9'?" in said
    assert f"There is {', '.join(sorted([*BUILT_IN, 'zendesk9']))};" in said


@pytest.mark.parametrize("name", ["SQL", "sqll", "sq"])
def test_a_slip_of_the_pen_is_recognised(name):
    assert "Did you mean 'sql'?" in refusal(name)


def test_a_name_near_to_nothing_gets_the_list_alone():
    said = refusal("pipedrive")

    assert "Did you mean" not in said
    assert f"There is {', '.join(sorted(BUILT_IN))};" in said


@pytest.mark.parametrize(
    "value",
    ["", "postgresql://ann:s3cret@host/db", "a:s3cret!", "fce80180-s3cret-4c3e", "sk_live_s3cret"],
)
def test_an_unknown_value_is_not_repeated_for_a_token_may_have_slipped_there(value):
    said = refusal(value)

    assert "names no adapter" in said
    assert "s3cret" not in said


def test_two_distributions_with_one_name_are_refused_by_name(site):
    site.module("acme_crm")
    site.distribution("acme-one", acme="acme_crm:Adapter")
    site.distribution("acme-two", acme="acme_crm:Adapter")

    assert "offered by acme-one, acme-two." in refusal("acme")


def test_a_distribution_that_shadows_a_built_in_is_refused_by_name(site):
    site.distribution("acme-sql", sql="acme_crm:Adapter")

    assert "offered by holdersync itself, acme-sql." in refusal("sql")


def test_a_clash_of_names_that_were_not_chosen_is_no_obstacle(site):
    site.distribution("acme-one", acme="acme_crm:Adapter")
    site.distribution("acme-two", acme="acme_crm:Adapter")

    assert adapter_class("sql") is SqlAdapter


@pytest.mark.parametrize("name", ["acme_nowhere:Adapter", "acme_nowhere.crm:Adapter"])
def test_a_module_that_is_not_there_is_named(name):
    assert "there is no module 'acme_nowhere'. Install the package" in refusal(name)


def test_what_an_adapter_needs_is_named(site):
    site.module("acme_crm", "import acme_client")
    site.distribution("acme-holdersync", acme="acme_crm:Adapter")

    assert "module 'acme_crm' needs the module 'acme_client'" in refusal("acme")


def test_an_extra_that_is_missing_is_named_with_the_command(site, monkeypatch):
    site.module("acme_crm", "import acme_client")
    site.distribution("acme-holdersync", acme="acme_crm:Adapter [oauth,fast]")
    monkeypatch.setattr(registry, "BUILT_IN", {"own": "acme_crm:Adapter [oauth]"})

    assert "Install it: pip install 'acme-holdersync[oauth,fast]'" in refusal("acme")
    assert "Install it: pip install 'holdersync[oauth]'" in refusal("own")


def test_an_adapter_whose_imports_do_not_fit_is_named(site):
    site.module("acme_crm", "from sync.crm.adapter import OfTomorrow")

    assert "'acme_crm' and what it imports don't fit together" in refusal("acme_crm:Adapter")


@pytest.mark.parametrize("attribute", ["Missing", "Adapter.Missing", "dedent"])
def test_a_module_without_that_class_is_named(site, attribute):
    site.module("acme_crm", ADAPTER + "    from textwrap import dedent\n")

    assert f"'acme_crm' has no class '{attribute}'" in refusal(f"acme_crm:{attribute}")


def test_an_entry_point_without_a_class_is_named(site):
    site.distribution("acme-holdersync", acme="acme_crm")

    assert "'acme_crm', which is not module:Class" in refusal("acme")


def test_another_version_of_the_contract_names_both(site):
    site.module("acme_crm", ADAPTER.replace("api_version = 1", "api_version = 2"))

    said = refusal("acme_crm:Adapter")

    assert "version 2 of the adapter contract" in said
    assert "speaks version 1" in said


def test_missing_members_are_named(site):
    site.module("acme_crm", "class Adapter:\n    api_version = 1\n    def check(self): ...\n")

    assert "it lacks setting_names, from_env, unassign, close." in refusal("acme_crm:Adapter")


def test_a_class_that_is_no_adapter_at_all_is_named():
    assert "collections:OrderedDict is not an adapter, it lacks api_version" in refusal(
        "collections:OrderedDict"
    )
