"""Convolutions with their activation against the same in float64."""

import pickle

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional

from patchsieve.features.backbones.fused import FusedConvolution


@settings(deadline=None, max_examples=30)
@given(
    groups=st.sampled_from([1, 2, 6]),
    width=st.sampled_from([6, 12]),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 2),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    images=st.integers(1, 3),
    relu6=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_it_is_the_convolution_and_the_activation(
    groups: int,
    width: int,
    kernel: int,
    stride: int,
    size: tuple[int, int],
    images: int,
    relu6: bool,
    seed: int,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    plain = nn.Conv2d(6, width, kernel, stride, kernel // 2, groups=groups).requires_grad_(False)
    plain.weight.copy_(torch.randn(plain.weight.shape, generator=generator))
    batch = 4 * torch.randn(images, 6, *size, generator=generator)
    expected = functional.conv2d(
        batch.double(), plain.weight.double(), plain.bias.double(), stride, kernel // 2, groups=groups
    )
    if relu6:
        expected = expected.clamp(0, 6)
    found = FusedConvolution(plain, relu6=relu6)(batch.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-4)
    assert not relu6 or (found.min() >= 0 and found.max() <= 6)


def test_where_nothing_can_be_fused_the_two_follow_each_other() -> None:
    plain = nn.Conv2d(3, 8, 3, padding=1).requires_grad_(False)
    both = FusedConvolution(plain, relu6=True)
    images = 20 * torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    program = torch.export.export(both, (images,))
    operators = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert not any("mkldnn" in operator for operator in operators)
    torch.testing.assert_close(program.module()(images), both(images), rtol=1e-5, atol=1e-5)


def test_the_images_are_left_as_they_were() -> None:
    images = torch.randn(1, 4, 5, 5, generator=torch.Generator().manual_seed(1))
    before = images.clone()
    FusedConvolution(nn.Conv2d(4, 4, 1).requires_grad_(False), relu6=True)(images)
    assert torch.equal(images, before)


def test_it_can_be_sent_to_another_process() -> None:
    there = FusedConvolution(nn.Conv2d(4, 4, 1).requires_grad_(False), relu6=True)
    images = torch.randn(1, 4, 5, 5, generator=torch.Generator().manual_seed(2))
    assert torch.equal(pickle.loads(pickle.dumps(there))(images), there(images))
