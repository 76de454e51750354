"""What a CRM believes: who holds which code."""

from dataclasses import dataclass

from sync.model.unassignment import CustomerId, HolderId


@dataclass(frozen=True, slots=True)
class BelievedHolder:
    """One assignment that a CRM shows as not ended.

    Args:
        record_id: of the record that shows it; the place from which a listing goes on.
        customer_id: the person's id in Voucherify, if the CRM keeps it.
        holder_id: the assignment's id, if the CRM keeps it.
        code: the text that people see, if the CRM keeps it.
    """

    record_id: str
    customer_id: CustomerId | None = None
    holder_id: HolderId | None = None
    code: str | None = None
