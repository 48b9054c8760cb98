"""Networks of timm, with weights that are random, in a file, in the hub's cache, or out of reach."""

import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from patchsieve.errors import BackboneError
from patchsieve.features import make_backbone

pytestmark = pytest.mark.usefixtures("timm")


def images(batch: int = 2, side: int = 64) -> torch.Tensor:
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(0))


def outputs_of(network: Any, layers: list[str], batch: torch.Tensor) -> list[torch.Tensor]:
    """Run a whole network and catch what its modules give."""
    seen: dict[str, torch.Tensor] = {}
    modules = dict(network.named_modules())
    for layer in layers:
        modules[layer].register_forward_hook(
            lambda _module, _inputs, output, layer=layer: seen.__setitem__(layer, output)
        )
    with torch.inference_mode():
        network.eval()(batch)
    return [seen[layer] for layer in layers]


def test_a_resnet_gives_the_papers_layers() -> None:
    backbone = make_backbone("timm:resnet18@random")
    assert backbone.layers == ("layer2", "layer3")
    assert [tuple(layer.shape) for layer in backbone(images())] == [(2, 128, 8, 8), (2, 256, 4, 4)]
    assert backbone.mean == (0.485, 0.456, 0.406)
    assert backbone.std == (0.229, 0.224, 0.225)


def test_the_papers_network_has_its_layers_by_name() -> None:
    backbone = make_backbone("timm:wide_resnet50_2@random", ["layer3", "layer2"])
    assert backbone.layers == ("layer2", "layer3")
    assert [tuple(layer.shape) for layer in backbone(images(1))] == [(1, 512, 8, 8), (1, 1024, 4, 4)]


def test_random_weights_are_the_same_every_time_and_leave_the_seed_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = make_backbone("timm:resnet18@random"), make_backbone("timm:resnet18@random", ["layer1"])
    assert torch.equal(torch.rand(3), expected)
    assert first.weights_hash == make_backbone("timm:resnet18@random").weights_hash
    assert second.layers == ("layer1",)


@pytest.mark.parametrize("model", ["resnet18", "convnext_atto", "vit_tiny_patch16_224"])
def test_in_bfloat16_the_maps_differ_by_rounding_only(model: str) -> None:
    whole, half = (
        make_backbone(f"timm:{model}@random", precision=precision) for precision in ("float32", "bfloat16")
    )
    assert half.weights_hash == whole.weights_hash
    for found, expected in zip(half(images(1, 224)), whole(images(1, 224)), strict=True):
        assert found.dtype == torch.float32
        difference = (found - expected).norm() / expected.norm()
        assert 0.001 < difference < 0.03


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_weights_come_from_a_local_file(suffix: str, tmp_path: Path, timm: Any) -> None:
    torch.manual_seed(1)
    network = timm.create_model("resnet18")
    path = tmp_path / f"weights{suffix}"
    if suffix == ".pth":
        torch.save(network.state_dict(), path)
    else:
        save_file(network.state_dict(), path)
    backbone = make_backbone(f"timm:resnet18@{path}", ["layer1", "layer4"])
    for found, expected in zip(
        backbone(images()), outputs_of(network, ["layer1", "layer4"], images()), strict=True
    ):
        torch.testing.assert_close(found, expected)
    assert backbone.weights_hash != make_backbone("timm:resnet18@random", ["layer1", "layer4"]).weights_hash


def test_every_block_of_a_transformer_is_a_layer_and_the_one_that_is_named(tmp_path: Path, timm: Any) -> None:
    torch.manual_seed(1)
    network = timm.create_model("vit_tiny_patch16_224")
    path = tmp_path / "vit.pth"
    torch.save(network.state_dict(), path)
    wanted = ["blocks.3", "blocks.8", "blocks.11"]
    backbone = make_backbone(f"timm:vit_tiny_patch16_224@{path}", wanted)
    assert backbone.layers == tuple(wanted)
    batch = images(1, 224)
    for found, tokens in zip(backbone(batch), outputs_of(network, wanted, batch), strict=True):
        grid = tokens[:, 1:].transpose(1, 2).reshape(1, 192, 14, 14)
        torch.testing.assert_close(found, grid, rtol=1e-4, atol=1e-4)
    assert make_backbone(f"timm:vit_tiny_patch16_224@{path}").layers == ("blocks.5", "blocks.6")


