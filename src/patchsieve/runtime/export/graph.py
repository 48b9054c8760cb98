"""An ONNX graph as it is built: nodes are added one by one, names are made up, numbers become initializers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import numpy as np
import numpy.typing as npt

# What all engines of the last years run, and what torch's exporter writes natively.
OPSET = 18
# The version of the file format that came with it.
_IR_VERSION = 9


@dataclass
class Graph:
    """Nodes and numbers of a graph. A tensor is known by its name, a str.

    Attributes:
        nodes: in the order in which they compute.
        initializers: by name.
    """

    nodes: list[Any] = field(default_factory=list)
    initializers: dict[str, Any] = field(default_factory=dict)
    _known: dict[tuple[Any, ...], str] = field(default_factory=dict, repr=False)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        from onnx import helper

        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [name], name=name, **attributes))
        return name

    def number(self, values: npt.ArrayLike, dtype: npt.DTypeLike = np.float32) -> str:
        """Add numbers of any shape and return their name; the same numbers are kept once, as a bank is large."""
        from onnx import numpy_helper

        array = np.ascontiguousarray(np.asarray(values, dtype=dtype))
        # A scalar would come back from ascontiguousarray as a vector.
        array = array.reshape(np.shape(values))
        same = (array.dtype.str, array.shape, sha256(array.tobytes()).digest())
        if same not in self._known:
            name = self._known[same] = f"number_{len(self.initializers)}"
            self.initializers[name] = numpy_helper.from_array(array, name)
        return self._known[same]

    def whole(self, values: npt.ArrayLike) -> str:
        """Add whole numbers, such as axes and shapes."""
        return self.number(values, np.int64)

    def cast(self, tensor: str, dtype: npt.DTypeLike) -> str:
        """Convert a tensor to another type."""
        from onnx import helper

        return self.add("Cast", tensor, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def reshape(self, tensor: str, *shape: int) -> str:
        """Give a tensor another shape; 0 keeps the length of that axis, -1 is what is left."""
        return self.add("Reshape", tensor, self.whole(shape))

    def indices_of_lowest(self, tensor: str, count: int) -> str:
        """Return where the lowest values of the last axis are, int64."""
        return self._extreme(tensor, count, largest=0)[1]

    def highest(self, tensor: str, count: int) -> str:
        """Return the highest values of the last axis, the largest first."""
        return self._extreme(tensor, count, largest=1)[0]

    def _extreme(self, tensor: str, count: int, *, largest: int) -> tuple[str, str]:
        from onnx import helper

        name = f"topk_{len(self.nodes)}"
        outputs = (f"{name}_values", f"{name}_indices")
        self.nodes.append(
            helper.make_node(
                "TopK", [tensor, self.whole([count])], list(outputs), name=name, axis=-1, largest=largest
            )
        )
        return outputs

    def split(self, tensor: str, parts: int) -> list[str]:
        """Cut a tensor into equal parts along its first axis."""
        from onnx import helper

        names = [f"split_{len(self.nodes)}_{part}" for part in range(parts)]
        self.nodes.append(
            helper.make_node("Split", [tensor], names, name=names[0], axis=0, num_outputs=parts)
        )
        return names

    def merge(self, model: Any, prefix: str, feed: str) -> list[str]:
        """Add all of another model and return the names of its outputs; added again, it shares its numbers.

        Args:
            model: an `onnx.ModelProto` with one input and no functions of its own.
            prefix: put before all its names.
            feed: what goes in.
        """
        names = {model.graph.input[0].name: feed}
        for number in model.graph.initializer:
            names[number.name] = f"{prefix}/{number.name}"
            if names[number.name] not in self.initializers:
                renamed = type(number)()
                renamed.CopyFrom(number)
                renamed.name = names[number.name]
                self.initializers[renamed.name] = renamed
        place = f"{prefix}/{len(self.nodes)}/"
        for node in model.graph.node:
            names |= {name: place + name for name in node.output if name}
        for node in model.graph.node:
            added = type(node)()
            added.CopyFrom(node)
            _rename(added, names, place)
            self.nodes.append(added)
        return [names[output.name] for output in model.graph.output]

    def model(
        self, inputs: Mapping[str, "Tensor"], outputs: Mapping[str, "Tensor"], imports: Sequence[Any] = ()
    ) -> Any:
        """Return an `onnx.ModelProto` of the whole.

        Args:
            inputs: by name.
            outputs: by name; a tensor of the graph under another name is brought there.
            imports: operator sets beside the standard one.
        """
        from importlib.metadata import version

        from onnx import helper

        for name, tensor in outputs.items():
            self.nodes.append(helper.make_node("Identity", [tensor.source], [name], name=name))
        graph = helper.make_graph(
            self.nodes,
            "patchsieve",
            [tensor.described(name) for name, tensor in inputs.items()],
            [tensor.described(name) for name, tensor in outputs.items()],
            list(self.initializers.values()),
        )
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET), *imports],
            ir_version=_IR_VERSION,
            producer_name="patchsieve",
            producer_version=version("patchsieve"),
        )


def _rename(node: Any, names: Mapping[str, str], place: str) -> None:
    """Give a node's tensors their new names, those that its branches take from outside, too."""
    node.name = place + node.name
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for attribute in node.attribute:
        for inner in attribute.g.node:
            _rename(inner, names, place)


@dataclass(frozen=True)
class Tensor:
    """What goes in or out.

    Attributes:
        dtype: of its numbers.
        shape: of its axes the length, or a name where it varies.
        source: the tensor of the graph that it is, for outputs.
    """

    dtype: npt.DTypeLike
    shape: Sequence[int | str]
    source: str = ""

    def described(self, name: str) -> Any:
        """Return it as ONNX describes it."""
        from onnx import helper

        element = helper.np_dtype_to_tensor_dtype(np.dtype(self.dtype))
        return helper.make_tensor_value_info(name, element, list(self.shape))
