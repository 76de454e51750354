"""What becomes of the CRM's connection when a command ends."""

import pytest

ADAPTER = """
import threading
from sync.crm.sql.adapter import SqlAdapter

calls = []


class Noting(SqlAdapter):
    def check(self):
        calls.append(("check", threading.get_ident()))
        super().check()

    def unassign(self, batch):
        calls.append(("unassign", threading.get_ident()))
        return super().unassign(batch)

    def preview(self, batch):
        calls.append(("preview", threading.get_ident()))
        return super().preview(batch)

    def close(self):
        calls.append(("close", threading.get_ident()))
        super().close()


class Failing(Noting):
    def close(self):
        super().close()
        raise RuntimeError("ann@example.com")
"""


@pytest.fixture
def calls(shop, monkeypatch):
    """Let the shop use the adapter above; give the calls that it gets, with their threads."""
    (shop.home / "noting_crm.py").write_text(ADAPTER)
    monkeypatch.syspath_prepend(shop.home)
    shop.settings["HOLDERSYNC_CRM"] = "noting_crm:Noting"
    import noting_crm  # noqa: PLC0415

    noting_crm.calls.clear()
    return noting_crm.calls


@pytest.mark.parametrize(
    ("command", "heard"),
    [
        (["run"], {"unassign"}),
        (["run", "--dry-run"], {"preview"}),
        (["backfill", "--from", "2020-01-01", "--to", "NOW"], {"unassign"}),
        (["check"], {"check"}),
    ],
)
def test_all_calls_of_a_command_come_from_one_thread_and_the_last_one_closes(
    shop, calls, command, heard
):
    now = f"{shop.world.now:%Y-%m-%dT%H:%M:%SZ}"
    shop.command(*(each.replace("NOW", now) for each in command))

    assert {name for name, _ in calls} == heard | {"close"}
    assert [name for name, _ in calls].index("close") == len(calls) - 1
    assert len({thread for _, thread in calls}) == 1


def test_a_connection_that_can_not_be_closed_is_told_and_changes_nothing(shop, calls):
    shop.run()

    result = shop.run(HOLDERSYNC_CRM="noting_crm:Failing")

    assert calls[-1][0] == "close"
    assert (result.code, result.json["result"]) == (0, "done")
    assert "could not be closed (RuntimeError)" in result.err
    assert "ann@example.com" not in result.err
    assert "Traceback" not in result.err
