"""What `check` proves of a HubSpot account by reading alone, what it can't, and its settings."""

import pytest

from sync.crm.adapter import CredentialsRefusedError, TellUserError
from sync.crm.hubspot.adapter import HubSpotAdapter, scopes_for
from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from sync.crm.registry import adapter_class
from tests.crm.hubspot.account import BY_CODE, FIND, OBJECT, RECORDS, TOLD, adapter_on, furnish
from tests.crm.hubspot.endpoints import Property

MAPPING = """
find = ["prop:voucherify_id = customer_id"]
[[slot]]
code = "voucher_code"
"""


@pytest.fixture(autouse=True)
def _furnished(hubspot):
    furnish(hubspot)
    hubspot.add(voucherify_id="a")
    hubspot.add(OBJECT, holder_id="rh_1")


@pytest.fixture
def check(hubspot):
    def check(mapping=BY_CODE, **changes):
        adapter = adapter_on(hubspot, mapping, **changes)
        try:
            return list(adapter.check())
        finally:
            adapter.close()

    return check


def slots(find=FIND, **fields):
    return SlotMapping(find=find, slot=(Slot(**({"code": "voucher_code"} | fields)),))


def setting(name, text):
    return slots(set={name: text})


# --- what is proven ------------------------------------------------------------------------------


@pytest.mark.parametrize("mapping", [BY_CODE, TOLD, RECORDS], ids=["codes", "told", "records"])
def test_a_check_writes_nothing_and_says_that_writing_is_not_proven(hubspot, check, mapping):
    before = {kind: dict(rows) for kind, rows in hubspot.objects.items()}

    told = check(mapping)

    assert told[0].startswith("that the token may write")
    assert before == hubspot.objects
    assert not any("update" in name or "PATCH" in name for name in hubspot.calls)


def test_a_rule_that_nobody_can_read_is_named_by_what_it_would_forbid(check):
    rule = (
        "that no conditional rule of the account requires voucher_code: HubSpot would refuse to "
        "empty it, and shows such rules to nobody"
    )
    assert check()[1:] == [rule]
    assert check(RECORDS) == [f"that the token may write {OBJECT}: nothing was written"]


def test_an_account_without_contacts_is_told(hubspot, check):
    hubspot.objects["contacts"].clear()

    assert "how one of the contacts reads: the account has none yet" in check()


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        (slots(code="nothing"), "contacts have no property nothing"),
        (slots(clear=("nothing",)), "contacts have no property nothing"),
        (slots(find=("prop:nothing = customer_id",)), "contacts have no property nothing"),
        (slots(code="fixed"), "property fixed can't be written"),
        (setting("voucher_status", "over"), 'voucher_status has no option "over"'),
        (setting("voucher_status", "assigned;over"), 'voucher_status has no option "over"'),
        (setting("voucher_ended_at", "now"), "voucher_ended_at takes a time"),
        (setting("day", "{unassigned_at}"), "day takes a date: write {unassigned_on}"),
        (setting("sum", "1"), "sum can't be written"),
        (setting("day", "1700000000000"), "day takes a date"),
        (setting("day", "2026-13-01"), "day takes a date"),
        (setting("points", "{code}"), "points takes a number"),
        (setting("flag", "yes"), "flag takes true or false"),
        (
            RecordMapping(object=OBJECT, record=RecordPart(holder_id="holder_id", status="code")),
            None,
        ),
        (
            RecordMapping(
                object=OBJECT, record=RecordPart(holder_id="holder_id", status="status", ended="x")
            ),
            'status has no option "x"',
        ),
        (RECORDS.model_copy(update={"object": "p_other"}), "no objects p_other"),
    ],
)
def test_what_a_mapping_can_not_have_is_told_by_name(hubspot, check, mapping, says):
    hubspot.define(
        "contacts",
        fixed=Property(read_only=True),
        sum=Property(calculated=True),
        day=Property("date"),
        points=Property("number"),
        flag=Property("bool"),
    )
    if says is None:
        assert check(mapping)
        return

    with pytest.raises(TellUserError, match=says):
        check(mapping)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("voucher_status", "unassigned"),
        ("voucher_status", "assigned;unassigned"),
        ("voucher_ended_at", "{unassigned_at}"),
        ("voucher_ended_at", "{unassigned_on}"),
        ("voucher_ended_at", "1700000000123"),
        ("day", "{unassigned_on}"),
        ("day", "1700006400000"),
        ("points", "-1.5"),
        ("flag", "false"),
        ("note", "{event_id} ended {code}"),
    ],
)
def test_what_a_property_takes_is_not_complained_about(hubspot, check, name, text):
    hubspot.define(
        "contacts", day=Property("date"), points=Property("number"), flag=Property("bool")
    )

    assert len(check(setting(name, text))) == 2


# --- what is not ---------------------------------------------------------------------------------


