"""Which modules of a package a program reaches by its import statements, wherever in the code they stand."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path


def reached(programs: Iterable[Path], package: Path) -> frozenset[Path]:
    """The files of a package that programs import, directly or through other modules of it.

    Imports under ``if TYPE_CHECKING`` do not count: they are not carried out. Those inside functions do. A module whose
    name is made up at run time is not found.

    Args:
        programs: Files of Python outside the package.
        package: The package's folder; its name is the folder's.
    """
    found: set[Path] = set()
    waiting = list(programs)
    while waiting:
        for name in _imported(ast.parse(waiting.pop().read_bytes())):
            for file in _files(name, package):
                if file not in found:
                    found.add(file)
                    waiting.append(file)
    return frozenset(found)


def _imported(tree: ast.AST) -> Iterator[str]:
    """Dotted names of what may be modules: of ``from a import b`` both ``a`` and ``a.b``."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def _files(name: str, package: Path) -> Iterator[Path]:
    """The module of a name and the packages around it, where they are files of the package."""
    first, *parts = name.split(".")
    if first != package.name:
        return
    place = package
    yield place / "__init__.py"
    for part in parts:
        place = place / part
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file
