"""One model on every engine, beside anomalib's PatchCore and beside the bare backbone, at an equal bank.

    python benchmarks/engines.py --peers CACHE --data DATA/cookies
    python benchmarks/engines.py --peers CACHE --data DATA/cookies --backbone resnet18 --bank 10000

The first run makes an environment below CACHE with anomalib and this PatchSieve; see `benchmarks/kernels.py`.
For each backbone and size of the bank PatchCore is fitted on images of DATA, exported, and run on torch,
ONNX Runtime and OpenVINO, there also with the backbone in 8-bit integers, on OpenVINO in bfloat16, too;
anomalib's Patchcore gets the same bank and a backbone of the same kind, and is run on torch and by its OpenVINO
inferencer. All start from one decoded image, uint8, and end with score and map. Weights are random: only time is
measured. All have the same threads and run in turns, with a rest before each; a ratio is the median over pairs,
its range behind it. The last tables have a line for each case: the fastest of ours by the fastest bare backbone,
and how many times as long anomalib takes as the fastest of ours, with floating-point numbers and with 8-bit
integers.

anomalib's inferencer is timed as it comes, which is in bfloat16 where the processor has it, and in float32,
as all others but those called bfloat16.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from speed.pairs import Contender, interleave, print_table
from speed.peers import declare_torchvision, enter

Images = npt.NDArray[np.uint8]

# The names that anomalib and PatchSieve have for the layers of a network of timm.
LAYERS = {
    "wide_resnet50_2": ("layer2", "layer3"),
    "resnet18": ("layer2", "layer3"),
    "efficientnet_lite0": ("blocks.2", "blocks.4"),
}
FRAME = (224, 224)
INTEGERS = ", int8"
# 1639 is 1 % of the patches of 209 images, PatchCore's usual share of a category of MVTec AD.
BANKS = (1000, 1639, 5000, 10_000)


@dataclass
class Case:
    """One line of the last tables.

    Attributes:
        name: backbone, bank and batch.
        ours: the fastest of ours that computes with floating-point numbers, in pairs with the peers.
        bare: the fastest bare backbone.
        share: what the fastest of ours takes by that one.
        integers: the fastest of ours with a backbone in 8-bit integers; None where the export refused it.
        peers: how many times as long each peer takes as `ours`, and as `integers`.
    """

    name: str
    ours: str
    bare: str
    share: str
    integers: str | None
    peers: dict[str, tuple[str, ...]]


def main() -> None:
    arguments = parse()
    enter(arguments.peers)
    declare_torchvision()
    import torch

    torch.set_num_threads(arguments.threads)
    cases = []
    for backbone in arguments.backbone:
        for size in arguments.bank:
            with tempfile.TemporaryDirectory() as folder:
                cases += run(arguments, backbone, size, Path(folder))
    summarise(cases)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, required=True, help="folder that keeps the peers' environment")
    parser.add_argument("--data", type=Path, required=True, help="a folder of images")
    parser.add_argument("--backbone", nargs="+", choices=tuple(LAYERS), default=tuple(LAYERS))
    parser.add_argument("--bank", nargs="+", type=int, default=BANKS, help="patches in the bank")
    parser.add_argument("--batch", type=int, default=8, help="images of a call where throughput is measured")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="the same for all contenders")
    return parser.parse_args()


def run(arguments: argparse.Namespace, backbone: str, size: int, folder: Path) -> list[Case]:
    from patchsieve.images import decode, read_images
    from patchsieve.runtime import load_exported

    images = read_images(arguments.data)
    train = images.train
    train = train.with_records(list(train)[: 2 + size // 600])
    single = fitted(backbone, size, train, "float32")
    half = fitted(backbone, size, train, "bfloat16")
    engines = {
        name: load_exported(written.folder, threads=arguments.threads).engine.run
        for name, written in exports(single, folder).items()
    }
    image = decode(images.test[0])
    bank = single.bank_.features
    title = f"{backbone}, bank {tuple(bank.shape)}"
    print(f"\n{title}, image {image.shape[1]} x {image.shape[0]}, {arguments.threads} threads")
    anomalib = peers(backbone, arguments.threads, bank, folder, image.shape[:2])
    cases = []
    for count in (1, arguments.batch):
        batch = np.stack([image] * count)
        whole = [Contender(name, partial(engine, batch)) for name, engine in engines.items()]
        whole += [
            Contender("torch", partial(single.predict, list(batch))),
            Contender("torch, bfloat16", partial(half.predict, list(batch))),
        ]
        others = [made(batch) for made in anomalib]
        compare(f"batch {count}, beside anomalib", whole, others, arguments.pairs)
        integers = [one for one in whole if one.name.endswith(INTEGERS)]
        floating = [one for one in whole if one not in integers]
        fast = [fastest(each) for each in (floating, integers) if each]
        ratios = [beside(one, others, arguments.pairs) for one in fast]
        bare = bare_backbones(single, half, count, arguments.threads)
        best = against_bare(count, bare, floating, arguments.pairs)
        cases.append(
            Case(
                f"{backbone} | {size} | {count}",
                in_milliseconds(fast[0]),
                in_milliseconds(best),
                spread(fast[0].ratios),
                in_milliseconds(fast[1]) if integers else None,
                {other.name: tuple(each[other.name] for each in ratios) for other in others},
            )
        )
    return cases


def exports(model: Any, folder: Path) -> dict[str, Any]:
    """Return what was exported by the name of its contender; the 8-bit ones only where they are allowed."""
    from patchsieve.errors import PatchSieveError
    from patchsieve.runtime.export import export_model

    written = {}
    for name, to in (("ONNX Runtime", "onnx"), ("OpenVINO", "openvino")):
        written[name] = export_model(model, folder / to, to=to)
        try:
            written[name + INTEGERS] = export_model(model, folder / f"{to}-int8", to=to, precision="int8")
        except PatchSieveError as error:
            print(f"{name}{INTEGERS}: {error}", file=sys.stderr)
    written["OpenVINO, bfloat16"] = export_model(
        model, folder / "openvino-bf16", to="openvino", precision="bf16"
    )
    return written


def fastest(contenders: list[Contender]) -> Contender:
    return min(contenders, key=lambda one: median(one.seconds))


def beside(ours: Contender, others: list[Contender], pairs: int) -> dict[str, str]:
    """Return how many times as long each of the others takes as ours, in pairs of their own."""
    for other in others:
        other.ratios.clear()
    interleave(ours, others, pairs)
    return {other.name: spread(other.ratios) for other in others}


def in_milliseconds(contender: Contender) -> str:
    return f"{1000 * median(contender.seconds):.3g} {contender.name}"


def spread(ratios: list[float]) -> str:
    return f"{median(ratios):.3g} ({min(ratios):.3g} to {max(ratios):.3g})"


def summarise(cases: list[Case]) -> None:
    table(
        ["backbone", "bank", "batch", "ours, ms", "bare, ms", "ours / bare", "8-bit integers, ms"],
        [
            f"{case.name} | {case.ours} | {case.bare} | {case.share} | {case.integers or '-'}"
            for case in cases
        ],
    )
    peers = list(cases[0].peers)
    for which, title in enumerate(("ours", "ours in 8-bit integers")):
        table(
            ["backbone", "bank", "batch", *(f"{peer} / {title}" for peer in peers)],
            [
                " | ".join([case.name, *(case.peers[peer][which] for peer in peers)])
                for case in cases
                if which == 0 or case.integers
            ],
        )


def table(columns: list[str], rows: list[str]) -> None:
    print(f"\n| {' | '.join(columns)} |")
    print("| --- " * len(columns) + "|")
    for row in rows:
        print(f"| {row} |")


def fitted(backbone: str, size: int, train: Any, precision: str) -> Any:
    from patchsieve.detectors import PatchCore

    return PatchCore(
        backbone=f"timm:{backbone}@random",
        layers=LAYERS[backbone],
        coreset="random",
        coreset_ratio=1.0,
        bank_size=size,
        folds=2,
        precision=precision,
        device="cpu",
    ).fit(train)


def peers(
    backbone: str, threads: int, bank: Any, folder: Path, size: tuple[int, int]
) -> list[Callable[[Images], Contender]]:
    """Return what makes anomalib's contenders for a batch of images."""
    import torch
    from anomalib.deploy import OpenVINOInferencer
    from anomalib.models import Patchcore

    model = Patchcore(
        backbone=backbone,
        layers=list(LAYERS[backbone]),
        pre_trained=False,
        pre_processor=Patchcore.configure_pre_processor((256, 256), FRAME),
    ).eval()
    model.model.memory_bank = bank.clone()
    # Its batches of any size come out as batches of two; so one image at a time.
    fixed = {"dynamic_axes": {}, "dynamic_shapes": None}
    with redirect_stdout(sys.stderr):
        path = model.to_openvino(folder / "anomalib", input_size=size, onnx_kwargs=fixed)
    own: dict[str, Any] = {"INFERENCE_NUM_THREADS": threads}
    inferencers = {
        "anomalib OpenVINO inferencer": OpenVINOInferencer(path, device="CPU", config=own),
        "anomalib OpenVINO inferencer, float32": OpenVINOInferencer(
            path, device="CPU", config={**own, "INFERENCE_PRECISION_HINT": "f32"}
        ),
    }

    @torch.inference_mode()
    def on_torch(batch: Images) -> Any:
        return model(torch.from_numpy(batch).permute(0, 3, 1, 2).float() / 255)

    def one_by_one(inferencer: Any, batch: Images) -> Any:
        return [inferencer.predict(image) for image in batch]

    return [
        lambda batch: Contender("anomalib torch", partial(on_torch, batch)),
        *(
            lambda batch, name=name, inferencer=inferencer: Contender(
                name, partial(one_by_one, inferencer, batch)
            )
            for name, inferencer in inferencers.items()
        ),
    ]


