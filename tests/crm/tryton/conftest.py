"""What the tests on Tryton share: one server for each process that runs any of them."""

import os
from contextlib import closing

import pytest

from tests.crm.tryton.merchant import Merchant
from tests.crm.tryton.server import NoTrytonError, Tryton


@pytest.fixture(scope="session")
def merchant(tmp_path_factory):
    """Whoever keeps customers in a Tryton of this process's own; each test brings new people."""
    try:
        tryton = Tryton(tmp_path_factory.mktemp("tryton"))
    except NoTrytonError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))
    with closing(tryton), closing(Merchant(tryton)) as merchant:
        yield merchant
