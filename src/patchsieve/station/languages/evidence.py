"""Sentences that models and other rooms have made, in English, before any page was asked for: known by their form.

A model file keeps what is known of its operating points as sentences, and the rooms above the station know of no
language. A sentence that has none of these forms stays English.
"""

import re
from functools import cache


def form(template: str) -> str:
    """Mark a template for the catalogues; it is what a sentence of another room looks like."""
    return template


_FORMS = (
    # decisions.points
    form("given by the user; nothing is known of what it costs"),
    form(
        "%(low)s to %(high)s %% of good images will be above it (%(confidence)s %% interval), %(asked)s %% were asked "
        "for; the lower end is 0 since those above it may be defects that nobody has removed"
    ),
    form(
        "%(low)s to %(high)s %% of good images will be above it (%(confidence)s %% interval), %(asked)s %% were "
        "asked for"
    ),
    form(
        "from the scores of %(images)s training images, %(share)s %% of them taken for defective; found by %(method)s"
    ),
    form(
        "from the scores of %(images)s training images, none of them clearly defective by its score; found "
        "by %(method)s"
    ),
    form("from the scores of %(images)s training images, all of them good, as you said; found by %(method)s"),
    form(
        "%(images)s training images are too few for a false-alarm rate of %(asked)s %%: about %(needed)s would show "
        "one false alarm. The threshold lies beyond what the images show, and the rate may be up to %(high)s %%"
    ),
    form(
        "%(alarms)s false alarms per 1000 good parts, %(misses)s misses per 100 defective ones (%(confidence)s %% "
        "intervals, from %(good)s good and %(defective)s defective images), judged by cross-validation"
    ),
    form("by the PatchSieve that fitted the model"),
    form("false-alarms %(rate)s"),
    form("false-alarms %(rate)s, clean"),
    form("value %(threshold)s"),
    form("recall >= %(share)s"),
    form("precision >= %(share)s"),
    form("f1"),
    form("youden"),
    form("cost miss=%(miss)s,false_alarm=%(alarm)s,prevalence=%(share)s"),
    form("profile %(name)s: recall > %(recall)s, precision > %(precision)s"),
    form("profile %(name)s: recall > %(recall)s"),
    form("no threshold reaches %(rule)s on these images: this is the nearest that can be had"),
    form(
        "%(count)s defective images cannot show a recall of %(wanted)s %%: even if none is missed, the true recall may "
        "be %(shown)s %%"
    ),
    form(
        "precision and F1 hold for the %(share)s %% of defective images among these; where fewer parts are defective, "
        "more of the alarms are false"
    ),
    form("one image of a kind is too few to judge the threshold by others: its costs are flattered"),
    form("unknown"),
    form(
        "the labelled images are %(defective)s defective and %(good)s good ones: both kinds are needed to choose a "
        "threshold"
    ),
    form(
        "false_alarms is %(rate)s: it must lie between 0 and 1, such as 0.01 for one good image in a hundred"
    ),
    form("recall is %(share)s: it must be above 0 and at most 1, such as 0.95 for 95 %%"),
    form("precision is %(share)s: it must be above 0 and at most 1, such as 0.95 for 95 %%"),
    form("%(name)s is no name for an operating point: use a word such as screening"),
    form("the threshold of %(name)s is %(value)s: it must be a number"),
    # decisions.false_alarms
    form("order statistic"),
    form("generalised Pareto tail"),
    form("generalised gamma"),
    form("lower four fifths"),
    # evaluation.drift
    form("Drift: today's %(images)s images no longer look like training."),
    form("No drift: today's %(images)s images look like training."),
    form(
        "No drift, but %(alarms)s of today's %(images)s images stand out: defects, rather than a change of lamp or "
        "camera; the others look like training."
    ),
    form(
        "%(alarms)s of today's %(images)s images (%(share)s) are above the threshold; of the training images, "
        "%(before)s were"
    ),
    form("scores are %(ratio)s times as high as in training"),
    form("scores are %(ratio)s times as high as in training: images look calmer, so defects may be missed"),
    form("scores have not changed to speak of (the median is %(ratio)s times as high as in training)"),
    form("more light: lamp replaced or turned up, exposure time, aperture, stray daylight"),
    form("less light: lamp old, dirty or off, exposure time, aperture, shadow"),
    form("harder light or another camera setting (gamma, automatic gain), or another surface"),
    form("stray light, dirty glass or another camera setting (gamma, automatic gain)"),
    form("noise from camera gain, sharpening or compression in the camera, or a better focus"),
    form("focus, vibration, motion, a dirty lens, or stronger compression of the files"),
    form("colour of the lamp, the camera's white balance, or a coloured product"),
    form("colour of the lamp, the camera's white balance, or a paler product"),
    form("colour of the lamp or the camera's white balance"),
    form("camera or part holder moved, trigger late or early"),
    form("the alarms of today cannot be trusted before the cause is found"),
    form(
        "do not take these alarms for defects before the cause is found: about %(share)s of the parts would be "
        "rejected for how they were photographed"
    ),
    form(
        "the model copes so far: there are no more alarms than usual, but it judges images unlike those it knows"
    ),
    form(
        "as a whole, %(share)s of comparisons tell an image of today from one of training (50 %% would be guessing)"
    ),
    form("images are %(amount)s %% %(kind)s than in training"),
    form("images are %(kind)s than in training (%(figure)s %(amount)s)"),
    form("edges in the picture lie %(kind)s, by %(amount)s %% of width"),
    form("edges in the picture lie %(kind)s, by %(amount)s %% of height"),
    form("brighter"),
    form("darker"),
    form("richer in contrast"),
    form("poorer in contrast"),
    form("sharper or noisier"),
    form("less sharp"),
    form("more colourful"),
    form("paler (less colour)"),
    form("redder (warmer light)"),
    form("bluer (colder light)"),
    form("greener"),
    form("more purple (less green)"),
    form("further right"),
    form("further left"),
    form("further down"),
    form("further up"),
    form("saturation"),
    form("warmth"),
    form("tint"),
    form(
        "brightness, contrast, sharpness, colour and position are as in training, so look at the parts: another "
        "material, texture, batch or product version, another background, turned parts, or more defective parts than "
        "were allowed for"
    ),
    form(
        "the model does not know how bright, sharp and coloured its training images were: compare the pictures"
    ),
    # pictures.evidence
    form("worst patch of %(name)s"),
    form("same place in %(name)s"),
    form("%(name)s (suspect), distance %(distance)s"),
    form("%(name)s, distance %(distance)s"),
    # station.services.lines, station.services.refitting: notes of versions
    form("imported from %(file)s"),
    form("refit of version %(number)s"),
    form("update of version %(number)s"),
    # station.engine.fitting: what a job left undone
    form("%(name)s was not learnt from: %(reason)s"),
    form("a %(system)s model has no memory bank that corrections could go into"),
    form("the image of %(name)s is gone"),
    form("the images of %(count)s inspections are gone: they were not compared"),
    form("there is nothing new to learn."),
    form("the process that fitted the model broke down, perhaps for want of memory; the log says more"),
    # Titles of stages of a fit.
    form("embedding"),
    form("scoring"),
    form("defects"),
    form("comparing images"),
    form("outlier scores (%(how)s)"),
    form("coreset"),
    form("coreset (%(how)s)"),
    form("updating the memory bank"),
    form("calibration on unseen images"),
    form("calibration of member %(number)s, %(system)s"),
    form("image-level denoising"),
    form("training %(system)s"),
    form("pooling the images"),
    form("encoding the training patches"),
    form("Gaussians of the positions"),
    # detectors.refitting
    form(
        "marked keep, but left out when the model was fitted: %(names)s; the model no longer knows these images: fit "
        "again with them"
    ),
    form(
        "marked, but not among the %(images)s training images of the model: %(names)s; write names as patchsieve "
        "suspects lists them"
    ),
    form(
        "%(count)s training images are no files that could be read again: %(names)s; fit anew, from what they came from"
    ),
    form(
        "%(count)s of %(images)s training images are not in %(folder)s any more: %(names)s; bring them back, name the "
        "folder they are in now (--images DIR), or mark them drop"
    ),
    form(
        "%(count)s training images are not what the model has learnt from, their files have changed: %(names)s; bring "
        "the old files back, or fit anew with patchsieve fit"
    ),
    # Reasons of images.opening, images.duplicates and station.engine.decoding
    form("exact copy of %(name)s"),
    form("an empty file (0 bytes)"),
    form("a folder, not a file"),
    form("not a regular file but a pipe, socket or device"),
    form("it has no pixels"),
    form("no such file"),
    form("no permission to read it"),
    form("not enough memory to decode it"),
    form("cannot be read: %(reason)s"),
    form("truncated %(kind)s"),
    form("damaged %(kind)s (%(reason)s)"),
    form("a text file, not an image (%(known)s)"),
    form("not an image of a known format (%(known)s)"),
    form("%(width)s x %(height)s pixels are %(size)s megapixels, over the limit of %(limit)s"),
    form("decoding it took longer than %(seconds)s seconds"),
    form("its decoder broke down over it: it is damaged, or needs more memory than it is worth"),
    # A figure with its interval, in one of the others.
    form("%(figure)s (%(low)s to %(high)s)"),
)


def recognised(sentence: str) -> tuple[str, dict[str, str]] | None:
    """Return the template that a sentence was made by, and its values; None where it is not known."""
    for template, pattern in _patterns():
        if found := pattern.fullmatch(sentence):
            return template, found.groupdict()
    return None


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    return [(template, re.compile(_pattern(template))) for template in _FORMS]


def _pattern(template: str) -> str:
    parts = re.split(r"%\((\w+)\)s", template)
    return "".join(
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part.replace("%%", "%"))
        for place, part in enumerate(parts)
    )
