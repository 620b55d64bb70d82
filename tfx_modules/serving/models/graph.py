"""Reads a SavedModel's graph and its functions as data: what runs for a tensor, and where a file's name comes from."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tensorflow.core.framework import graph_pb2, node_def_pb2

_CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})  # pass their inputs on as they are
_VARIABLE_OPS = frozenset({"AssignVariableOp", "ReadVariableOp", "VarIsInitializedOp"})


@dataclass(frozen=True, eq=False)
class Body:
    """The nodes of the main graph, or of a function.

    Attributes:
        function: the function's name; empty for the main graph.
        arguments: the names of a function's inputs, in their order.
    """

    function: str
    nodes: Mapping[str, node_def_pb2.NodeDef]
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Running:
    """What runs for some tensors of the main graph.

    Attributes:
        nodes: names of nodes of the main graph.
        functions: names of functions; all their nodes count as running.
    """

    nodes: frozenset[str] = field(default_factory=frozenset)
    functions: frozenset[str] = field(default_factory=frozenset)

    def has(self, body: Body, node: node_def_pb2.NodeDef) -> bool:
        """Return whether a node runs."""
        return body.function in self.functions if body.function else node.name in self.nodes


class ModelGraph:
    """A graph with its functions."""

    def __init__(self, graph: graph_pb2.GraphDef) -> None:
        self._main = Body("", {node.name: node for node in graph.node})
        self._functions = {
            function.signature.name: Body(
                function.signature.name,
                {node.name: node for node in function.node_def},
                tuple(argument.name for argument in function.signature.input_arg),
            )
            for function in graph.library.function
        }
        self._gradients = {entry.function_name: entry.gradient_func for entry in graph.library.gradient}

    def nodes(self) -> Iterator[tuple[Body, node_def_pb2.NodeDef]]:
        """Yield every node of the graph and of its functions."""
        for body in (self._main, *self._functions.values()):
            for node in body.nodes.values():
                yield body, node

    def running(self, tensors: Iterable[str]) -> Running:
        """Return what may run when tensors or operations of the main graph are asked for."""
        nodes = self._upstream(tensors)
        waiting = [name for node in nodes for name in self._called(self._main.nodes[node])]
        functions: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in functions:
                continue
            functions.add(name)
            waiting += [self._gradients[name]] if self._gradients.get(name) in self._functions else []
            waiting += [called for node in self._functions[name].nodes.values() for called in self._called(node)]
        return Running(frozenset(nodes), frozenset(functions))

    def comes_from(self, body: Body, value: str, wanted: frozenset[str]) -> bool:
        """Return whether a node's input is one of the main graph's tensors, passed on as it is.

        Args:
            body: where the node is.
            value: the input, as the node has it.
            wanted: the tensors, as ``NAME:0``.
        """
        return self._comes_from(body, value, wanted, frozenset())

    def _comes_from(self, body: Body, value: str, wanted: frozenset[str], passed: frozenset[tuple[str, str]]) -> bool:
        name, _, output = value.partition(":")
        if (body.function, name) in passed:
            return False
        passed |= {(body.function, name)}
        if not body.function and f"{name}:{output or 0}" in wanted:
            return True
        if name in body.arguments:
            position = body.arguments.index(name)
            callers = list(self._callers(body.function))
            return bool(callers) and all(
                node.op in _CALLS
                and position < len(node.input)
                and self._comes_from(caller, node.input[position], wanted, passed)
                for caller, node in callers
            )
        node = body.nodes.get(name)
        if node is None or not node.input:
            return False
        if node.op == "Identity":
            return self._comes_from(body, node.input[0], wanted, passed)
        return node.op == "ReadVariableOp" and self._is_assigned_from(body, node.input[0], wanted, passed)

    def _is_assigned_from(
        self, body: Body, handle: str, wanted: frozenset[str], passed: frozenset[tuple[str, str]]
    ) -> bool:
        """Return whether a variable of the main graph, and nobody else's, is assigned such a tensor and nothing else.

        Models of TensorFlow 2 keep the paths of their assets in such variables.
        """
        variable = body.nodes.get(_node_of(handle))
        if body.function or variable is None or variable.op != "VarHandleOp":
            return False
        same = [node for _, node in self.nodes() if node.op == "VarHandleOp" and _shared(node) == _shared(variable)]
        users = [node for node in body.nodes.values() if variable.name in map(_data_node_of, node.input)]
        values = [node.input[1] for node in users if node.op == "AssignVariableOp" and len(node.input) > 1]
        return (
            len(same) == 1
            and all(node.op in _VARIABLE_OPS for node in users)
            and bool(values)
            and all(self._comes_from(body, value, wanted, passed) for value in values)
        )

    def _callers(self, function: str) -> Iterator[tuple[Body, node_def_pb2.NodeDef]]:
        return ((body, node) for body, node in self.nodes() if function in self._called(node))

    def _called(self, node: node_def_pb2.NodeDef) -> set[str]:
        """Return the functions that a node names, as its op or in its attributes."""
        names = {node.op}
        for value in node.attr.values():
            names |= {value.func.name, *(function.name for function in value.list.func)}
        return names & self._functions.keys()

    def _upstream(self, tensors: Iterable[str]) -> set[str]:
        found: set[str] = set()
        waiting = [_node_of(tensor) for tensor in tensors]
        while waiting:
            name = waiting.pop()
            if name not in found and name in self._main.nodes:
                found.add(name)
                waiting += [_node_of(value) for value in self._main.nodes[name].input]
        return found


def _node_of(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]


def _data_node_of(value: str) -> str:
    """Return the node that an input's value is from; empty for one that only comes before."""
    return "" if value.startswith("^") else _node_of(value)


def _shared(variable: node_def_pb2.NodeDef) -> str:
    """Return the name under which a variable is kept: handles that have the same are of one variable."""
    shared = bytes(variable.attr["shared_name"].s).decode("utf-8", "backslashreplace")
    return shared or str(variable.name)
