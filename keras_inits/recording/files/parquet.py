"""Apache Parquet: the table's columns, with types, compressed; written at once."""

import io
from typing import Any

import numpy as np

from keras_inits.recording.files.table import columns_of, fields_of
from keras_inits.recording.trace import GradientTrace


def encode(trace: GradientTrace) -> bytes:
    """The whole file."""
    pyarrow = _pyarrow("save")
    columns = {
        name: pyarrow.array(np.ma.getdata(column), mask=np.ma.getmaskarray(column))
        for name, column in columns_of(trace).items()
    }
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def decode(data: bytes) -> dict[str, Any]:
    """The trace's arguments."""
    table = _pyarrow("load").parquet.read_table(io.BytesIO(data))
    return fields_of({name: _column(table[name]) for name in table.column_names})


def _column(column: Any) -> np.ma.MaskedArray:
    values = column.to_numpy()
    mask = column.is_null().to_numpy()
    return np.ma.MaskedArray(values, mask=mask)


def _pyarrow(method: str) -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            f"GradientTrace.{method}() found no pyarrow. A path that ends in .parquet expects it to be installed. "
            'Install it with: pip install "keras_inits[parquet]"'
        ) from error
    return pyarrow
