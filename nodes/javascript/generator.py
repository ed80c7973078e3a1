"""The generator: a tree to the source of a Python function, one line for each operation.

Lines rather than nested expressions, so that neither a long chain of operators
nor a deep one meets a limit of Python's own compiler.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from streamflow.nodes.javascript import operations
from streamflow.nodes.javascript.operands import NOTHING, Kind, Operand, constant, truth
from streamflow.nodes.javascript.tree import (
    Array,
    Binary,
    Chain,
    Conditional,
    Constant,
    Group,
    Logical,
    Name,
    Object,
    Property,
    Spread,
    Template,
    Tree,
    Unary,
)

MAX_BLOCKS: Final = 80
"""Branches within each other; Python's compiler knows 100."""


class TooDeepError(Exception):
    """There are more than `MAX_BLOCKS` branches within each other."""


def generate(tree: Tree, count: int) -> str:
    """The source of two functions of ``count`` values.

    ``evaluate`` returns what the expression gives, ``test`` whether that is true.

    Raises:
        TooDeepError: too many branches stand within each other.
    """
    functions: list[str] = []
    for name, ending in (("evaluate", operations.returned), ("test", operations.tested)):
        body = _Generator()
        body.line(f"return {ending(body.operand(tree))}")
        values = ", ".join(f"v{index}" for index in range(count))
        functions += [f"def {name}({values}):", " try:", *body.lines]
        functions += [" except EvaluationError as error:", "  raise placed(error) from None"]
    return "\n".join(functions) + "\n"


class _Generator:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.blocks = 2
        self.count = 0

    def line(self, code: str) -> None:
        self.lines.append(" " * self.blocks + code)

    @contextmanager
    def block(self, head: str) -> Generator[None, None, None]:
        self.line(head)
        self.blocks += 1
        if self.blocks > MAX_BLOCKS:
            raise TooDeepError
        yield
        self.blocks -= 1

    def new(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def keep(self, code: str, kind: Kind) -> Operand:
        name = self.new()
        self.line(f"{name} = {code}")
        return Operand(name, kind)

    # -- Trees

    def operand(self, tree: Tree) -> Operand:
        """Write what evaluates a tree; give the operand that then stands for its value."""
        match tree:
            case Constant(value):
                return constant(value)
            case Name(index):
                return Operand(f"v{index}", Kind.ANY)
            case Group(inner):
                return self.operand(inner)
            case Property():
                return self.path(tree)
            case Chain(inner):
                return self.chain(inner)
            case Template() | Array() | Object():
                return self.literal(tree)
            case _:
                return self.operation(tree)

    def operation(self, tree: Unary | Binary | Logical | Conditional) -> Operand:
        match tree:
            case Unary():
                return self.unary(tree.operator, tree.operand)
            case Conditional():
                return self.conditional(tree)
            case _:
                return self.spine(tree)

    def literal(self, tree: Template | Array | Object) -> Operand:
        match tree:
            case Array():
                return self.array(tree)
            case Object():
                return self.object(tree)
            case _:
                operands = ", ".join(self.operand(part).code for part in tree.parts)
                return self.keep(f"join({operands})", Kind.STRING)

    def unary(self, operator: str, tree: Tree) -> Operand:
        value = self.operand(tree)
        if operator == "-" and isinstance(tree, Constant) and value.kind is Kind.NUMBER:
            return constant(-tree.value or -float(tree.value))
        return self.keep(*operations.unary(operator, value))

    def spine(self, tree: Tree) -> Operand:
        """Operators between operands; ``a + b + c`` in a loop, however long it is."""
        pending: list[Binary | Logical] = []
        while isinstance(tree, Binary | Logical):
            pending.append(tree)
            tree = tree.left
        value = self.operand(tree)
        for node in reversed(pending):
            if isinstance(node, Binary):
                value = self.keep(
                    *operations.binary(node.operator, value, self.operand(node.right))
                )
            else:
                value = self.logical(node, value)
        return value

    def logical(self, node: Logical, left: Operand) -> Operand:
        name = self.new()
        self.line(f"{name} = {left.code}")
        condition = {
            "&&": truth(left),
            "||": f"not {truth(left)}",
            "??": f"{name} is None or {name} is UNDEFINED",
        }[node.operator]
        with self.block(f"if {condition}:"):
            right = self.operand(node.right)
            self.line(f"{name} = {right.code}")
        return Operand(name, left.kind if left.kind is right.kind else Kind.ANY)

    def conditional(self, node: Conditional) -> Operand:
        condition = self.operand(node.condition)
        name = self.new()
        with self.block(f"if {truth(condition)}:"):
            yes = self.operand(node.yes)
            self.line(f"{name} = {yes.code}")
        with self.block("else:"):
            no = self.operand(node.no)
            self.line(f"{name} = {no.code}")
        return Operand(name, yes.kind if yes.kind is no.kind else Kind.ANY)

    # -- Properties

    def variable(self, tree: Tree) -> Operand:
        """A tree whose value has a name: Python warns of ``5[0]``."""
        value = self.operand(tree)
        return self.keep(value.code, Kind.ANY) if value.is_constant else value

    def path(self, tree: Tree) -> Operand:
        links: list[Property] = []
        while isinstance(tree, Property):
            links.append(tree)
            tree = tree.value
        value = self.variable(tree)
        for link in reversed(links):
            value = self.keep(operations.member(value, self.operand(link.key)), Kind.ANY)
        return value

    def chain(self, tree: Tree) -> Operand:
        """A path of which a link is optional: behind one that finds nothing, all is skipped."""
        links: list[Property] = []
        while isinstance(tree, Property):
            links.append(tree)
            tree = tree.value
        value = self.operand(tree)
        name = self.new()
        self.line(f"{name} = {value.code}")
        value, outer = Operand(name, Kind.ANY), self.blocks
        for link in reversed(links):
            if link.optional:
                self.line(f"if {name} is None or {name} is UNDEFINED: {name} = {NOTHING.code}")
                self.line("else:")
                self.blocks += 1
                if self.blocks > MAX_BLOCKS:
                    raise TooDeepError
            key = self.operand(link.key)
            self.line(f"{name} = {operations.member(value, key)}")
        self.blocks = outer
        return value

    # -- Literals

    def array(self, tree: Array) -> Operand:
        array = self.keep("ArrayLiteral()", Kind.ANY)
        for item in tree.items:
            if isinstance(item, Spread):
                self.line(f"{array.code}.extend(spread_items({self.operand(item.inner).code}))")
            else:
                self.line(f"{array.code}.append({self.operand(item).code})")
        return array

    def object(self, tree: Object) -> Operand:
        made = self.keep("ObjectLiteral()", Kind.ANY)
        for entry in tree.entries:
            if isinstance(entry, Spread):
                value = self.operand(entry.inner)
                self.line(f"{made.code}.update(spread_properties({value.code}))")
                continue
            key = self.operand(entry[0])
            if key.kind is not Kind.STRING:
                key = self.keep(f"to_string({key.code})", Kind.STRING)
            self.line(f"{made.code}[{key.code}] = {self.operand(entry[1]).code}")
        return made