def compare(title: str, whole: list[Contender], others: list[Contender], pairs: int) -> None:
    """Print the table with the first of ours as one of every pair."""
    ours, *more = whole
    print(f"\n{title}")
    interleave(ours, [*more, *others], pairs)
    print_table(ours, [*more, *others], ratio=f"peer / {ours.name}")


def against_bare(count: int, bare: list[Contender], whole: list[Contender], pairs: int) -> Contender:
    """Print what each engine takes from image to map by the fastest bare backbone, and return that one."""
    first, *more = bare
    interleave(first, more, pairs)
    best = fastest(bare)
    for contender in whole:
        contender.ratios.clear()
    interleave(best, whole, pairs)
    print(f"\nbatch {count}, from image to map by the bare backbone; the fastest is that of {best.name}")
    print("\n| backbone alone | median s |\n| --- | --- |")
    for one in bare:
        print(f"| {one.name} | {median(one.seconds):.4g} |")
    print("\n| from image to map | median s | by the fastest backbone |\n| --- | --- | --- |")
    for contender in whole:
        ratios = spread(contender.ratios)
        print(f"| {contender.name} | {median(contender.seconds):.4g} | {ratios} |", flush=True)
    return best


def bare_backbones(single: Any, half: Any, count: int, threads: int) -> list[Contender]:
    import onnxruntime
    import openvino
    import torch

    from patchsieve.runtime.export.backbones import backbone_model

    inputs = torch.rand(count, 3, *FRAME)
    model = backbone_model(single.extractor_.backbone, FRAME).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options)
    name = session.get_inputs()[0].name
    core = openvino.Core()

    def on_openvino(precision: str) -> Callable[[], Any]:
        settings = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": threads}
        request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
        return lambda: request.infer([inputs.numpy()], share_inputs=True)

    def on_torch(detector: Any) -> Any:
        with torch.inference_mode():
            return detector.extractor_.backbone(inputs)

    return [
        Contender("ONNX Runtime", lambda: session.run(None, {name: inputs.numpy()})),
        Contender("OpenVINO", on_openvino("f32")),
        Contender("OpenVINO, bfloat16", on_openvino("bf16")),
        Contender("torch", partial(on_torch, single)),
        Contender("torch, bfloat16", partial(on_torch, half)),
    ]


if __name__ == "__main__":
    main()
