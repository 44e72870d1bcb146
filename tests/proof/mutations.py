"""Small wrong changes to a module's source, one at a time.

Belongs here: which changes are made: comparisons, and/or, not, constants, arithmetic, verdicts.
Keep out: whether tests notice them (mutation.py).
"""

import ast
from collections.abc import Iterator
from typing import Any, NamedTuple


class Mutation(NamedTuple):
    """A changed source and where it is changed."""

    line: int
    what: str
    source: str


_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
}
_NAMES = {
    "PASSED": "FAILED",
    "FAILED": "PASSED",
    "NOT_APPLICABLE": "FAILED",
    "ZERO": "ONE",
    "ONE": "ZERO",
    "max": "min",
    "min": "max",
    "abs": "Decimal",
}


def mutations(source: str) -> Iterator[Mutation]:
    """Every change, with the source as it is after that one alone."""
    tree = ast.parse(source)
    for node in list(ast.walk(tree)):
        for field, value in _changes(node):
            original, before = getattr(node, field), ast.unparse(node)
            setattr(node, field, value)
            what = f"{before[:60]} -> {ast.unparse(node)[:60]}"
            yield Mutation(getattr(node, "lineno", 0), what, ast.unparse(tree))
            setattr(node, field, original)


def _changes(node: ast.AST) -> list[tuple[str, Any]]:
    """What can be done to a node: which of its fields may be what instead."""
    match node:
        case ast.Compare(ops=[op]):
            return [("ops", [new()]) for new in _COMPARISONS[type(op)]]
        case ast.BoolOp(op=op):
            return [("op", ast.Or() if isinstance(op, ast.And) else ast.And())]
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _OPERATORS:
            return [("op", _OPERATORS[type(op)]())]
        case ast.Constant(value=bool() as value):
            return [("value", not value)]
        case ast.Constant(value=int() as value):
            return [("value", value + 1), ("value", value - 1)]
        case ast.UnaryOp(op=ast.USub()):
            return [("op", ast.UAdd())]
        case ast.UnaryOp(op=ast.Not()):
            return [("operand", ast.UnaryOp(ast.Not(), node.operand))]
        case ast.If(test=test) | ast.IfExp(test=test):
            return [("test", ast.UnaryOp(ast.Not(), test))]
        case ast.Name(id=name, ctx=ast.Load()) if name in _NAMES:
            return [("id", _NAMES[name])]
        case _:
            return []
