"""Matrix products in the type that the processor multiplies fastest, and what they may be off by.

Where the hardware multiplies bfloat16, products in it take a third of the time or less. They are not exact; whoever
uses them bounds their error, and measures again where the bound does not decide.
"""

import torch

# A squared norm carried in three columns of bfloat16 keeps the 24 bits that it has in float32.
NORM_COLUMNS = 3
# By which `target_code` and `query_code` extend vectors.
CODE_COLUMNS = 2 * NORM_COLUMNS


def fast_dtype(device: torch.device) -> torch.dtype:
    """Return the type in which products run fastest: bfloat16 where the hardware has it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    if device.type == "cpu" and torch.cpu.get_capabilities().get("avx512_bf16", False):
        return torch.bfloat16
    return torch.float32


def in_columns(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Split float32 values `[...]` into `[..., NORM_COLUMNS]` of `dtype` that sum up to them."""
    columns = []
    remaining = values
    for _ in range(NORM_COLUMNS):
        columns.append(remaining.to(dtype))
        remaining = remaining - columns[-1].float()
    return torch.stack(columns, dim=-1)


def target_code(rounded: torch.Tensor) -> torch.Tensor:
    """Extend vectors `[N, C]` in the fast type: a product with a `query_code` is half the squared distance.

    It is the distance of what the vectors were rounded to. With the lengths of what was rounded, the difference of two
    near vectors would drown in the rounding of their lengths.
    """
    half = _half_square(rounded)
    return torch.cat([-rounded, torch.ones_like(half), half], dim=1)


def query_code(rounded: torch.Tensor) -> torch.Tensor:
    """Extend vectors `[N, C]` to multiply them with those of `target_code`."""
    half = _half_square(rounded)
    return torch.cat([rounded, half, torch.ones_like(half)], dim=1)


def far_targets(targets: torch.Tensor) -> torch.Tensor:
    """Return as many vectors in `target_code` that are far from everything: their last column meets a one."""
    far = torch.zeros_like(targets)
    far[:, -1] = torch.finfo(far.dtype).max / 2
    return far


def _half_square(rounded: torch.Tensor) -> torch.Tensor:
    return in_columns(0.5 * rounded.float().square().sum(dim=-1), rounded.dtype)


def summation_error(terms: int) -> float:
    """Return what summing `terms` products in float32 can be off by, as a share of the sum of their magnitudes."""
    return terms * torch.finfo(torch.float32).eps


def smallest_columns(values: torch.Tensor, count: int) -> torch.Tensor:
    """Return the columns of the `count` smallest of each row of float32 `[Q, R]`, in no order: int64 `[Q, count]`."""
    if values.device.type != "cpu":
        return values.topk(count, dim=1, largest=False).indices
    # torch.topk takes several times as long on a CPU.
    columns = values.contiguous().numpy().argpartition(count - 1, axis=1)
    return torch.from_numpy(columns[:, :count])
