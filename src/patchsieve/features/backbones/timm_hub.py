"""Any network of the timm library, with weights from the hub, from a local file, or random."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from patchsieve.errors import BackboneError
from patchsieve.features.backbones.base import (
    Backbone,
    cannot_run,
    choose_layers,
    dtype_of,
    hash_tensors,
    speed_up,
)

RANDOM = "random"
# How long the hub may take to answer at all, before any download.
_HUB_SECONDS = 5
_RESNET_DEFAULT = ("layer2", "layer3")
# Where timm's kinds of feature networks have their hooks, if they work by them.
_HOOKS = ("hooks", "feature_hooks")


class TimmBackbone(Backbone):
    """A timm network, `timm:NAME`, `timm:NAME@FILE` or `timm:NAME@random`.

    Layers are called as timm calls the modules they come from, e.g. ``layer2`` of a ResNet or ``blocks.8`` of
    a vision transformer. The papers use ``timm:wide_resnet50_2`` with ``layer2`` and ``layer3``, which are the
    default for ResNets; other networks default to the two middle ones of their feature levels.

    Args:
        name: the whole name, with the prefix.
        layers: modules to take, None for the default.
        precision: see `Backbone`.

    Raises:
        BackboneError: timm is not usable here, has no such network or layer, or the weights cannot be had.
        ConfigError: there is no such precision.
    """

    def __init__(self, name: str, layers: Sequence[str] | None = None, *, precision: str = "float32") -> None:
        self.name = name
        self.precision = precision
        self._dtype = dtype_of(precision)
        model, _, weights = name.removeprefix("timm:").partition("@")
        timm = _import_timm(name)
        if not timm.is_model(model):
            raise BackboneError(
                f"timm {timm.__version__} has no network {model!r}; timm.list_models() lists them"
            )
        overlay = self._weights_source(timm, model, weights)
        self._network = self._create(timm, model, overlay, layers)
        # What collects layers by hooks keeps them by device, not by thread.
        self.concurrent = all(getattr(self._network, hooks, None) is None for hooks in _HOOKS)
        self.weights_hash = hash_tensors(self._network.state_dict().items())
        speed_up(self._network, self._dtype)
        configuration = timm.get_pretrained_cfg(model)
        self.mean, self.std = tuple(configuration.mean), tuple(configuration.std)
        if configuration.fixed_input_size:
            self.input_size = configuration.input_size[1], configuration.input_size[2]

    def _weights_source(self, timm: Any, model: str, weights: str) -> dict[str, str] | None:
        """Return timm's overlay naming a local file, an empty one for the hub, None for random weights."""
        if weights == RANDOM:
            return None
        if weights:
            if not Path(weights).is_file():
                raise BackboneError(f"there is no weights file {weights} for {self.name}")
            return {"file": weights}
        repository = timm.get_pretrained_cfg(model).hf_hub_id
        if not repository:
            return {}
        cached = _in_hub_cache(repository)
        if cached:
            return {"file": str(cached)}
        self._require_hub(model)
        return {}

    def _require_hub(self, model: str) -> None:
        """Ask the hub for a sign of life: its client would retry for most of a minute before it gave up."""
        from huggingface_hub import constants, get_session

        try:
            get_session().head(constants.ENDPOINT, timeout=_HUB_SECONDS)
        except Exception as error:
            # The HTTP library behind the client changes between its versions, and its exceptions with it.
            raise BackboneError(_no_weights(self.name, model, {}, error)) from error

    def _create(
        self, timm: Any, model: str, overlay: dict[str, str] | None, layers: Sequence[str] | None
    ) -> Any:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            levels = timm.create_model(model, features_only=True).feature_info
        # All levels, not only those that timm would return unasked: out_indices counts them all.
        known = levels.module_name(list(range(len(levels))))
        default = _RESNET_DEFAULT if set(_RESNET_DEFAULT) <= set(known) else _middle(known)
        self.layers = choose_layers(self.name, layers, default, known)
        indices = [known.index(layer) for layer in self.layers]
        try:
            with _quiet("timm"):
                network = _seeded(timm, model, overlay, indices, seed=0)
                if overlay is not None:
                    _require_all_loaded(network, _seeded(timm, model, overlay, indices, seed=1))
        except Exception as error:
            # The hub's client, timm and torch each raise their own; the way out is the same for all.
            raise BackboneError(_no_weights(self.name, model, overlay, error)) from error
        return network.eval().requires_grad_(False)

    def __call__(self, images: torch.Tensor) -> list[torch.Tensor]:
        """See `Backbone`.

        Raises:
            BackboneError: the network does not take images of this size.
        """
        try:
            maps = self._network(images.to(dtype=self._dtype, memory_format=torch.channels_last))
        except (AssertionError, RuntimeError) as error:
            # Transformers are built for one size, and assert it.
            raise BackboneError(cannot_run(self.name, images, error, self.input_size)) from error
        # Swin and its like compute with the channels last.
        last = getattr(self._network, "output_fmt", "NCHW") == "NHWC"
        return [(layer.permute(0, 3, 1, 2) if last else layer).float() for layer in maps]

    def to(self, device: torch.device) -> None:
        """See `Backbone`."""
        self._network.to(device)


