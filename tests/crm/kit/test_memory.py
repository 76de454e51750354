"""The contract on a CRM in memory, in each shape."""

from tests.crm.kit.memory import BY_HOLDER, LISTS, MemoryContract, RecordsContract


class TestCodes(MemoryContract):
    not_proven = {16: "the field keeps one code"}


class TestCodesAndHolderIds(MemoryContract):
    mapping = BY_HOLDER
    keeps_holder_id = True
    not_proven = {16: "the field keeps one code", 17: "nothing is cleared by its code alone"}


class TestLists(MemoryContract):
    mapping = LISTS
    separator = ";"


class TestRecords(RecordsContract):
    not_proven = {16: "a record has one code", 17: "nothing is cleared by its code alone"}
