"""One model on every engine, beside anomalib's PatchCore and beside the bare backbone, at an equal bank.

    python benchmarks/engines.py --peers CACHE --data DATA/cookies

The first run makes an environment below CACHE with anomalib and this PatchSieve; see `benchmarks/kernels.py`.
PatchCore with a random bank is fitted on images of DATA, exported, and run on torch, ONNX Runtime and
OpenVINO; anomalib's Patchcore gets the same bank and a backbone of the same kind, and is run on torch and by
its OpenVINO inferencer. All start from one decoded image, uint8, and end with score and map. Weights are
random: only time is measured. All have the same threads and run in turns; a ratio is the median over pairs,
its range behind it.

anomalib's inferencer is timed as it comes, which is in bfloat16 where the processor has it, and in float32,
as all others but those called bfloat16.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
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


def main() -> None:
    arguments = parse()
    enter(arguments.peers)
    declare_torchvision()
    import torch

    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        run(arguments, Path(folder))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", type=Path, required=True, help="folder that keeps the peers' environment")
    parser.add_argument("--data", type=Path, required=True, help="a folder of images")
    parser.add_argument("--backbone", choices=tuple(LAYERS), default="wide_resnet50_2")
    parser.add_argument("--bank", type=int, default=10_000)
    parser.add_argument("--batch", type=int, default=8, help="images of a call where throughput is measured")
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="the same for all contenders")
    return parser.parse_args()


def run(arguments: argparse.Namespace, folder: Path) -> None:
    from patchsieve.images import decode, read_images
    from patchsieve.runtime import load_exported
    from patchsieve.runtime.export import export_model

    images = read_images(arguments.data)
    train = images.train
    train = train.with_records(list(train)[: 2 + arguments.bank // 600])
    single = fitted(arguments, train, "float32")
    half = fitted(arguments, train, "bfloat16")
    exports = {to: export_model(single, folder / to, to=to).folder for to in ("onnx", "openvino")}
    engines = {
        "ONNX Runtime": load_exported(exports["onnx"], threads=arguments.threads).engine.run,
        "OpenVINO": load_exported(exports["openvino"], threads=arguments.threads).engine.run,
    }
    image = decode(images.test[0])
    bank = single.bank_.features
    print(
        f"{arguments.backbone}, bank {tuple(bank.shape)}, image {image.shape[1]} x {image.shape[0]}, "
        f"{arguments.threads} threads\n"
    )
    anomalib = peers(arguments, bank, folder, image.shape[:2])
    for count in (1, arguments.batch):
        batch = np.stack([image] * count)
        whole = [Contender(name, partial(engine, batch)) for name, engine in engines.items()]
        whole += [
            Contender("torch", partial(single.predict, list(batch))),
            Contender("torch, bfloat16", partial(half.predict, list(batch))),
        ]
        compare(f"batch {count}, beside anomalib", whole, [made(batch) for made in anomalib], arguments.pairs)
        against_bare(single, half, whole, count, arguments)


def fitted(arguments: argparse.Namespace, train: Any, precision: str) -> Any:
    from patchsieve.detectors import PatchCore

    return PatchCore(
        backbone=f"timm:{arguments.backbone}@random",
        layers=LAYERS[arguments.backbone],
        coreset="random",
        coreset_ratio=1.0,
        bank_size=arguments.bank,
        folds=2,
        precision=precision,
        device="cpu",
    ).fit(train)


def peers(
    arguments: argparse.Namespace, bank: Any, folder: Path, size: tuple[int, int]
) -> list[Callable[[Images], Contender]]:
    """Return what makes anomalib's contenders for a batch of images."""
    import torch
    from anomalib.deploy import OpenVINOInferencer
    from anomalib.models import Patchcore

    model = Patchcore(
        backbone=arguments.backbone,
        layers=list(LAYERS[arguments.backbone]),
        pre_trained=False,
        pre_processor=Patchcore.configure_pre_processor((256, 256), FRAME),
    ).eval()
    model.model.memory_bank = bank.clone()
    # Its batches of any size come out as batches of two; so one image at a time.
    fixed = {"dynamic_axes": {}, "dynamic_shapes": None}
    with redirect_stdout(sys.stderr):
        path = model.to_openvino(folder / "anomalib", input_size=size, onnx_kwargs=fixed)
    own: dict[str, Any] = {"INFERENCE_NUM_THREADS": arguments.threads}
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


def against_bare(
    single: Any, half: Any, whole: list[Contender], count: int, arguments: argparse.Namespace
) -> None:
    """Print what each engine takes from image to map, by the forward pass of the bare backbone on each."""
    bare = bare_backbones(single, half, count, arguments.threads)
    shares: dict[str, list[str]] = {}
    for one in bare:
        for contender in whole:
            contender.ratios.clear()
        interleave(one, whole, max(3, arguments.pairs // 2))
        shares[one.name] = [
            f"| {contender.name} | {median(contender.seconds):.4g} | {median(contender.ratios):.3g} "
            f"({min(contender.ratios):.3g} to {max(contender.ratios):.3g}) |"
            for contender in whole
        ]
    best = min(bare, key=lambda one: median(one.seconds))
    print(f"\nbatch {count}, from image to map by the bare backbone; the fastest is that of {best.name}\n")
    print("| backbone alone | median s |\n| --- | --- |")
    for one in bare:
        print(f"| {one.name} | {median(one.seconds):.4g} |")
    print("\n| from image to map | median s | by the fastest backbone |\n| --- | --- | --- |")
    print("\n".join(shares[best.name]), flush=True)


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
    settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
    request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()

    def on_torch(detector: Any) -> Any:
        with torch.inference_mode():
            return detector.extractor_.backbone(inputs)

    return [
        Contender("ONNX Runtime", lambda: session.run(None, {name: inputs.numpy()})),
        Contender("OpenVINO", lambda: request.infer([inputs.numpy()], share_inputs=True)),
        Contender("torch", partial(on_torch, single)),
        Contender("torch, bfloat16", partial(on_torch, half)),
    ]


if __name__ == "__main__":
    main()
