"""Digests by which damage to what was saved is noticed."""

import hashlib
import json
import os
from collections.abc import Container
from pathlib import Path
from typing import Any

import jax
import numpy as np

from pgvq.storage.files import open_regular
from pgvq.types import PyTree

_CHUNK = 2**20  # bytes read at a time


def array_digests(tree: PyTree) -> dict[str, str]:
    """Of every array of a tree, by its path: "float32[2, 3] DIGEST".

    The digest is of the array's bytes in row-major order; NaNs count by their bits.
    """
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path): _of_array(leaf) for path, leaf in leaves}


def _of_array(array: Any) -> str:
    array = np.asarray(array)
    flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return f"{kind_of(array)} {hashlib.sha256(flat.data).hexdigest()}"


def kind_of(array: Any) -> str:
    """An array's dtype and shape, as "float32[2, 3]"."""
    return f"{array.dtype}{list(array.shape)}"


def file_digests(
    folder: Path, names: Container[str] | None = None, *, flush: bool = False
) -> dict[str, str]:
    """Of regular files in a folder, by their path in it.

    Args:
        folder: with folders in it, to any depth.
        names: only files of these names, so far as they are there; all by default.
        flush: have each reach the disk, so that no later file outlives it.
    """
    found = {}
    for place, _, files in sorted(os.walk(folder)):
        for path in (Path(place, name) for name in sorted(files)):
            name = path.relative_to(folder).as_posix()
            if names is None or name in names:
                found[name] = _of_file(path, flush)
    return found


def _of_file(path: Path, flush: bool) -> str:
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while part := file.read(_CHUNK):
            digest.update(part)
        if flush:
            os.fsync(file.fileno())
    return digest.hexdigest()


def json_digest(value: Any) -> str:
    """Of what a value says in JSON, however it is laid out."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
