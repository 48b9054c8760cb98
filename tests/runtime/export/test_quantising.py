"""A backbone in 16 bits, against torch's own rounding."""

import numpy as np
import onnx
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from patchsieve.runtime.export.quantising import in_bfloat16

LIMITS = st.floats(-1e4, 1e4, width=32).filter(lambda value: value == 0 or abs(value) > 1e-3)


def network(weights, bias) -> onnx.ModelProto:
    """Return a convolution, and a branch that holds numbers of its own."""
    branch = helper.make_graph(
        [helper.make_node("Constant", [], ["chosen"], value=numpy_helper.from_array(bias, "own"))],
        "branch",
        [],
        [helper.make_tensor_value_info("chosen", TensorProto.FLOAT, bias.shape)],
    )
    nodes = [
        helper.make_node("Conv", ["images", "weights"], ["found"]),
        helper.make_node("If", ["always"], ["shift"], then_branch=branch, else_branch=branch),
        helper.make_node("Add", ["found", "shift"], ["layer"]),
    ]
    shape = ("batch", weights.shape[1], "h", "w")
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("layer", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.array(True), "always")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def number_types(graph):
    """Return the types of all floating-point numbers of a graph and of its branches."""
    found = {number.data_type for number in graph.initializer}
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                found.add(attribute.t.data_type)
            if attribute.HasField("g"):
                found |= number_types(attribute.g)
    return found - {TensorProto.BOOL}


@given(st.lists(LIMITS, min_size=4, max_size=4))
def test_numbers_are_rounded_as_torch_rounds_them(values):
    weights = np.array(values, np.float32).reshape(2, 2, 1, 1)
    model = in_bfloat16(network(weights, np.zeros((2, 1, 1), np.float32)))
    (number,) = (one for one in model.graph.initializer if one.name.startswith("weights"))
    kept = np.frombuffer(number.raw_data, "<u2").astype(np.uint32) << 16
    expected = torch.from_numpy(weights).half().bfloat16().float().numpy().ravel()
    np.testing.assert_array_equal(kept.view(np.float32), expected)


def test_what_goes_in_and_comes_out_stays_float32_and_branches_are_rounded_too():
    model = in_bfloat16(network(np.ones((2, 3, 1, 1), np.float32), np.ones((2, 1, 1), np.float32)))
    ends = [*model.graph.input, *model.graph.output]
    assert {end.type.tensor_type.elem_type for end in ends} == {TensorProto.FLOAT}
    assert number_types(model.graph) == {TensorProto.BFLOAT16}
    casts = [node.attribute[0].i for node in model.graph.node if node.op_type == "Cast"]
    assert sorted(casts) == sorted([TensorProto.BFLOAT16, TensorProto.FLOAT])
