"""`patchsieve demo`: the main job on a synthetic set, from nothing to a report."""

from pathlib import Path
from typing import Annotated

import typer

from patchsieve.cli.console import out, progress_bars, say


def demo(
    out_dir: Annotated[
        Path, typer.Option("--out", help="Folder for the images, the model and the report.")
    ] = Path("demo"),
    seed: Annotated[int, typer.Option(help="Of the images and of the model.")] = 0,
) -> None:
    """Generate an inspection set with hidden defects, learn from it uncleaned, and report what was found."""
    from patchsieve.cli.evaluate import judgement_in_words, show_evaluation
    from patchsieve.cli.fit import tell_training
    from patchsieve.detectors import AdaptiveSieve
    from patchsieve.evaluation import evaluate
    from patchsieve.images import read_images
    from patchsieve.images.synthetic import write_demo_set
    from patchsieve.pictures import NextStep, write_report
    from patchsieve.pictures.model_report import model_report

    folder, model_file, report = out_dir / "images", out_dir / "model.sieve", out_dir / "report.html"
    with progress_bars() as progress:
        truth = write_demo_set(folder, seed=seed, progress=progress)
        images = read_images(folder)
        model = AdaptiveSieve(seed=seed).fit(images, progress=progress)
        evaluation = evaluate(model, images, progress=progress)
    model.save(model_file)
    tell_training(model)
    hidden = truth.hidden
    ranked = model.suspects(len(hidden))
    found = [name in hidden for name in ranked.images.names]
    out.print(f"The {len(found)} most suspect of {len(model.training_.images)} training images:")
    for name, score, right in zip(ranked.images.names, ranked.scores, found, strict=True):
        out.print(f"  {name}  score {score:.3g}  {'truly defective' if right else 'good'}")
    out.print(
        f"{sum(found)} of these {len(found)} suspects truly are defective; {len(hidden)} were hidden in the set."
    )
    show_evaluation(evaluation)
    headline = (
        f"The adaptive sieve learnt from {len(model.training_.images)} generated images, "
        f"{len(hidden)} of them secretly defective; "
        f"{sum(found)} of the {len(found)} most suspect truly are. {judgement_in_words(evaluation)}"
    )
    steps = (NextStep("Do the same with your own images.", "patchsieve fit YOUR_IMAGES --out line7.sieve"),)
    page = model_report(
        model, title="PatchSieve demo", headline=headline, next_steps=steps, evaluation=evaluation
    )
    write_report(page, report)
    say(f"report: {report.resolve()}")
