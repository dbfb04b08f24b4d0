"""The user's own code: which it is, what it refers to, and digests of it.

A digest is of what a program does, not of how it is laid out: comments, docstrings,
blank lines, quotes and line breaks do not count. Where the source of a function is at
hand it is the digest of its syntax tree, the same in every version of Python; where it
is not (a prompt, `python -c`) it is one of the compiled instructions.

Own code is all that lies neither in the standard library, nor in site-packages, nor in
pgvq: the versions of those are in the provenance of every session.
"""

import ast
import bisect
import dis
import hashlib
import linecache
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import CodeType
from typing import Any

# Names under which the file that defines an experiment runs: which of them depends on
# how it was started, and nothing else does.
FILE_MODULES = ("__main__", "__mp_main__", "pgvq_experiment_file")

_LAYOUT = {"NOP", "EXTENDED_ARG", "CACHE", "RESUME", "PRECALL", "NOT_TAKEN"}
_GLOBALS = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")


def short_hash(text: str | bytes, length: int = 16) -> str:
    """The first hexadecimal digits of a text's SHA-256."""
    data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(data).hexdigest()[:length]


def is_own(module: str | None) -> bool:
    """Whether a module, by its name, is the user's own code."""
    if module is None or module in FILE_MODULES:
        return True
    top = module.partition(".")[0]
    if top == "pgvq" or top in sys.stdlib_module_names or top == "builtins":
        return False
    path = _path(module)
    # A module that is no file was made by a program of the user's.
    return path is None or not _is_installed(path)


@lru_cache(maxsize=4096)
def _is_installed(path: str) -> bool:
    parts = Path(path).parts
    if "site-packages" in parts or "dist-packages" in parts:
        return True
    standard = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    return any(path.startswith(folder + os.sep) for folder in standard if folder)


def _spec(module: str) -> ModuleSpec | None:
    """Where a module comes from, whether it is imported already or not."""
    found = sys.modules.get(module)
    if found is not None:
        return getattr(found, "__spec__", None)
    parent, _, _ = module.rpartition(".")
    above = _spec(parent) if parent else None
    if parent and (above is None or above.submodule_search_locations is None):
        return None
    places = above.submodule_search_locations if above is not None else None
    try:
        return PathFinder.find_spec(module, places)
    except (ImportError, ValueError, OSError):
        return None


def _path(module: str) -> str | None:
    """The file of a module; None where it has none, or there is no such module."""
    found = sys.modules.get(module)
    if found is not None and isinstance(file := getattr(found, "__file__", None), str):
        return os.path.abspath(file)
    spec = _spec(module)
    if spec is None or not spec.has_location or spec.origin is None:
        return None
    return os.path.abspath(spec.origin)


# A module's source is read once for each time that it is imported: the code that runs
# is the one of then, whatever was written to the file since.
_read: dict[str, tuple[Any, str, frozenset[str]]] = {}


def fingerprint(modules: Iterable[str]) -> dict[str, str]:
    """Digests of own modules and of all own modules that these import, by name."""
    found: dict[str, str] = {}
    waiting = sorted({name for module in modules for name in _with_parents(module)})
    while waiting:
        module = waiting.pop()
        if module in found or module in FILE_MODULES or not is_own(module):
            continue
        path = _path(module)
        if path is None:
            continue
        digest, imported = _module(module, path)
        found[module] = digest
        waiting.extend(imported)
    return dict(sorted(found.items()))


def _module(module: str, path: str) -> tuple[str, frozenset[str]]:
    """The digest of a module's source, and the names that it imports."""
    marker: Any = getattr(sys.modules.get(module), "__spec__", None)
    if marker is None:
        try:
            marker = (path, os.stat(path).st_mtime_ns, os.stat(path).st_size)
        except OSError:
            marker = path
    known = _read.get(module)
    # Two imports of one file have equal specs, but not the same.
    same = known is not None and (
        known[0] is marker
        or (known[0] == marker and not isinstance(marker, ModuleSpec))
    )
    if known is not None and same:
        return known[1:]
    try:
        data = Path(path).read_bytes()
    except OSError:
        data = b""
    try:
        tree = ast.parse(data) if path.endswith((".py", ".pyw")) else None
    except (SyntaxError, ValueError):
        tree = None
    if tree is None:
        made = short_hash(data), frozenset[str]()
    else:
        inside = module if _is_package(path) else module.rpartition(".")[0]
        made = short_hash(_shape(tree)), frozenset(_imports(tree, inside))
    _read[module] = (marker, *made)
    return made


def _is_package(path: str) -> bool:
    return Path(path).stem == "__init__"


def _imports(tree: ast.AST, package: str) -> Iterator[str]:
    """Full names of all that may be a module among what a source imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield from _with_parents(base)
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _with_parents(module: str) -> list[str]:
    """`a.b.c` as `a`, `a.b` and `a.b.c`: importing it runs all of them."""
    parts = module.split(".") if module else []
    return [".".join(parts[: i + 1]) for i in range(len(parts))]


def _shape(node: Any) -> str:
    """A syntax tree as text, without positions, docstrings and empty statements."""
    if isinstance(node, list):
        return "[" + ",".join(_shape(part) for part in node) + "]"
    if not isinstance(node, ast.AST):
        return constant(node)
    parts = []
    for name, value in ast.iter_fields(node):
        if name in ("ctx", "type_comment", "kind", "type_ignores"):
            continue
        if isinstance(value, list):
            value = [part for part in value if not _says_nothing(part)]
        if value is not None and value != []:
            parts.append(f"{name}={_shape(value)}")
    return f"{type(node).__name__}({','.join(parts)})"


def _says_nothing(node: Any) -> bool:
    """A docstring or another constant that stands alone, `pass`, what a script runs."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test).replace('"', "'") == "__name__ == '__main__'"
    return isinstance(node, ast.Pass) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    )


