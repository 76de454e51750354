"""The mapping is read whole, or refused by the place in it."""

from pathlib import Path

import pytest

from sync.crm.adapter import TellUserError
from sync.crm.mapped.mapping import FindRule
from sync.crm.mapped.reading import read_mapping
from sync.crm.mapped.slots import slot_of

EXAMPLE = Path(__file__).parents[3] / "config" / "mapping.example.toml"
FIND = 'find = ["prop:voucherify_id = customer_id"]\n'


@pytest.fixture
def read(tmp_path):
    def read(text):
        path = tmp_path / "mapping.toml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_mapping(path, "HUBSPOT_MAPPING")

    return read


def test_the_example_is_a_mapping():
    mapping = read_mapping(EXAMPLE, "HUBSPOT_MAPPING")

    assert mapping.find == (
        FindRule("voucherify_id", "customer_id"),
        FindRule("shop_id", "source_id"),
    )
    assert mapping.fields() == (
        "voucher_code",
        "voucher_holder_id",
        "voucher_discount",
        "voucher_status",
        "voucher_ended_at",
    )


def test_the_example_explains_every_way_and_each_of_them_can_be_taken(read):
    taken = EXAMPLE.read_text().replace("# [[", "[[")
    for key in (
        "campaign =",
        "code =",
        "match =",
        "multi =",
        "campaign_field =",
        '"record_id',
        '"email',
    ):
        taken = taken.replace(f"# {key}", key)

    mapping = read(taken)

    assert [slot.match for slot in mapping.slot] == ["code", "code+campaign", "holder_id"]
    assert FindRule(None, "source_id") in mapping.find


def table_part():
    """Give the lines of the example that are about records, as if somebody took them."""
    part = EXAMPLE.read_text().partition("One record for each assignment")[2]
    lines = [line.removeprefix("# ") for line in part.splitlines()[2:]]
    assert lines[0].startswith("object")
    return lines


def test_the_example_explains_records_and_a_table_of_ones_own(tmp_path):
    kept = "\n".join(line for line in table_part() if not line.startswith("delete"))
    deleted = "\n".join(
        line
        for line in ['key = "number"', *table_part()]
        if not line.startswith(("status", "ended", "clear", "set"))
    )
    path = tmp_path / "mapping.toml"

    path.write_text(kept)
    record = read_mapping(path, "CRM_SQL_MAPPING", of_a_table=True).record
    assert (record.status, record.ended, record.clear) == (
        "status",
        "unassigned",
        ("voucher_code",),
    )

    path.write_text(deleted)
    mapping = read_mapping(path, "CRM_SQL_MAPPING", of_a_table=True)
    assert (mapping.object, mapping.key) == ("voucher_assignment", "number")
    assert mapping.record.delete


def test_a_slot_is_for_friends_and_any_campaign_unless_it_says_otherwise(read):
    (slot,) = read(f'{FIND}[[slot]]\ncode = "c"\n').slot

    assert (slot.campaign, slot.role, slot.match) == ("*", "REFEREE", "code")


