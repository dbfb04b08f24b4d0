"""Tables as Parquet files: what a file declares is checked before its rows are read."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pgvq.results.format import (
    MODES,
    MOST_COLUMNS,
    MOST_ROWS,
    checked_table,
    column_kinds,
)
from pgvq.storage.casts import exact
from pgvq.storage.files import atomic, one_line, open_regular
from pgvq.types import InputError

_AT_ONCE = 2**16  # rows
_COLUMNS = b"pgvq.columns"  # the checksum of their names, in a file's metadata
_MOST_NAMES = 200_000  # lists in a file's own description
_WIDEST = 64  # bytes of a row's value in a column, as the file stores it
_SPARE = 2**20  # bytes of a column beside its rows: a dictionary, headers


def write(path: Path, frame: pd.DataFrame, table_name: str) -> None:
    """Write a whole table, in the order of its keys, atomically."""
    checked = checked_table(frame, table_name, str(path))
    if len(checked) > MOST_ROWS:
        raise InputError(
            f"cannot write {path}: it has {len(checked):,} rows, and tables have at "
            f"most {MOST_ROWS:,}; use fewer seeds, games or evaluations"
        )
    table = pa.Table.from_pandas(checked, preserve_index=False)
    with atomic(path) as file:
        # Page checksums, because a disk may damage what was written whole, and one of
        # the columns' names, which no page holds; and no second schema of pandas' or
        # Arrow's own beside Parquet's, which has all there is.
        bare = table.replace_schema_metadata(None)
        with pq.ParquetWriter(
            file, bare.schema, write_page_checksum=True, store_schema=False
        ) as writer:
            writer.write_table(bare)
            writer.add_key_value_metadata({_COLUMNS: _checksum(bare.column_names)})


def read(
    path: Path, table_name: str, remedy: str, most_of_a_seed: int = MOST_ROWS
) -> pd.DataFrame:
    """Read a table; `InputError` with the remedy where it is damaged.

    Args:
        path: of the file.
        table_name: of `TABLES`.
        remedy: what to do about a damaged one.
        most_of_a_seed: how many rows one seed can have.
    """
    try:
        # An open file, not a path: of a folder named "a=1" pyarrow would make a column.
        with open_regular(path) as file:
            parquet = pq.ParquetFile(
                file,
                page_checksum_verification=True,
                thrift_string_size_limit=2**24,
                thrift_container_size_limit=_MOST_NAMES,
            )
            _check_declared(parquet, most_of_a_seed)
            _check_names(parquet)
            names = list(parquet.schema_arrow.names)
            kinds = column_kinds(names, table_name, str(path), remedy)
            columns = _read_columns(parquet, names, kinds)
    except InputError:
        raise
    except Exception as error:  # Arrow raises of many kinds on damaged files
        raise InputError(
            f"{path} cannot be read ({one_line(error)}); {remedy}"
        ) from error
    frame = pd.DataFrame(
        {
            name: pd.Series(np.array(MODES, object)[part], dtype="str")
            if kinds[name] == "str"
            else part
            for name, part in columns.items()
        },
        copy=False,
    )
    return checked_table(frame, table_name, str(path), remedy)


def _check_declared(parquet: pq.ParquetFile, most_of_a_seed: int) -> None:
    """Raise `ValueError` for what no table of ours can be, by its own description."""
    held = parquet.metadata
    rows = held.num_rows
    if not 0 <= rows <= MOST_ROWS:
        raise ValueError(f"it declares {rows:,} rows, and may have {MOST_ROWS:,}")
    if held.num_columns > MOST_COLUMNS + 20:
        raise ValueError(f"it declares {held.num_columns:,} columns")
    total = 0
    for number in range(held.num_row_groups):
        group = held.row_group(number)
        total += group.num_rows
        for place in range(group.num_columns):
            size = group.column(place).total_uncompressed_size
            if not 0 <= size <= _WIDEST * max(group.num_rows, 0) + _SPARE:
                raise ValueError(
                    f"it declares {size:,} bytes in one column of {group.num_rows:,} "
                    "rows"
                )
    if total != rows:
        raise ValueError("its numbers of rows contradict each other")
    if "seed" in parquet.schema_arrow.names and rows > most_of_a_seed:
        _check_seeds(parquet, most_of_a_seed)


def _checksum(names: Iterable[str]) -> bytes:
    """Of the names of columns, in their order."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest().encode()


