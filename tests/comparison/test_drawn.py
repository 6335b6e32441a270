"""Pages and plots that are drawn once."""

import errno

import pytest

from keras_inits import whole
from keras_inits.comparison.drawn import Drawn


@pytest.fixture
def drawn(tmp_path):
    drawn = Drawn(tmp_path / "page.html", tmp_path / "plot.png", [["run", 1]])
    drawn.write(lambda: "<html>å</html>\n", lambda: b"a plot")
    return drawn


def test_they_are_found_again(drawn):
    assert drawn.is_there()
    assert drawn.page.read_text(encoding="utf-8").startswith("<html>å</html>\n<!-- keras_inits ")


@pytest.mark.parametrize("name", ["page", "plot"])
def test_no_byte_of_them_is_another(drawn, name):
    path = getattr(drawn, name)
    data = path.read_bytes()
    for index in range(len(data)):
        path.write_bytes(data[:index] + bytes([data[index] ^ 1]) + data[index + 1 :])
        assert not drawn.is_there()
    for cut in (data[:-1], data + b"\n", b""):
        path.write_bytes(cut)
        assert not drawn.is_there()
    path.unlink()
    assert not drawn.is_there()


def test_they_show_this_and_nothing_else(drawn, monkeypatch):
    assert not drawn._replace(shown=[["run", 2]]).is_there()
    monkeypatch.setattr("keras_inits.comparison.drawn.__version__", "another")
    assert not drawn.is_there()


@pytest.mark.parametrize("full", ["page", "plot"])
def test_a_full_disk_leaves_them_as_they_were(drawn, full, monkeypatch):
    replace = whole.replace

    def on_full_disk(path, data):
        if path == getattr(drawn, full):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        replace(path, data)

    monkeypatch.setattr(whole, "replace", on_full_disk)
    before = getattr(drawn, full).read_bytes()
    other = drawn._replace(shown=[["run", 2]])
    with pytest.raises(OSError, match="No space left"):
        other.write(lambda: "other", lambda: b"other")
    assert getattr(drawn, full).read_bytes() == before
    assert not other.is_there()
