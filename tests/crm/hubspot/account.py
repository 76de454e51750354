"""An adapter on our HubSpot, and the mappings that its tests share."""

from sync.crm.hubspot.adapter import PATIENCE, HubSpotAdapter
from sync.crm.mapped.mapping import RecordMapping, RecordPart, Slot, SlotMapping
from tests.crm.hubspot.endpoints import Property

FIND = ("prop:voucherify_id = customer_id",)
BY_CODE = SlotMapping(find=FIND, slot=(Slot(code="voucher_code"),))
BY_HOLDER = SlotMapping(
    find=FIND,
    slot=(Slot(code="voucher_code", holder_id="voucher_holder_id", match="holder_id"),),
)
TOLD = SlotMapping(
    find=FIND,
    slot=(
        Slot(
            code="voucher_code",
            clear=("voucher_discount",),
            set={"voucher_status": "unassigned", "voucher_ended_at": "{unassigned_at}"},
        ),
    ),
)
OBJECT = "p_voucher_assignments"
RECORDS = RecordMapping(
    object=OBJECT,
    record=RecordPart(holder_id="holder_id", status="status", set={"ended_on": "{unassigned_on}"}),
)

READ = "POST crm/objects/contacts/batch/read"
WRITE = "POST crm/objects/contacts/batch/update"
ALONE = "PATCH crm/objects/contacts/ID"
PROPERTIES = "GET crm/properties/contacts"


def found_by(rule):
    """Give the mapping of a code that is found by another rule."""
    return SlotMapping(find=(rule,), slot=BY_CODE.slot)


BY_SHOP = found_by("prop:shop_id = source_id")
BY_EMAIL = found_by("email = email")
BY_ID = found_by("record_id = source_id")


def results(outcomes):
    return [each.result for each in outcomes]


def furnish(hubspot):
    """Define what the mappings name, as a merchant would."""
    hubspot.define(
        "contacts",
        "voucher_code",
        "voucher_holder_id",
        "voucher_discount",
        "shop_id",
        "note",
        voucherify_id=Property(unique=True),
        voucher_status=Property("enumeration", options=("assigned", "unassigned")),
        voucher_ended_at=Property("datetime"),
    )
    hubspot.define(
        OBJECT,
        "code",
        "note",
        holder_id=Property(unique=True),
        status=Property("enumeration", options=("assigned", "unassigned")),
        ended_on=Property("date"),
    )


def adapter_on(hubspot, mapping=BY_CODE, **changes):
    """Make an adapter that lets the double's time pass instead of waiting."""
    fields = {
        "base_url": hubspot.url,
        "patience": PATIENCE,
        "wait": hubspot.wait,
        "clock": hubspot.clock,
    }
    token = changes.pop("token", hubspot.token)
    return HubSpotAdapter(token, hubspot.account, mapping, **(fields | changes))
