"""What can be said of a user's own table before anything is written into it."""

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from sync.crm.adapter import TellUserError
from sync.crm.mapped.mapping import Mapped, SlotMapping
from sync.crm.mapped.writer import rules_of
from sync.crm.sql.own_columns import MAPPING_SETTING, Column, Kind, why_not
from sync.crm.sql.own_statements import Statements


def require_sense(connection: sa.Connection, statements: Statements, mapping: Mapped) -> None:
    """Refuse columns that can't show what the mapping says, and a key that is none.

    Raises:
        TellUserError: names the columns.
    """
    wrong = [*_wrong_with(statements.columns, mapping)]
    if statements.key in mapping.fields():
        wrong.append(f"{statements.key} is the key, which nothing may change")
    if wrong:
        lines = "".join(f"\n  {each}" for each in wrong)
        msg = f"{MAPPING_SETTING}: the table {mapping.object} doesn't go with the mapping:{lines}"
        raise TellUserError(msg)
    if connection.execute(statements.doubled()).first() is not None:
        msg = (
            f"{MAPPING_SETTING}: key = {statements.key} doesn't tell the rows of {mapping.object} "
            "apart, several have the same value or none: name its primary key"
        )
        raise TellUserError(msg)


def _wrong_with(columns: Mapping[str, Column], mapping: Mapped) -> Iterator[str]:
    for column in columns.values():
        if column.kind is Kind.BINARY:
            yield f"{column.name} is binary, and no text"
    for name, text in _to_be_written(mapping):
        if "{" not in text and (why := why_not(columns[name], text)) is not None:
            yield f"{name} = {text!r}: {name} {why}" if text else f"{name} {why}"


def _to_be_written(mapping: Mapped) -> Iterator[tuple[str, str]]:
    """Give each column with a text that it is to show; what a mapping says of several counts."""
    if isinstance(mapping, SlotMapping):
        for slot in mapping.slot:
            told = set(slot.set)
            yield from ((name, "") for name in slot.written() if name not in told)
            yield from slot.set.items()
        return
    record = mapping.record
    if record.status is not None:
        yield record.status, record.ended
    yield from ((name, "") for name in record.clear)
    yield from record.set.items()


def try_statements(
    connection: sa.Connection, statements: Statements, mapping: Mapped
) -> Sequence[str]:
    """Run what is to run, on no row; give what this can't prove, with the statements themselves.

    The caller rolls back: a trigger may work for a statement that concerns no row.
    """
    rules = rules_of(mapping)
    fields = tuple(rules.fields)
    finds = [statements.find(rule.field or statements.key, ["?"], fields) for rule in rules.find]
    writes = [*_writes(statements, mapping)]
    for statement in (*finds, *writes):
        connection.execute(statement.where(sa.literal_column("1") == sa.literal_column("0")))
    dialect = connection.dialect
    return [
        f"that it finds whom you mean: {'; '.join(_spelt(each, dialect) for each in finds)}",
        *(
            f"that constraints and triggers of {mapping.object} allow: {_spelt(each, dialect)}"
            for each in writes
        ),
    ]


def _writes(statements: Statements, mapping: Mapped) -> Iterator[sa.Update | sa.Delete]:
    """Give what ends an assignment, once for each set of columns, with NULL for each value."""
    if not isinstance(mapping, SlotMapping):
        names = mapping.fields()
        read = dict.fromkeys((statements.key, mapping.record.holder_id, *names))
        after = dict.fromkeys(names, "")
        yield statements.update(read, after) if after else statements.delete(read)
        return
    found_by = mapping.find[0].field or statements.key
    for names in dict.fromkeys(tuple(slot.written()) for slot in mapping.slot):
        read = dict.fromkeys((statements.key, found_by, *names))
        yield statements.update(read, dict.fromkeys(names, ""))


def _spelt(statement: sa.ClauseElement, dialect: sa.Dialect) -> str:
    """Give a statement on one line, with placeholders for all values."""
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return " ".join(str(compiled).split())
