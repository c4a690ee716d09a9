"""A machine's state on disk: the old one or the new one, never a half."""

import pytest

from config.wire import durable


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "a phone.json"

    assert durable.read(path=path) is None
    durable.write(path=path, state={"atc": 1})
    durable.write(path=path, state={"atc": 2})

    assert durable.read(path=path) == {"atc": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["a phone.json"]


def test_a_cut_while_writing_leaves_the_state_before(tmp_path):
    path = tmp_path / "phone.json"
    durable.write(path=path, state={"atc": 1})
    (tmp_path / "phone.json.new").write_text('{"at')

    assert durable.read(path=path) == {"atc": 1}


def test_what_cannot_be_written_leaves_the_state_before(tmp_path):
    path = tmp_path / "phone.json"
    durable.write(path=path, state={"atc": 1})

    with pytest.raises(TypeError):
        durable.write(path=path, state={"atc": object()})

    assert durable.read(path=path) == {"atc": 1}


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "phone.json"
    path.write_text("[1]")

    with pytest.raises(ValueError, match="no state"):
        durable.read(path=path)
