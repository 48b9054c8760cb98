"""How time and memory of a fit grow with the number of images, within a memory budget.

    python benchmarks/growth.py DATA/magnetic_tile --images 1000,5000,20000

The images are the good training images of one set, each again and again with a small random rotation, shift, zoom,
brightness and noise of its own, written as JPEG files below --work. Every fit is a process of its own, from files,
with nothing cached; its resident memory is read from outside while it runs, mapped files included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter, sleep

import numpy as np
import psutil
from PIL import Image
from rich.progress import track

from patchsieve.cli.settings import memory
from patchsieve.images import decode, read_images

WATCHED_EVERY = 0.05


def main() -> None:
    arguments = parse()
    if arguments.child is not None:
        fit(arguments)
        return
    rows = []
    with tempfile.TemporaryDirectory(dir=arguments.work) as work:
        folder = Path(work) / "images"
        for count in sorted(map(int, arguments.images.split(","))):
            generate(arguments.data, folder, count)
            rows.append(measure(arguments, folder, count))
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    titles = list(rows[-1]["stages"])
    print(
        f"{arguments.detector}, bank of at most {arguments.bank_size:,} patches, budget {arguments.budget}.\n"
    )
    print(
        f"| images | {' | '.join(f'{title}, s' for title in titles)} | whole fit, s | ms an image | peak memory, GiB |"
    )
    print("| --- " * (len(titles) + 4) + "|")
    for row in rows:
        stages = " | ".join(f"{row['stages'].get(title, 0):.0f}" for title in titles)
        print(
            f"| {row['images']:,} | {stages} | {row['seconds']:.0f} | {1000 * row['seconds'] / row['images']:.0f} "
            f"| {row['peak'] / 2**30:.2f} |"
        )


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="one set of images in the MVTec AD layout")
    parser.add_argument("--detector", default="adaptive")
    parser.add_argument("--images", default="1000,5000,20000")
    parser.add_argument("--bank-size", type=int, default=20_000)
    parser.add_argument("--budget", default="6GiB")
    parser.add_argument("--cache-dtype", default="float32")
    parser.add_argument(
        "--work", type=Path, help="folder for images and embeddings; default the temporary one"
    )
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def generate(data: Path, folder: Path, count: int) -> None:
    """Write images up to number `count`; those that are there stay."""
    folder.mkdir(exist_ok=True)
    sources = [Image.fromarray(decode(record)) for record in read_images(data).train]
    wanted = range(len(list(folder.iterdir())), count)
    with ThreadPoolExecutor() as pool:
        jobs = pool.map(lambda number: jittered(sources[number % len(sources)], number, folder), wanted)
        for _ in track(jobs, total=len(wanted), description="images", transient=True):
            pass


def jittered(source: Image.Image, number: int, folder: Path) -> None:
    random = np.random.default_rng(number)
    zoom, (x, y) = random.uniform(1.0, 1.06), random.uniform(-0.02, 0.02, 2) * source.size
    turned = source.rotate(random.uniform(-2, 2), Image.Resampling.BILINEAR, translate=(int(x), int(y)))
    width, height = source.size
    left, top = width * (1 - 1 / zoom) / 2, height * (1 - 1 / zoom) / 2
    zoomed = turned.resize(
        source.size, Image.Resampling.BILINEAR, box=(left, top, width - left, height - top)
    )
    noise = random.normal(random.uniform(-4, 4), 2, (height, width, 3))
    pixels = np.clip(np.asarray(zoomed) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(folder / f"{number:06}.jpg", quality=92)


def measure(arguments: argparse.Namespace, folder: Path, count: int) -> dict:
    command = [sys.executable, __file__, str(arguments.data), "--child", str(folder)]
    command += ["--bank-size", str(arguments.bank_size), "--budget", arguments.budget]
    command += ["--cache-dtype", arguments.cache_dtype, "--detector", arguments.detector]
    started = perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        peak = watch(child)
        assert child.stdout is not None
        stages = json.loads(child.stdout.read())
    return {"images": count, "stages": stages, "seconds": perf_counter() - started, "peak": peak}


def watch(child: subprocess.Popen) -> int:
    """Return the most bytes that were resident until the process ended."""
    process, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        try:
            peak = max(peak, process.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        sleep(WATCHED_EVERY)
    return peak


def fit(arguments: argparse.Namespace) -> None:
    from patchsieve.detectors import make_detector
    from speed.stages import StageTimes

    stages = StageTimes()
    settings = {"bank_size": arguments.bank_size, "memory_budget": memory(arguments.budget)}
    model = make_detector(arguments.detector, settings)
    with tempfile.TemporaryDirectory(dir=arguments.child.parent) as cache:
        model.fit(arguments.child, progress=stages, cache=cache, cache_dtype=arguments.cache_dtype)
        model.save(Path(cache) / "model.sieve")
    print(json.dumps(stages.seconds))


if __name__ == "__main__":
    main()
