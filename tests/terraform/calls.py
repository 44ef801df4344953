"""Which operations of AWS code can call, read from the code: mypy's types say whose method each method is.

The way goes from a handler along everything that is named on it: functions, methods, properties, classes. A method of a
protocol or of a base stands for the methods of that name of all classes that the way makes instances of. So the table
holds everything that can be called and, where a choice is made by a value, more than is: the tests say where.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from botocore import xform_name
from botocore.session import Session
from mypy.build import BuildResult, build
from mypy.modulefinder import BuildSource
from mypy.nodes import (
    AssignmentStmt,
    Decorator,
    Expression,
    FuncDef,
    MemberExpr,
    NameExpr,
    Node,
    OverloadedFuncDef,
    RefExpr,
    TypeInfo,
    Var,
)
from mypy.options import Options
from mypy.traverser import NameAndMemberCollector
from mypy.types import CallableType, Instance, ProperType, TypeType, TypeVarType, UnionType, get_proper_type
from mypy.types import Type as MypyType

OURS = ("crawlers.", "glue_jobs.", "lambda_trigger.", "sluice.")
CLIENTS = "mypy_boto3_"
NO_OPERATIONS = frozenset({"can_paginate", "exceptions", "get_paginator", "meta"})

# Methods of boto3 that are many operations. Source:
# https://docs.aws.amazon.com/boto3/latest/reference/services/s3/client/copy.html
TRANSFERS = {
    "upload_file": (
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CreateMultipartUpload",
        "PutObject",
        "UploadPart",
    ),
    "copy": (
        "AbortMultipartUpload",
        "CompleteMultipartUpload",
        "CopyObject",
        "CreateMultipartUpload",
        "HeadObject",
        "UploadPartCopy",
    ),
}

Operation = tuple[str, str]
"""The service as IAM calls it, and the operation."""


@dataclass
class _Way:
    """What has been found on the way from one function."""

    operations: set[Operation] = field(default_factory=set)
    made: set[TypeInfo] = field(default_factory=set)
    asked: set[tuple[TypeInfo, str]] = field(default_factory=set)
    seen: set[Node] = field(default_factory=set)
    waiting: list[Node] = field(default_factory=list)


class Code:
    """Modules, with the types of all expressions in them and in what they import."""

    def __init__(self, root: Path, modules: Iterable[str]) -> None:
        """Have mypy read them.

        Args:
            root: The folder of the packages.
            modules: Full names of modules.
        """
        options = Options()
        options.export_types = True
        options.preserve_asts = True
        options.incremental = False
        options.ignore_missing_imports = True
        # Large, and no way to AWS that has a type: what Spark does is told of in the test.
        options.per_module_options = {"pyspark.*": {"follow_imports": "skip", "follow_imports_for_stubs": True}}
        sources = [BuildSource(str(root / f"{name.replace('.', '/')}.py"), name) for name in modules]
        self._result: BuildResult = build(sources, options)
        assert self._result.errors == []
        self._values = dict(self._assignments())

    def operations(self, module: str, function: str) -> set[Operation]:
        """Operations that a function can call.

        Args:
            module: Full name of its module, one of those given.
            function: Its name.
        """
        way = _Way()
        node = self._result.files[module].names[function].node
        assert node is not None
        self._go(way, node)
        while way.waiting:
            piece = way.waiting.pop()
            way.operations.update(self._called_by_name(piece))
            named = NameAndMemberCollector()
            piece.accept(named)
            for expression in (*named.name_exprs, *named.member_exprs):
                self._follow(way, expression)
        return way.operations

    def _assignments(self) -> Iterator[tuple[Node, AssignmentStmt]]:
        """What the names of our modules, tables of functions for example, are bound to."""
        for module, file in self._result.files.items():
            if module.startswith(OURS):
                for statement in file.defs:
                    if isinstance(statement, AssignmentStmt):
                        names = [value.node for value in statement.lvalues if isinstance(value, NameExpr)]
                        yield from ((name, statement) for name in names if name is not None)

    def _called_by_name(self, piece: Node) -> Iterator[Operation]:
        """Operations of a client that its class calls by a text, as `getattr` does."""
        function = piece.func if isinstance(piece, Decorator) else piece
        if not isinstance(function, FuncDef) or not function.info:
            return
        members = [symbol.node for symbol in function.info.names.values()]
        kinds = [member.type for member in members if isinstance(member, Var) and member.type is not None]
        clients = [info for kind in kinds for info in _infos(kind) if info.fullname.startswith(CLIENTS)]
        if not clients:
            return
        first, last = function.line, function.end_line or function.line
        for line, text in _texts(self._result.files[function.info.module_name].path):
            if first <= line <= last:
                for client in clients:
                    if client.get(text) is not None:
                        yield from _operation(client, text)

    def _follow(self, way: _Way, expression: RefExpr) -> None:
        if isinstance(expression, MemberExpr):
            for info in self._owners(expression.expr):
                self._ask(way, info, expression.name)
        if expression.node is not None:
            self._go(way, expression.node)

    def _owners(self, expression: Expression) -> Iterator[TypeInfo]:
        found = self._result.types.get(expression)
        if found is not None:
            yield from _infos(found)

    def _ask(self, way: _Way, info: TypeInfo, name: str) -> None:
        if info.fullname.startswith(CLIENTS):
            way.operations.update(_operation(info, name))
        elif info.fullname.startswith(OURS) and (info, name) not in way.asked:
            way.asked.add((info, name))
            for maker in {info, *way.made}:
                self._answer(way, maker, info, name)

    def _answer(self, way: _Way, maker: TypeInfo, asked: TypeInfo, name: str) -> None:
        symbol = maker.get(name)
        if symbol is not None and symbol.node is not None and _is_a(maker, asked):
            self._go(way, symbol.node)

    def _go(self, way: _Way, node: Node) -> None:
        if node in way.seen:
            return
        way.seen.add(node)
        if isinstance(node, TypeInfo):
            if node.fullname.startswith(OURS):
                self._make(way, node)
        elif isinstance(node, Decorator | FuncDef | OverloadedFuncDef) and node.fullname.startswith(OURS):
            way.waiting.append(node)
        elif node in self._values:
            way.waiting.append(self._values[node])

    def _make(self, way: _Way, info: TypeInfo) -> None:
        way.made.add(info)
        for base in info.mro:
            if not base.fullname.startswith(OURS):
                continue
            # Of what Python itself calls nothing shows in an expression; nor do a dataclass's defaults.
            for symbol in base.names.values():
                if symbol.node is not None and symbol.node.name.startswith("__"):
                    self._go(way, symbol.node)
            way.waiting.extend(statement for statement in base.defn.defs.body if not _is_function(statement))
        for asked, name in sorted(way.asked, key=str):
            self._answer(way, info, asked, name)


def _is_function(node: Node) -> bool:
    return isinstance(node, Decorator | FuncDef | OverloadedFuncDef)


def _infos(found: MypyType) -> Iterator[TypeInfo]:
    kind: ProperType = get_proper_type(found)
    if isinstance(kind, Instance):
        yield kind.type
    elif isinstance(kind, UnionType):
        for item in kind.items:
            yield from _infos(item)
    elif isinstance(kind, TypeType):
        yield from _infos(kind.item)
    elif isinstance(kind, TypeVarType):
        yield from _infos(kind.upper_bound)
    elif isinstance(kind, CallableType) and kind.is_type_obj():
        yield from _infos(kind.ret_type)


def _is_a(info: TypeInfo, asked: TypeInfo) -> bool:
    if asked in info.mro:
        return True
    return asked.is_protocol and all(info.get(name) is not None for name in asked.protocol_members)


def _operation(info: TypeInfo, name: str) -> Iterator[Operation]:
    package = info.fullname.split(".")[0].removeprefix(CLIENTS)
    if not info.fullname.startswith((f"{CLIENTS}{package}.client.", f"{CLIENTS}{package}.paginator.")):
        return
    prefix, operations = _service(package.rstrip("_").replace("_", "-"))
    if info.name.endswith("Paginator"):
        yield prefix, info.name.removesuffix("Paginator")
    elif name in TRANSFERS:
        yield from ((prefix, operation) for operation in TRANSFERS[name])
    elif name not in NO_OPERATIONS and not info.name.endswith("Exceptions"):
        yield prefix, operations[name]


@cache
def _texts(path: str) -> tuple[tuple[int, str], ...]:
    tree = ast.parse(Path(path).read_bytes())
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return tuple((node.lineno, node.value) for node in constants if isinstance(node.value, str))


@cache
def _service(name: str) -> tuple[str, Mapping[str, str]]:
    model = Session().get_service_model(name)
    return model.signing_name, {xform_name(operation): operation for operation in model.operation_names}