def test_a_search_is_said_to_be_slower_and_behind(check):
    told = check(slots(find=("prop:shop_id = source_id", "prop:voucherify_id = customer_id")))

    (sentence,) = [each for each in told if "shop_id" in each]
    assert "slower" in sentence
    assert "last moments" in sentence


def test_a_choice_that_is_filled_in_is_not_proven(check):
    assert "whether what is filled into voucher_status is an option of it" in check(
        setting("voucher_status", "{role}")
    )


def test_what_hubspot_requires_or_checks_is_not_proven(hubspot, check):
    hubspot.properties["contacts"]["voucher_code"] = Property(
        required_if=True, rules=("MIN_LENGTH",)
    )

    told = check()

    assert any("voucher_code may be empty: HubSpot requires it" in each for each in told)
    assert any("keeps to the validation rules of voucher_code" in each for each in told)


@pytest.mark.parametrize("status", [403, 404])
def test_rules_that_can_not_be_read_stop_no_check(hubspot, check, status):
    hubspot.fail("schemas/contacts", status)
    hubspot.fail("property-validations/contacts", status)

    assert check()


# --- what stops it -------------------------------------------------------------------------------


def test_a_token_of_another_account_is_told(hubspot):
    adapter = HubSpotAdapter(hubspot.token, "99", BY_CODE, base_url=hubspot.url)

    with pytest.raises(TellUserError, match="another account than HUBSPOT_ACCOUNT_ID names"):
        adapter.check()
    adapter.close()


def test_a_version_that_hubspot_no_longer_serves_is_told(hubspot, check):
    hubspot.fail("details", 404)

    with pytest.raises(TellUserError, match="its version 2026-09, update holdersync"):
        check()


def test_a_wrong_token_is_told(check):
    with pytest.raises(CredentialsRefusedError, match="HUBSPOT_ACCESS_TOKEN"):
        check(token="pat-wrong")


@pytest.mark.parametrize(
    ("scope", "says"),
    [("read", "crm.objects.contacts.read"), ("schema", "crm.schemas.contacts.read")],
)
def test_a_scope_that_is_missing_is_told(hubspot, check, scope, says):
    hubspot.scopes.remove(scope)

    with pytest.raises(CredentialsRefusedError, match=says):
        check()


def test_a_hubspot_that_is_down_is_told(hubspot, check):
    hubspot.fail("details", 503, times=9)

    with pytest.raises(TellUserError, match=r"can't be asked now.*503"):
        check()


# --- settings ------------------------------------------------------------------------------------


@pytest.fixture
def env(tmp_path, hubspot):
    (tmp_path / "mapping.toml").write_text(MAPPING)
    return {
        "HOLDERSYNC_HOME": str(tmp_path),
        "HUBSPOT_ACCESS_TOKEN": hubspot.token,
        "HUBSPOT_ACCOUNT_ID": hubspot.account,
        "HUBSPOT_MAPPING": "mapping.toml",
        "HUBSPOT_BASE_URL": hubspot.url,
    }


def test_it_is_made_from_its_settings_by_its_name(env):
    adapter = adapter_class("hubspot").from_env(env)

    assert adapter.check()
    adapter.close()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"HUBSPOT_ACCESS_TOKEN": " "}, "HUBSPOT_ACCESS_TOKEN: missing"),
        ({"HUBSPOT_ACCOUNT_ID": "", "HUBSPOT_MAPPING": ""}, "HUBSPOT_ACCOUNT_ID, HUBSPOT_MAPPING"),
        ({"HUBSPOT_ACCOUNT_ID": "my-shop"}, "HUBSPOT_ACCOUNT_ID: write the Hub ID"),
        ({"HUBSPOT_ACCESS_TOKEN": "s3cret s3cret"}, "HUBSPOT_ACCESS_TOKEN: has characters"),
        ({"HUBSPOT_MAPPING": "none.toml"}, "HUBSPOT_MAPPING: the mapping .* can't be read"),
        ({"HUBSPOT_BASE_URL": "http://crm.example.com"}, "HUBSPOT_BASE_URL: write https"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_told_by_its_name(env, changes, says):
    with pytest.raises(TellUserError, match=says) as told:
        HubSpotAdapter.from_env(env | changes)

    assert "s3cret" not in str(told.value)


def test_a_mapping_for_a_database_is_refused(env, tmp_path):
    (tmp_path / "mapping.toml").write_text(
        'object = "p_voucher_assignments"\n[record]\nholder_id = "holder_id"\ndelete = true\n'
    )

    with pytest.raises(TellUserError, match="key and delete are for a database"):
        HubSpotAdapter.from_env(env)


def test_the_scopes_are_those_of_the_objects():
    assert scopes_for("contacts") == (
        "crm.objects.contacts.read, crm.objects.contacts.write and crm.schemas.contacts.read"
    )
    assert "crm.objects.custom.write" in scopes_for("2-123456")