@pytest.mark.parametrize(
    ("model", "layers"),
    [("mobilenetv3_small_100", ("blocks.1", "blocks.3")), ("convnext_atto", ("stages.1", "stages.2"))],
)
def test_other_networks_default_to_their_middle_levels(model: str, layers: tuple[str, str]) -> None:
    backbone = make_backbone(f"timm:{model}@random")
    assert backbone.layers == layers
    assert [tuple(layer.shape[2:]) for layer in backbone(images(1))] == [(8, 8), (4, 4)]


def test_networks_with_the_channels_last_give_maps_like_all_others() -> None:
    backbone = make_backbone("timm:swin_tiny_patch4_window7_224@random", ["layers.1", "layers.2"])
    assert [tuple(layer.shape) for layer in backbone(images(1, 224))] == [(1, 192, 28, 28), (1, 384, 14, 14)]


def test_images_of_a_size_that_a_network_does_not_take_are_said() -> None:
    backbone = make_backbone("timm:vit_tiny_patch16_224@random")
    with pytest.raises(BackboneError, match="1 images of 192x192 pixels; check image_size, crop"):
        backbone(images(1, 192))


@pytest.mark.parametrize(
    ("name", "layers", "said"),
    [
        ("timm:resnet_of_dreams", None, "has no network 'resnet_of_dreams'"),
        ("timm:resnet18@random", ["layer9"], "no layer 'layer9'; it has act1, layer1, .*layer4"),
        ("timm:resnet18@nowhere.pth", None, r"no weights file nowhere\.pth"),
    ],
)
def test_what_does_not_exist_is_named(name: str, layers: list[str] | None, said: str) -> None:
    with pytest.raises(BackboneError, match=said):
        make_backbone(name, layers)


def test_a_file_that_does_not_fit_the_network_is_said(tmp_path: Path, timm: Any) -> None:
    state = timm.create_model("resnet18").state_dict()
    transformer = tmp_path / "vit.pth"
    torch.save(timm.create_model("vit_tiny_patch16_224").state_dict(), transformer)
    cut = tmp_path / "cut.pth"
    torch.save({name: tensor for name, tensor in state.items() if not name.startswith("layer3.0")}, cut)
    text = tmp_path / "text.pth"
    text.write_text("not weights")
    for path in (transformer, cut, text):
        with pytest.raises(
            BackboneError, match=f"the weights file {path} does not fit timm:resnet18"
        ) as caught:
            make_backbone(f"timm:resnet18@{path}")
        assert "\n" not in str(caught.value)
    whole = tmp_path / "whole.pth"
    torch.save(state, whole)
    make_backbone(f"timm:resnet18@{whole}")


@pytest.mark.parametrize("model", ["efficientnet_lite0", "convnext_atto", "vit_tiny_patch16_224"])
def test_a_whole_file_is_silently_enough_for_networks_of_all_kinds(
    model: str, tmp_path: Path, timm: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Their features need no classifier, and timm says so at length."""
    torch.save(timm.create_model(model).state_dict(), tmp_path / "whole.pth")
    assert make_backbone(f"timm:{model}@{tmp_path / 'whole.pth'}").weights_hash
    assert capfd.readouterr().err == ""


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a hub at an address where nobody listens."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    return tmp_path / "hub"


@pytest.mark.usefixtures("no_hub")
def test_a_hub_out_of_reach_is_one_line_with_three_ways_out_in_seconds() -> None:
    started = time.perf_counter()
    with pytest.raises(BackboneError) as caught:
        make_backbone("timm:resnet18")
    assert time.perf_counter() - started < 10
    said = str(caught.value)
    assert "\n" not in said
    for way_out in (
        "connect to the internet",
        "--backbone timm:resnet18@FILE",
        "--backbone efficientnet_lite0",
    ):
        assert way_out in said


@pytest.mark.usefixtures("no_hub")
def test_a_network_without_published_weights_is_said() -> None:
    with pytest.raises(BackboneError, match="the weights of timm:test_vit"):
        make_backbone("timm:test_vit")


def test_the_hubs_local_cache_is_found_without_the_hub(no_hub: Path, timm: Any) -> None:
    torch.manual_seed(2)
    network = timm.create_model("resnet18")
    repository = no_hub / "models--timm--resnet18.a1_in1k"
    snapshot = repository / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    save_file(network.state_dict(), snapshot / "model.safetensors")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123abc")
    backbone = make_backbone("timm:resnet18", ["layer2"])
    torch.testing.assert_close(backbone(images())[0], outputs_of(network, ["layer2"], images())[0])
