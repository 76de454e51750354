"""What each command prints, and how it ends."""

import json
import signal
from subprocess import TimeoutExpired

import pytest
import requests


def test_without_any_configuration_it_says_what_to_set_and_where_to_click(homeless):
    homeless.settings = {"HOME": str(homeless.home)}

    result = homeless.process("run")

    assert result.code == 78
    for needed in (
        "VOUCHERIFY_APP_ID",
        "VOUCHERIFY_APP_TOKEN",
        "HOLDERSYNC_CRM",
        "Project settings",
    ):
        assert needed in result.err
    assert "holdersync demo" in result.err
    assert result.out == ""


def test_a_quiet_success_prints_nothing_off_a_terminal(shop):
    shop.run()

    result = shop.process("run")

    assert (result.code, result.out, result.err) == (0, "", "")


def test_json_is_exactly_one_object_with_the_documented_fields(shop):
    result = shop.command("run", "--json")

    summary = json.loads(result.out)
    assert result.out.count("\n") == 1
    assert list(summary) == [
        *("run_id", "kind", "result", "parked_by", "started_at", "finished_at", "destination"),
        *(
            "customers",
            "codes",
            "calls",
            "events",
            "outcomes",
            "pending",
            "dead_letters",
            "resume_after",
        ),
    ]


def test_whoever_stops_listening_changes_nothing_about_the_run(shop):
    shop.run()
    with shop.start("run", "--json") as process:
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=30)

    assert process.returncode == 0
    assert "could not be printed" in err
    assert "Traceback" not in err


def test_logs_are_json_lines_if_the_settings_say_so(shop):
    result = shop.command("run", HOLDERSYNC_LOG_FORMAT="json")

    lines = [json.loads(line) for line in result.err.splitlines()]
    assert [line["level"] for line in lines] == ["warning"]
    assert "dead-letters list" in lines[0]["event"]
    assert lines[0]["run_id"]


def test_usage_errors_end_with_2(homeless):
    assert homeless.command("run", "--no-such-option").code == 2
    assert homeless.command("backfill").code == 2
    assert homeless.command("adopt").code == 2


def test_check_looks_at_everything_and_shows_absolute_paths(shop):
    result = shop.command("check")

    assert result.code == 0
    assert str(shop.ledger_file) in result.out
    assert str(shop.crm_file) in result.out
    assert "50 customers" in result.out
    assert not shop.ledger_file.exists()


def test_check_tells_each_thing_that_is_wrong_and_ends_with_the_worst(shop):
    result = shop.command(
        *("check", "--json"),
        VOUCHERIFY_APP_TOKEN="wrong",
        CRM_SQL_URL="sqlite:///no/such/folder/crm.db",
    )

    codes = {each["what"]: each["exit_code"] for each in result.json["findings"]}
    assert codes == {"settings": 0, "ledger": 0, "crm": 78, "voucherify": 77}
    assert result.code == result.json["exit_code"] == 78


def test_check_warns_of_an_env_file_that_others_can_read(shop):
    env_file = shop.home / "settings"
    env_file.write_text("HOLDERSYNC_VALIDATION=lenient\n")
    env_file.chmod(0o644)

    result = shop.command("check", "--env-file", str(env_file))

    assert f"chmod 600 {env_file}" in result.out
    assert result.code == 0


def test_a_run_does_not_mail_such_a_warning_every_night(shop):
    env_file = shop.home / ".env"
    env_file.write_text("HOLDERSYNC_VALIDATION=strict\n")
    env_file.chmod(0o644)
    shop.run()

    assert shop.command("run").err == ""


def test_status_tells_from_the_ledger_and_makes_no_call(shop):
    shop.run()

    text, calls = shop.calls_of(lambda: shop.command("status"))
    figures = shop.command("status", "--json").json

    assert calls == 0
    assert str(shop.ledger_file) in text.out
    assert figures["customers"] == {"known": 50, "never_asked": 0, "gone": 0}
    assert figures["dead_letters"] == len(shop.world.broken)
    assert figures["calls"]["cycle_used_by_us"] == shop.playground.counters().total
    assert [run["exit_code"] for run in figures["runs"]] == [65]


def test_status_before_the_first_run_says_what_to_do(shop):
    result = shop.command("status")

    assert result.code == 78
    assert "holdersync run" in result.err


def test_dead_letters_are_listed_with_reasons(shop):
    shop.run()

    text = shop.command("dead-letters", "list")
    listed = shop.command("dead-letters", "list", "--json").json["dead_letters"]

    assert {each["event_id"] for each in listed} == {each.event_id for each in shop.world.broken}
    assert "holder is missing" in text.out
    assert not any(row.email in text.out for row in shop.world.customers if row.email)


def test_a_letter_that_can_be_understood_now_is_delivered_by_the_next_run(shop):
    shop.run()
    letters = shop.command("dead-letters", "list", "--json").json["dead_letters"]
    number, event_id = next(
        (each["number"], each["event_id"])
        for each in letters
        if "campaign is missing" in each["reason"] or "campaign is not" in each["reason"]
    )

    strict = shop.command("dead-letters", "retry", str(number))
    lenient = shop.command("dead-letters", "retry", str(number), HOLDERSYNC_VALIDATION="lenient")
    shop.run()

    assert strict.code == 65
    assert "still open" in strict.out
    assert lenient.code == 0
    assert event_id in {row.unassigned_event_id for row in shop.crm().values()}
    left = shop.command("dead-letters", "list", "--json").json["dead_letters"]
    assert len(left) == len(letters) - 1


