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