def _check_names(parquet: pq.ParquetFile) -> None:
    """Raise `ValueError` if a column is not called what it was when it was written.

    Tables of older versions say nothing of that, and have no metadata at all.
    """
    held = parquet.metadata.metadata
    if held and held.get(_COLUMNS) != _checksum(parquet.schema_arrow.names):
        raise ValueError("the names of its columns are not those that were written")


def _check_seeds(parquet: pq.ParquetFile, most: int) -> None:
    """Raise `ValueError` if a seed has more rows than it can, before all are read."""
    seen: dict[int, int] = {}
    for batch in parquet.iter_batches(_AT_ONCE, columns=["seed"], use_threads=False):
        seeds, counts = np.unique(batch.column(0), return_counts=True)
        for seed, count in zip(seeds.tolist(), counts.tolist(), strict=True):
            seen[seed] = seen.get(seed, 0) + count
            if seen[seed] > most:
                raise ValueError(
                    f"seed {seed} has more than the {most:,} rows that the experiment "
                    "allows"
                )


def _read_columns(
    parquet: pq.ParquetFile, names: list[str], kinds: dict[str, str]
) -> dict[str, NDArray]:
    """Every column as an array of its kind, texts as numbers of `MODES`.

    Read a part at a time, so that no more than the result is ever in memory.
    """
    rows = parquet.metadata.num_rows
    for field in parquet.schema_arrow:
        _check_type(field, kinds[field.name])
    columns = {
        name: np.empty(rows, np.int8 if kinds[name] == "str" else kinds[name])
        for name in kinds
    }
    start = 0
    for batch in parquet.iter_batches(_AT_ONCE, use_threads=False):
        stop = start + batch.num_rows
        if stop > rows:
            raise ValueError("it has more rows than it declares")
        for name, part in zip(names, batch.columns, strict=True):
            try:
                columns[name][start:stop] = _values(part, kinds[name])
            except ValueError as error:
                raise ValueError(f"{name!r}: {error}") from error
        start = stop
    if start < rows:
        raise ValueError("it has fewer rows than it declares")
    return columns


def _check_type(field: pa.Field, kind: str) -> None:
    """Raise `ValueError` unless a column's type is of the right sort."""
    is_right = {
        "str": pa.types.is_string,
        "bool": pa.types.is_boolean,
    }.get(kind, lambda t: pa.types.is_integer(t) or pa.types.is_floating(t))
    if not is_right(field.type):
        raise ValueError(f"{field.name[:40]!r} is of type {str(field.type)[:40]}")


def _values(part: pa.Array, kind: str) -> NDArray:
    """An Arrow array as one of `kind`; texts as numbers of `MODES`."""
    if kind == "str":
        codes = np.full(len(part), -1, np.int8)
        encoded = part.dictionary_encode()
        for number, known in enumerate(encoded.dictionary.to_pylist()):
            if known not in MODES:
                raise ValueError(f"there is no mode {str(known)[:40]!r}")
            at = encoded.indices.to_numpy(zero_copy_only=False) == number
            codes[at] = MODES.index(known)
        if np.any(codes < 0):
            raise ValueError("a text is missing")
        return codes
    if part.null_count and not pa.types.is_floating(part.type):
        raise ValueError("a value is missing")
    # Missing floats are NaN: so Arrow writes those of pandas.
    return exact(part.to_numpy(zero_copy_only=False), kind)