def test_discarded_letters_stay_closed(shop):
    shop.run()

    result = shop.command("dead-letters", "discard", "--all")
    shop.run(HOLDERSYNC_LOOKBACK="30d")

    assert f"{len(shop.world.broken)} dead letters discarded" in result.out
    assert shop.command("dead-letters", "list").out == "no dead letters\n"


@pytest.mark.parametrize("arguments", [(), ("1", "--all")])
def test_which_letters_must_be_said(shop, arguments):
    shop.run()

    assert shop.command("dead-letters", "discard", *arguments).code == 2


def test_an_unknown_letter_is_named(shop):
    shop.run()

    result = shop.command("dead-letters", "retry", "999")

    assert result.code == 78
    assert "999" in result.err


def test_another_crm_on_a_full_ledger_is_refused_until_it_is_adopted(shop):
    shop.run()
    other = {"CRM_SQL_URL": "sqlite:///other.db"}

    refused, calls = shop.calls_of(lambda: shop.run(**other))
    adopted = shop.command("adopt", "--since", "2000-01-01", **other)
    run = shop.run(**other)

    assert (refused.code, calls) == (78, 0)
    assert "holdersync adopt" in refused.err
    ended = sum(row.status == "unassigned" and row.in_window for row in shop.world.truth.values())
    assert f"{ended} unassignments of the past" in adopted.out
    assert sum(run.json["outcomes"].values()) == ended


def test_a_destination_adopted_from_now_hears_nothing_of_the_past(shop):
    shop.run()
    other = {"CRM_SQL_URL": "sqlite:///other.db"}
    shop.command("adopt", "--from-now", **other)
    held = next(row for row in shop.world.truth.values() if row.status == "assigned")
    shop.playground.unassign(held.holder_id)

    run = shop.run(**other)

    assert sum(run.json["outcomes"].values()) == 1


def test_a_ledger_of_another_project_is_refused_until_it_is_rebound(shop, new_shop):
    shop.run()
    other = new_shop(seed=9).playground
    changed = {
        "VOUCHERIFY_BASE_URL": other.base_url,
        "VOUCHERIFY_APP_ID": other.app_id,
        "VOUCHERIFY_APP_TOKEN": other.app_token,
    }

    refused = shop.run(**changed)
    shop.command("ledger", "rebind", **changed)

    assert refused.code == 78
    assert "ledger rebind" in refused.err
    # A key of the same project goes on; this is another one, where nobody is known.
    assert shop.run(**changed).json["parked_by"] == "brake"


def test_a_ledger_of_this_release_needs_no_upgrade(shop):
    shop.run()

    assert "is of this release" in shop.command("ledger", "upgrade").out


def test_the_demo_shows_the_job_and_leaves_both_databases(homeless):
    folder = homeless.home / "demo"

    result = homeless.command("demo", "--folder", str(folder))
    again = homeless.command("demo", "--folder", str(folder))

    assert result.code == 0, result.err
    for shown in ("What changed in the CRM", "assigned", "dead letters", str(folder / "crm.db")):
        assert shown in result.out
    assert (folder / "ledger.db").exists()
    assert again.code == 78


def test_the_playground_prints_one_json_line_and_serves_until_stopped(homeless):
    with homeless.start("playground", "--port", "0", "--customers", "50", "--seed", "4") as process:
        told = json.loads(process.stdout.readline())
        keys = {"X-App-Id": told["app_id"], "X-App-Token": told["app_token"]}
        answer = requests.get(f"{told['base_url']}/v1/customers", headers=keys, timeout=5)
        with pytest.raises(TimeoutExpired):
            process.wait(timeout=0.2)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=10)

    assert answer.json()["total"] == 50
    assert set(told) == {"base_url", "app_id", "app_token"}
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    "arguments", [("--limit", "many"), ("--faults", "FILE"), ("--port", "70000")]
)
def test_a_playground_that_can_not_be_is_a_usage_error(homeless, arguments):
    script = homeless.home / "FILE"
    script.write_text("3 explode")

    result = homeless.command("playground", *(a.replace("FILE", str(script)) for a in arguments))

    assert result.code == 2


def test_customers_come_from_standard_input_too(shop):
    chosen = shop.world.customers[3].customer_id

    result = shop.process("run", "--json", "--customers", "-", typed=f"\n{chosen}\n{chosen}\n")

    assert result.json["customers"]["asked"] == result.json["customers"]["selected"] == 1


def test_a_customer_file_that_is_not_there_is_told(shop):
    result = shop.run("--customers", "file:nobody.csv")

    assert result.code == 78
    assert str(shop.home / "nobody.csv") in result.err


def test_on_a_terminal_a_person_sees_a_bar_and_a_summary(shop, on_a_terminal):
    shown = on_a_terminal(shop, "run")

    assert "calls left today" in shown
    assert "customers  50 asked of 50" in shown