REFUSED = {
    "": "find: is missing",
    FIND: "slot: is missing",
    'find = ["shop = id"]\n[[slot]]\ncode = "c"': 'find[1]: is no rule such as "prop:',
    "find = [7]\n[[slot]]\ncode = 'c'": "find[1]: is no rule",
    "find = []\n[[slot]]\ncode = 'c'": "find: ",
    f'{FIND}[[slot]]\ncode = " "': "slot[1].code: is empty",
    f"{FIND}[[slot]]\ncode = 7": "slot[1].code: is no text",
    f'{FIND}[slot]\ncode = "c"': "slot: is no list: write it in [ ], or a slot under [[slot]]",
    'object = "o"\nrecord = 1': "record: is no table",
    f'{FIND}[[slot]]\ncode = "c"\n[[slot]]\ncoed = "c"': "slot[2].coed: is no key of a mapping",
    f'{FIND}[[slot]]\ncode = "c"\nmatch = "holder_id"': "slot[1]: match = holder_id needs",
    f'{FIND}[[slot]]\ncode = "c"\nmatch = "code+campaign"': "slot[1]: match = code+campaign needs",
    f'{FIND}[[slot]]\ncode = "c"\nmatch = "exactly"': "slot[1].match: ",
    f'{FIND}[[slot]]\ncode = "c"\nmulti = ";"\nholder_id = "h"': "slot[1]: multi needs",
    f'{FIND}[[slot]]\ncode = "c"\nmulti = ""': "slot[1].multi: ",
    f'{FIND}[[slot]]\ncode = "c"\nclear = ["c"]': "slot[1]: the field c has two meanings",
    f'{FIND}[[slot]]\ncode = "c"\nset = {{ a = "{{email}}" }}': "slot[1].set.a: tells {email}",
    'object = "o"\n[record]\nholder_id = "h"\nstatus = "s"\ndelete = true': "record: delete leaves",
    "find = [": "is no TOML",
    b"\xff": "is no TOML (not UTF-8)",
    f"a = {'[' * 9_999}": "is nested too deeply",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_mapping_that_can_not_be_is_refused_by_the_place_in_it(read, tmp_path, text):
    with pytest.raises(TellUserError) as refused:
        read(text)

    told = str(refused.value)
    assert told.startswith(f"HUBSPOT_MAPPING: the mapping {tmp_path / 'mapping.toml'} ")
    assert REFUSED[text] in told


def test_a_mistake_is_told_once_and_many_are_not_told_all(read):
    with pytest.raises(TellUserError) as one:
        read(f'{FIND}[[slot]]\ncode = "c"\nset = {{ a = 1 }}')
    with pytest.raises(TellUserError) as many:
        read("".join(f"k{number} = 1\n" for number in range(1_000)))

    assert str(one.value).endswith("changed:\n  slot[1].set.a: is no text: write it in quotes")
    assert len(str(many.value).splitlines()) == 21


@pytest.mark.parametrize("role", ["referrer", " Referrer ", "REFERRER"])
def test_a_role_is_meant_however_it_is_written(read, unassignment, role):
    mapping = read(f'{FIND}[[slot]]\ncode = "c"\nrole = "{role}"')

    assert slot_of(mapping, unassignment(role="REFERRER")) == mapping.slot[0]
    assert (
        mapping.fingerprint()
        == read(f'{FIND}[[slot]]\ncode = "c"\nrole = "REFERRER"').fingerprint()
    )


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(TellUserError, match="No such file"):
        read_mapping(tmp_path / "none.toml", "HUBSPOT_MAPPING")


def test_only_another_meaning_is_another_destination(read):
    first = read(f'{FIND}[[slot]]\ncode = "c"\n')
    same = read(f'# a comment\n{FIND}\n[[slot]]\ncode = "c"\nrole = "REFEREE"\n')
    other = read(f'{FIND}[[slot]]\ncode = "d"\n')

    assert first.fingerprint() == same.fingerprint() != other.fingerprint()


def test_a_later_version_of_this_tool_knows_the_same_destination(read):
    slots = read(f'{FIND}[[slot]]\ncode = "c"\n')
    records = read('object = "o"\n[record]\nholder_id = "h"\nstatus = "s"\n')

    assert (slots.fingerprint(), records.fingerprint()) == ("9e232683", "b3dc8a18")


def slot(campaign, code, more=""):
    return f'[[slot]]\ncampaign = "{campaign}"\ncode = "{code}"\n{more}\n'


@pytest.mark.parametrize(
    ("slots", "says"),
    [
        ([slot("A", "one", 'clear = ["One"]')], "the field One has two meanings"),
        (
            [slot("A", "one", 'clear = ["two"]'), slot("B", "two")],
            "the field two has two meanings",
        ),
        (
            [slot("A", "one", 'clear = ["off"]'), slot("B", "two", 'clear = ["off"]')],
            "the field off has two meanings",
        ),
        (
            [slot("A", "one", 'set = {off = "no"}'), slot("B", "two", 'clear = ["OFF"]')],
            "the field OFF has two meanings",
        ),
        (
            [slot("A", "one", 'holder_id = "held"'), slot("B", "one")],
            "the field one has two meanings",
        ),
        (
            [slot("A", "one", 'multi = ";"'), slot("B", "one", 'multi = ","')],
            "the field one has two meanings",
        ),
        ([slot("A", "one", 'clear = ["Voucherify_ID"]')], "the field Voucherify_ID finds contacts"),
        ([slot("A", "one"), slot("A", "two")], "slot 2 is never reached"),
        ([slot("*", "one"), slot("A", "two")], "slot 2 is never reached"),
        ([slot(" * ", "one"), slot("A", "two")], "slot 2 is never reached"),
        ([slot("A", "one"), slot(" A", "two")], "slot 2 is never reached"),
    ],
)
def test_slots_that_would_change_what_another_one_is_about_are_refused(read, slots, says):
    with pytest.raises(TellUserError, match=says):
        read(FIND + "".join(slots))


@pytest.mark.parametrize(
    "slots",
    [
        [slot("A", "one", 'set = {off = "a"}'), slot("B", "two", 'set = {off = "b"}')],
        [slot("A", "one", 'clear = ["off"]'), slot("B", "one", 'clear = ["off"]')],
        [slot("A", "one"), slot("A", "two", 'role = "OWNER"')],
        [slot("A", "one"), slot("*", "two")],
    ],
)
def test_slots_may_share_what_means_the_same(read, slots):
    assert len(read(FIND + "".join(slots)).slot) == 2
