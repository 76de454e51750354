"""The sql adapter, with a list of what it was told that no kill can take back."""

import os
from pathlib import Path

from sync.crm.adapter import Outcome
from sync.crm.sql.adapter import SqlAdapter


class ToldSql(SqlAdapter):
    """Writes each holder id to the file `told` before it is tried; refuses those of `refused`."""

    @classmethod
    def from_env(cls, env):
        adapter = super().from_env(env)
        adapter.home = Path(env["HOLDERSYNC_HOME"])
        return adapter

    def unassign(self, batch):
        with (self.home / "told").open("a", encoding="utf-8") as told:
            told.write("".join(f"{os.getpid()} {each.holder_id}\n" for each in batch))
        refused = self.home / "refused"
        ids = refused.read_text(encoding="utf-8").split() if refused.exists() else []
        taken = iter(super().unassign([each for each in batch if each.holder_id not in ids]))
        no = Outcome.rejected("refused by order")
        return [no if each.holder_id in ids else next(taken) for each in batch]