def constant(value: Any) -> str:
    """A constant of a program as text, its type included, the same in every process."""
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(constant(part) for part in value)) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join(constant(part) for part in value) + ",)"
    if isinstance(value, CodeType):
        return code_digest(value)
    return f"{type(value).__name__}:{value!r}"


class _Source:
    """The text of a file as it was compiled, its functions and their code."""

    def __init__(self, name: str) -> None:
        self.text = "".join(linecache.getlines(name))
        self.nodes: dict[tuple[str, int], list[ast.AST]] = {}
        self.codes: list[CodeType] = []
        try:
            tree = ast.parse(self.text)
            self.codes = list(_all_codes(compile(self.text, name, "exec", 0, True)))
        except (SyntaxError, ValueError):
            return
        self.known = set(self.codes)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                self.nodes.setdefault((node.name, first), []).append(node)
            elif isinstance(node, ast.Lambda):
                self.nodes.setdefault(("<lambda>", node.lineno), []).append(node)

    def node(self, code: CodeType) -> ast.AST | None:
        """Where a code object was written; None where that is not certain."""
        if not self.codes or code not in self.known:
            return None
        found = self.nodes.get((code.co_name, code.co_firstlineno), [])
        return found[0] if len(found) == 1 else _around(found, code)


def _around(nodes: list[ast.AST], code: CodeType) -> ast.AST | None:
    """The smallest of the nodes that all instructions of a code object lie in."""
    at = [p for p in code.co_positions() if None not in p and p[3] != p[2]]
    inside: list[Any] = [
        node
        for node in nodes
        if at
        and all(
            (node.lineno, node.col_offset) <= (first, left)  # pyright: ignore
            and (last, right) <= (node.end_lineno, node.end_col_offset)  # pyright: ignore
            for first, last, left, right in at
        )
    ]
    return max(inside, key=lambda n: (n.lineno, n.col_offset), default=None)


def _all_codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for part in code.co_consts:
        if isinstance(part, CodeType):
            yield from _all_codes(part)


_sources: dict[str, _Source] = {}


def _source(code: CodeType) -> _Source:
    """The source that a code object was compiled from, if it is still there."""
    name = code.co_filename
    known = _sources.get(name)
    if known is None or not known.codes or code not in known.known:
        linecache.checkcache(name)
        lines = "".join(linecache.getlines(name))
        if known is None or known.text != lines:
            known = _Source(name)
            if (known.codes and code in known.known) or name not in _sources:
                _sources[name] = known
    return known


def code_digest(code: CodeType) -> str:
    """The digest of what a function's own code does; not of what it refers to."""
    return _code_digest(code, code.co_filename)


@lru_cache(maxsize=65536)
def _code_digest(code: CodeType, _: str) -> str:
    # Code objects of two files can be equal, and one of the files may be gone.
    node = _source(code).node(code)
    if node is not None:
        return short_hash(_shape(node))
    return short_hash("\n".join(_instructions(code)))


@lru_cache(maxsize=4096)
def place_among_namesakes(code: CodeType) -> int:
    """0 where the qualified name says which function of its file this is, else 1, 2...

    `def step` may stand twice in one function, and many lambdas have one name.
    """
    same = [c for c in _source(code).codes if c.co_qualname == code.co_qualname]
    return 1 + same.index(code) if len(same) > 1 and code in same else 0


def _instructions(code: CodeType) -> Iterator[str]:
    """The instructions of a code object, without what only its layout makes."""
    kept = [i for i in dis.get_instructions(code) if i.opname not in _LAYOUT]
    offsets = [instruction.offset for instruction in kept]
    yield f"{code.co_argcount},{code.co_posonlyargcount},{code.co_kwonlyargcount}"
    yield f"{code.co_varnames},{code.co_freevars},{code.co_flags}"
    for one in kept:
        jump = one.opcode in dis.hasjrel or one.opcode in dis.hasjabs
        value = bisect.bisect_left(offsets, one.argval) if jump else one.argval
        yield f"{one.opname} {constant(value)}"


@lru_cache(maxsize=65536)
def references(code: CodeType) -> tuple[tuple[str, ...], ...]:
    """Global names that a function reads, with the attributes read of them, sorted.

    `helper.scale(x)` is `("helper", "scale")`. What it imports while it runs begins
    with an empty name: `("", "helper")`.
    """
    found: set[tuple[str, ...]] = set()
    chain: list[str] = []
    for one in dis.get_instructions(code):
        if chain and one.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            chain.append(str(one.argval))
        elif one.opname not in _LAYOUT:
            if chain:
                found.add(tuple(chain))
            chain = [str(one.argval)] if one.opname in _GLOBALS else []
            if one.opname == "IMPORT_NAME":
                found.add(("", str(one.argval)))
    for part in code.co_consts:
        if isinstance(part, CodeType):
            found.update(references(part))
    return tuple(sorted(found))