def _seeded(
    timm: Any, model: str, overlay: dict[str, str] | None, indices: Sequence[int], *, seed: int
) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return timm.create_model(
            model,
            features_only=True,
            out_indices=indices,
            pretrained=overlay is not None,
            pretrained_cfg_overlay=overlay,
        )


def _require_all_loaded(network: Any, other_seed: Any) -> None:
    """Raise `ValueError` where weights are still random: timm passes over those that a file does not have."""
    pairs = zip(network.named_parameters(), other_seed.parameters(), strict=True)
    random = [name for (name, ours), theirs in pairs if not torch.equal(ours, theirs)]
    if random:
        raise ValueError(f"it lacks {len(random)} of the network's tensors, {random[0]} for one")


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Keep warnings of a library back: timm lists every tensor of the classifier that features do not need."""
    level = logging.getLogger(logger).level
    logging.getLogger(logger).setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.getLogger(logger).setLevel(level)


def _middle(known: Sequence[str]) -> tuple[str, ...]:
    # Of five levels, as most convolutional networks have them, the third and fourth: strides 8 and 16.
    centre = (len(known) + 1) // 2
    return tuple(known[max(0, centre - 1) : centre + 1])


def _import_timm(name: str) -> Any:
    try:
        import timm
    except ImportError as error:
        raise BackboneError(f"{name} needs timm: pip install 'patchsieve[timm]'") from error
    except RuntimeError as error:
        # A torchvision built for another torch raises this while its operators register.
        raise BackboneError(
            f"{name} needs timm, and timm needs a torchvision that fits this torch {torch.__version__}: {error}"
        ) from error
    return timm


def _in_hub_cache(repository: str) -> Path | None:
    """Look for the weights in the hub's local cache, without asking the network."""
    from huggingface_hub import try_to_load_from_cache

    for file in ("model.safetensors", "pytorch_model.bin"):
        found = try_to_load_from_cache(repository, file)
        if isinstance(found, str):
            return Path(found)
    return None


def _no_weights(name: str, model: str, overlay: dict[str, str] | None, error: Exception) -> str:
    first_line = str(error).strip().partition("\n")[0]
    if overlay and "file" in overlay:
        return f"the weights file {overlay['file']} does not fit {name}: {first_line}"
    return (
        f"the weights of {name} are not on this machine and cannot be downloaded ({first_line}). Three ways out: "
        f"connect to the internet and run once; fetch the file elsewhere and give it as --backbone timm:{model}@FILE; "
        "or use a bundled backbone, --backbone efficientnet_lite0"
    )
