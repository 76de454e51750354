"""What the guide says about the http adapter is what it does."""

import json
import re
from pathlib import Path

from sync.crm.http.envelope import envelope

GUIDE = (Path(__file__).parents[3] / "sync" / "crm" / "README.md").read_text(encoding="utf-8")
SECTION = GUIDE.split("### http: any endpoint", 1)[1].split("\n### ", 1)[0]


def test_the_envelope_of_the_guide_is_the_one_that_is_sent(unassignment):
    [example] = re.findall(r"```json\n(.*?)```", SECTION, re.DOTALL)

    assert json.loads(example) == json.loads(envelope(unassignment()))
