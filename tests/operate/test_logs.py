"""The log lines: their form, whose they are, and what never gets into them."""

import io
import json
import logging
import warnings
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from sync.operate.logs import configure

TOKEN = "sk_live_AAAA/b+c"


@pytest.fixture(autouse=True)
def _logging_as_before():
    own, root = logging.getLogger("sync"), logging.getLogger()
    before = (list(root.handlers), root.level, own.level)
    with warnings.catch_warnings():
        yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def as_json(stream):
    configure(log_format="json", level=logging.DEBUG, secrets=[TOKEN], stream=stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.fixture
def as_console(stream):
    configure(log_format="console", level=logging.DEBUG, secrets=[TOKEN], stream=stream)
    return stream.getvalue


def fail_with(text):
    local_token = TOKEN
    msg = f"{text} {local_token}"
    raise RuntimeError(msg)


def log_a_failure(log):
    try:
        fail_with("refused")
    except RuntimeError:
        log.exception("the run failed")


def test_a_json_line_is_one_object_with_event_level_logger_and_fields(as_json):
    structlog.get_logger("sync.jobs.run").info("run done", customers=3)

    (line,) = as_json()

    del line["timestamp"]
    expected = {
        "event": "run done",
        "level": "info",
        "logger": "sync.jobs.run",
        "customers": 3,
    }
    assert expected == line


def test_the_time_is_utc_in_iso_form(as_json):
    structlog.get_logger("sync").info("now")

    stamp = datetime.fromisoformat(as_json()[0]["timestamp"])

    assert stamp.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - stamp) < timedelta(minutes=1)


def test_the_run_id_is_on_our_lines_and_on_those_of_libraries(as_json):
    structlog.contextvars.bind_contextvars(run_id="r1")
    structlog.get_logger("sync").info("ours")
    logging.getLogger("urllib3.connectionpool").warning("theirs %s", 7)

    assert [(line["event"], line["run_id"]) for line in as_json()] == [
        ("ours", "r1"),
        ("theirs 7", "r1"),
    ]


@pytest.mark.parametrize(
    "name", ["urllib3.connectionpool", "sqlalchemy.engine", "alembic", "filelock"]
)
def test_libraries_are_heard_from_warning_on_even_if_we_debug(as_json, name):
    logging.getLogger(name).info("what was sent")
    logging.getLogger(name).debug("what was sent, in full")
    logging.getLogger(name).warning("trouble")

    assert [line["event"] for line in as_json()] == ["trouble"]


def test_our_records_below_the_level_are_not_written(stream):
    configure(log_format="json", level=logging.WARNING, secrets=[], stream=stream)
    log = structlog.get_logger("sync.jobs.run")
    log.info("fine")
    log.warning("not fine")
    logging.getLogger("sync.adapter").info("plain logging too")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["not fine"]


def test_a_level_above_warning_holds_for_libraries_too(stream):
    configure(log_format="json", level=logging.ERROR, secrets=[], stream=stream)
    logging.getLogger("urllib3").warning("trouble")

    assert stream.getvalue() == ""


def test_configuring_twice_does_not_double_lines(stream):
    earlier = io.StringIO()
    configure(log_format="console", level=logging.INFO, secrets=[], stream=earlier)
    configure(log_format="json", level=logging.INFO, secrets=[], stream=stream)
    structlog.get_logger("sync").info("once")
    logging.getLogger("urllib3").warning("once")

    assert earlier.getvalue() == ""
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "once",
        "once",
    ]


def test_handlers_of_others_stay(stream):
    other = logging.NullHandler()
    logging.getLogger().addHandler(other)
    configure(log_format="json", level=logging.INFO, secrets=[], stream=stream)

    assert other in logging.getLogger().handlers


def test_without_a_stream_lines_go_to_stderr_and_none_to_stdout(capsys):
    configure(log_format="json", level=logging.INFO, secrets=[])
    structlog.get_logger("sync").info("hello")
    captured = capsys.readouterr()

    assert captured.out == ""
    assert json.loads(captured.err)["event"] == "hello"


def test_a_console_line_is_for_a_person_and_has_no_colour_codes(as_console):
    structlog.get_logger("sync.jobs.run").warning("run parked", parked_by="cycle")

    line = as_console()

    assert "run parked" in line
    assert "parked_by=cycle" in line
    assert "\x1b" not in line


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_traceback_is_written_without_secrets_and_local_variables(stream, log_format):
    configure(log_format=log_format, level=logging.INFO, secrets=[TOKEN], stream=stream)
    log_a_failure(structlog.get_logger("sync"))
    log_a_failure(logging.getLogger("urllib3"))
    written = stream.getvalue()

    assert written.count("RuntimeError: refused ***") == 2
    assert TOKEN not in written
    assert "local_token =" not in written
    assert "local_token:" not in written


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_a_secret_in_a_field_a_message_or_an_argument_is_hidden(stream, log_format):
    configure(log_format=log_format, level=logging.INFO, secrets=[TOKEN], stream=stream)
    structlog.get_logger("sync").info(f"with {TOKEN}", token=TOKEN, nested={"deep": [TOKEN]})
    logging.getLogger("urllib3").warning("retrying %s", f"https://x?token={TOKEN}")
    written = stream.getvalue()

    assert TOKEN not in written
    assert written.count("***") == 4


def test_python_warnings_become_log_lines(as_json):
    warnings.simplefilter("always")
    warnings.warn(f"unsafe {TOKEN}", UserWarning, stacklevel=1)

    (line,) = as_json()

    assert line["logger"] == "py.warnings"
    assert "unsafe ***" in line["event"]


def test_a_line_that_can_not_be_rendered_says_where_and_nothing_else(stream, capsys):
    configure(log_format="console", level=logging.INFO, secrets=[TOKEN], stream=stream)
    (ours,) = [one for one in logging.getLogger().handlers if vars(one).get("stream") is stream]
    broken = {"name": "urllib3", "msg": "two %s %s", "args": (TOKEN,), "lineno": 7}

    ours.handle(logging.makeLogRecord(broken))

    assert stream.getvalue() == "a log line of urllib3:7 could not be written\n"
    assert capsys.readouterr() == ("", "")
