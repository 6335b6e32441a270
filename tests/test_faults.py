"""The table of faults: nothing damaged is read as something else, and every error names what is wrong."""

from pathlib import Path

import pytest
from helpers import faults

TABLE = Path(__file__).parents[1] / "docs/explanation/faults-table.md"


@pytest.mark.thorough
@pytest.mark.any_backend
@pytest.mark.parametrize("kind", faults.KINDS)
def test_nothing_is_read_as_something_else(kind):
    found = list(faults.KINDS[kind](40))
    assert len(found) >= 6
    assert not {"other", "unnamed"} & set(found)


def test_the_table_in_the_documentation_has_all_kinds():
    rows = [line.strip("| ").split(" | ") for line in TABLE.read_text().splitlines()[2:]]
    assert [row[0] for row in rows] == list(faults.KINDS)
    assert all(row[-2:] == ["0", "0"] for row in rows)


def test_a_flipped_bit_that_is_read_is_counted(tmp_path):
    file = tmp_path / "file"
    assert faults.outcome(file, lambda: 1, lambda found: found == 2) == "other"
    assert faults.outcome(file, lambda: int("file"), lambda found: True) == "named"
    assert faults.outcome(file, lambda: int("x"), lambda found: True) == "unnamed"
    assert faults.outcome(file, lambda: {}["file"], lambda found: True) == "unnamed"
