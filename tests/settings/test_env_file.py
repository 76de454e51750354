"""Finding and reading the env file."""

import os
from pathlib import Path

import pytest

from sync.errors import TellUserError
from sync.settings import env_file


def written(folder: Path, content: bytes) -> Path:
    path = folder / "some.env"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"A=1\nB=2\n", {"A": "1", "B": "2"}),
        (b"\xef\xbb\xbfA=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        (b"export A=1\n# a comment\n\nB = 2 # why\n", {"A": "1", "B": "2"}),
        (b"A='one # two'\nB=\"x\\ny\"\n", {"A": "one # two", "B": "x\ny"}),
        (b"A=\nB=''\n", {"A": "", "B": ""}),
        (b"A=1\nA=2\n", {"A": "2"}),
        (b"A=b=c\n", {"A": "b=c"}),
        ("A=zażółć\n".encode(), {"A": "zażółć"}),
        (b"", {}),
    ],
)
def test_names_and_values_are_read_as_written(tmp_path, content, expected):
    assert env_file.read(written(tmp_path, content)) == expected


@pytest.mark.parametrize("value", ["${HOME}", "$HOME", "a${B}c", "a$${B}"])
def test_a_value_is_not_expanded(tmp_path, value, monkeypatch):
    monkeypatch.setenv("HOME", "/elsewhere")

    assert env_file.read(written(tmp_path, f"B=x\nA={value}\n".encode()))["A"] == value


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"A=1\n\n\nB='open\nC=3\n", "4"),
        (b'TOKEN="sk_live_AAAA\nC=3\n', "1"),
        (b"A=1\nsk_live_AAAA\n", "2"),
        (b"A\n\nB='x' y\n", "1, 3"),
        (b"=1\n", "1"),
    ],
)
def test_a_line_that_is_no_setting_is_an_error_with_its_number_and_not_its_text(
    tmp_path, content, lines
):
    path = written(tmp_path, content)
    with pytest.raises(TellUserError) as caught:
        env_file.read(path)

    assert (
        str(caught.value) == f"the env file {path} has lines that are not NAME=value: line {lines}"
    )


@pytest.mark.parametrize(
    "content",
    [
        "A=ä\n".encode("latin-1"),
        "A=1\n".encode("utf-16"),
        "A=1\n".encode("utf-16-le"),
        b"A=1\0\n",
        bytes(range(256)),
    ],
)
def test_a_file_that_is_not_utf_8_is_named(tmp_path, content):
    path = written(tmp_path, content)
    with pytest.raises(TellUserError, match="is not UTF-8") as caught:
        env_file.read(path)

    assert str(path) in str(caught.value)
    assert caught.value.exit_code == 78


def test_a_missing_file_and_a_directory_are_named(tmp_path):
    for path in (tmp_path / "missing.env", tmp_path):
        with pytest.raises(TellUserError, match="name a file that this user may read") as caught:
            env_file.read(path)
        assert str(path) in str(caught.value)


def test_the_named_file_is_taken_even_if_it_does_not_exist(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert env_file.find(Path("other.env"), "") == tmp_path / "other.env"


def test_without_a_name_it_is_dot_env_in_the_home_if_it_exists(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(tmp_path)

    assert env_file.find(None, "home") is None
    (home / ".env").touch()
    assert env_file.find(None, "home") == home / ".env"
    assert env_file.find(None, str(home)) == home / ".env"
    assert env_file.find(None, "") is None


def test_a_directory_called_dot_env_is_no_env_file(tmp_path):
    (tmp_path / ".env").mkdir()

    assert env_file.find(None, str(tmp_path)) is None


def test_a_home_that_can_not_be_looked_into_is_told(tmp_path):
    with pytest.raises(TellUserError, match="--env-file"):
        env_file.find(None, str(tmp_path / ("x" * 5000)))


@pytest.mark.skipif(os.name != "posix", reason="only POSIX files have such a mode")
@pytest.mark.parametrize(("mode", "warned"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1)])
def test_a_file_that_everybody_can_read_is_warned_about(tmp_path, mode, warned):
    path = written(tmp_path, b"A=1\n")
    path.chmod(mode)
    warning = f"the env file can be read by others: chmod 600 {path}"

    assert env_file.warnings_about(path) == (warning,) * warned


@pytest.mark.skipif(not Path("/dev/fd").exists(), reason="no pipes as files here")
def test_a_pipe_can_be_read_and_is_not_warned_about():
    reading, writing = os.pipe()
    os.write(writing, b"A=1\n")
    os.close(writing)
    path = Path(f"/dev/fd/{reading}")
    try:
        assert env_file.read(path) == {"A": "1"}
        assert env_file.warnings_about(path) == ()
    finally:
        os.close(reading)


def test_a_file_that_is_gone_after_it_was_read_is_not_warned_about(tmp_path):
    assert env_file.warnings_about(tmp_path / "gone") == ()
