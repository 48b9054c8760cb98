"""Noise is drawn as the papers say, the same for the same seed, and comes back from its manifest."""

import json
import re
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patchsieve.errors import ImagesError
from patchsieve.images import (
    ImageRecord,
    ImageSet,
    Manifest,
    Overlap,
    TooFew,
    apply_manifest,
    content_hash,
    decode,
    decode_mask,
    inject_noise,
    read_images,
)


def arrays_set(good: int, defective: int) -> ImageSet:
    def record(index: int, split: str, bad: bool) -> ImageRecord:
        pixels = np.full((2, 2, 3), index, np.uint8)
        return ImageRecord(f"{split}/{'bad' if bad else 'good'}/{index}", None, split, bad, pixels=pixels)

    records = [record(index, "train", False) for index in range(good)]
    records += [record(100 + index, "test", True) for index in range(defective)]
    return ImageSet(Path("set"), "mvtec", (*records, record(99, "test", False)))


def test_without_overlap_the_drawn_images_leave_the_test_part(mvtec: Path) -> None:
    images = read_images(mvtec)
    noisy, manifest = inject_noise(images, 0.25, overlap="none", seed=3)
    added = [one for one in noisy.train if one.defective]
    assert len(added) == 3
    assert {one.name for one in added} == {entry.name for entry in manifest.entries}
    assert {entry.role for entry in manifest.entries} == {"moved"}
    assert all(one.split == "train" and one.mask and one.defect for one in added)
    assert not {one.name for one in noisy.test} & {one.name for one in added}
    assert sorted(noisy.names) == sorted(images.names)


def test_with_overlap_a_copy_stays(mvtec: Path) -> None:
    images = read_images(mvtec)
    noisy, manifest = inject_noise(images, 0.25, overlap="same", seed=3)
    assert {entry.role for entry in manifest.entries} == {"copied"}
    assert noisy.test == images.test
    assert len(noisy.train) == 15
    assert len(set(noisy.train.names)) == 15


@given(
    good=st.integers(1, 60),
    defective=st.integers(0, 40),
    noise=st.integers(0, 100),
    overlap=st.sampled_from(get_args(Overlap)),
    seed=st.integers(0, 2**32),
)
def test_the_count_is_exact_and_the_draw_is_seeded(
    good: int, defective: int, noise: int, overlap: Overlap, seed: int
) -> None:
    images = arrays_set(good, defective)
    wanted = noise * good // 100
    if wanted > (max(0, defective - 1) if overlap == "none" else defective):
        with pytest.raises(
            ImagesError, match=f"needs {wanted} defective test images, and there are {defective}"
        ):
            inject_noise(images, noise / 100, overlap=overlap, seed=seed)
        return
    noisy, manifest = inject_noise(images, noise / 100, overlap=overlap, seed=seed)
    assert len(manifest.entries) == wanted
    assert len(noisy.train) == good + wanted
    assert len(noisy.test) == defective + 1 - (wanted if overlap == "none" else 0)
    assert inject_noise(images, noise / 100, overlap=overlap, seed=seed) == (noisy, manifest)
    assert not manifest.notes
    again = Manifest.model_validate_json(manifest.model_dump_json())
    assert again == manifest
    assert apply_manifest(images, again) == noisy
    shuffled = images.with_records(tuple(reversed(images.records)))
    assert inject_noise(shuffled, noise / 100, overlap=overlap, seed=seed) == (noisy, manifest)


def test_the_count_is_of_the_number_meant_and_of_good_images_only() -> None:
    assert int(0.29 * 100) == 28
    images = arrays_set(100, 40)
    _, manifest = inject_noise(images, 0.29, overlap="same", seed=0)
    assert len(manifest.entries) == 29
    already = ImageRecord("train/bad/x", None, "train", True, pixels=np.zeros((2, 2, 3), np.uint8))
    contaminated = images.with_records((*images.records, already))
    assert inject_noise(contaminated, 0.29, overlap="same", seed=0)[1].entries == manifest.entries


def test_a_lower_rate_draws_part_of_a_higher_one_and_seeds_differ() -> None:
    images = arrays_set(100, 40)
    draws = [
        [entry.name for entry in inject_noise(images, noise, overlap="same", seed=1)[1].entries]
        for noise in (0.1, 0.2, 0.4)
    ]
    assert draws[0] == draws[1][:10] == draws[2][:10]
    assert draws[1] == draws[2][:20]
    other = [entry.name for entry in inject_noise(images, 0.1, overlap="same", seed=2)[1].entries]
    assert other != draws[0]


def test_too_few_defects_names_the_highest_rate_and_that_rate_works() -> None:
    images = arrays_set(30, 10)
    with pytest.raises(
        ImagesError, match=r"the highest rate is 0\.3 \(0\.333 with overlap\); lower the rate"
    ):
        inject_noise(images, 0.5, overlap="none", seed=0)
    assert len(inject_noise(images, 0.3, overlap="none", seed=0)[1].entries) == 9
    with pytest.raises(ImagesError, match=r"the highest rate is 0\.333; lower"):
        inject_noise(images, 0.5, overlap="same", seed=0)


@pytest.mark.parametrize(("noise", "seed"), [(-0.1, 0), (float("nan"), 0), (float("inf"), 0), (0.1, -1)])
def test_what_is_no_rate_or_seed(noise: float, seed: int) -> None:
    with pytest.raises(ImagesError, match="must be 0 or more"):
        inject_noise(arrays_set(10, 5), noise, overlap="same", seed=seed)


def test_a_set_without_training_images_cannot_take_noise(tmp_path: Path, save: object) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(ImagesError, match=r"layout folder\) has no good images in train"):
        inject_noise(read_images(tmp_path), 0.1, overlap="same", seed=0)


def test_a_manifest_comes_back_from_its_file(mvtec: Path, tmp_path: Path) -> None:
    images = read_images(mvtec)
    noisy, manifest = inject_noise(images, 0.25, overlap="none", seed=0)
    path = tmp_path / "deep" / "noise.json"
    manifest.write(path)
    assert Manifest.read(path) == manifest
    assert apply_manifest(read_images(mvtec), Manifest.read(path)) == noisy
    by_name = {one.name: one for one in images}
    for entry in json.loads(path.read_text())["entries"]:
        assert entry["sha256"] == content_hash(by_name[entry["name"]])


def test_a_manifest_does_not_apply_to_other_files(mvtec: Path, save: object) -> None:
    _, manifest = inject_noise(read_images(mvtec), 0.25, overlap="none", seed=0)
    name = manifest.entries[0].name
    kept = (mvtec / name).read_bytes()
    save(mvtec / name, value=1)
    with pytest.raises(ImagesError, match=f"other content in .*: {name}$"):
        apply_manifest(read_images(mvtec), manifest)
    (mvtec / name).unlink()
    with pytest.raises(ImagesError, match=f"not among the defective test images of .*: {name}$"):
        apply_manifest(read_images(mvtec), manifest)
    (mvtec / name).write_bytes(kept)
    save(mvtec / "train" / "good" / "new.png")
    with pytest.raises(ImagesError, match=r"drawn for 12 good training images, .* has 13"):
        apply_manifest(read_images(mvtec), manifest)


def test_a_manifest_knows_every_image_of_its_set(mvtec: Path, save: object) -> None:
    images = read_images(mvtec)
    _, manifest = inject_noise(images, 0.25, overlap="same", seed=0)
    assert [(one.name, one.role) for one in manifest.images] == [(one.name, one.split) for one in images]
    assert [one.sha256 for one in manifest.images] == [content_hash(one) for one in images]
    kept = (mvtec / "train" / "good" / "003.png").read_bytes()
    save(mvtec / "train" / "good" / "003.png", value=1)
    with pytest.raises(ImagesError, match=r"^other content than .*: train/good/003.png; the figures"):
        apply_manifest(read_images(mvtec), manifest)
    (mvtec / "train" / "good" / "003.png").write_bytes(kept)
    save(mvtec / "test" / "good" / "new.png")
    with pytest.raises(ImagesError, match=r"^not in the set that .*: test/good/new.png; the figures"):
        apply_manifest(read_images(mvtec), manifest)
    (mvtec / "test" / "good" / "new.png").unlink()
    (mvtec / "test" / "good" / "000.png").unlink()
    with pytest.raises(ImagesError, match=r"^missing from .*: test/good/000.png; the figures"):
        apply_manifest(read_images(mvtec), manifest)


def test_a_file_that_cannot_be_read_is_part_of_the_set(mvtec: Path) -> None:
    (mvtec / "train" / "good" / "003.png").write_bytes(b"")
    images = read_images(mvtec)
    noisy, manifest = inject_noise(images, 0.25, overlap="same", seed=0)
    assert [one.name for one in manifest.images if one.sha256 is None] == ["train/good/003.png"]
    assert apply_manifest(images, manifest) == noisy


def test_names_may_come_with_their_accents_apart(mvtec: Path) -> None:
    composed = "r\u00e4nder"
    apart = "ra\u0308nder"
    (mvtec / "test" / "scratch").rename(mvtec / "test" / composed)
    (mvtec / "ground_truth" / "scratch").rename(mvtec / "ground_truth" / composed)
    noisy, manifest = inject_noise(read_images(mvtec), 0.4, overlap="none", seed=0)
    assert any(composed in entry.name for entry in manifest.entries)
    before = [content_hash(one) for one in noisy]
    (mvtec / "test" / composed).rename(mvtec / "test" / apart)
    there = apply_manifest(read_images(mvtec), manifest)
    assert [content_hash(one) for one in there] == before
    assert any(apart in one.name for one in there.train)


def test_a_manifest_of_version_1_is_read(mvtec: Path, tmp_path: Path) -> None:
    images = read_images(mvtec)
    for overlap in ("none", "same"):
        noisy, manifest = inject_noise(images, 0.25, overlap=overlap, seed=0)
        old = {
            "format": "patchsieve-noise",
            "version": 1,
            "seed": 0,
            "noise": 0.25,
            "overlap": overlap == "same",
            "good_train": 12,
            "entries": [entry.model_dump(include={"name", "sha256", "role"}) for entry in manifest.entries],
        }
        path = tmp_path / "old.json"
        path.write_text(json.dumps(old))
        read = Manifest.read(path)
        assert read == manifest.model_copy(update={"images": ()})
        assert apply_manifest(images, read) == noisy
        path.write_text(json.dumps(old | {"overlap": "no"}))
        with pytest.raises(ImagesError, match="is not a noise manifest: overlap"):
            Manifest.read(path)


@pytest.mark.parametrize("overlap", ["gaussian_noise", "noise_and_blur", "rotation", "affine"])
def test_what_is_learnt_from_differs_from_what_is_tested(mvtec: Path, overlap: Overlap) -> None:
    images = read_images(mvtec)
    noisy, manifest = inject_noise(images, 0.25, overlap=overlap, seed=3)
    same, _ = inject_noise(images, 0.25, overlap="same", seed=3)
    assert noisy.test == images.test
    added = [one for one in noisy.train if one.defective]
    assert [one.name for one in added] == [f"{one.name}+{overlap}" for one in same.train if one.defective]
    tested = {one.path: one for one in images.test}
    for copy in added:
        original = tested[copy.path]
        assert decode(copy).shape == decode(original).shape
        assert content_hash(copy) != content_hash(original)
        assert decode_mask(copy).shape == decode_mask(original).shape
    # A turn by a fraction of a degree leaves a picture of few pixels as it is; not all of them are so small.
    assert any(not np.array_equal(decode(copy), decode(tested[copy.path])) for copy in added)
    assert len({content_hash(one) for one in noisy}) == len(noisy)
    (entry, *_) = manifest.entries
    assert [one.kind for one in entry.augmentations] == [overlap]
    other = inject_noise(images, 0.25, overlap=overlap, seed=4)[0]
    seeds = {one.augmentations for one in (*noisy.train, *other.train)}
    assert len(seeds) == 7


def test_the_copy_depends_on_the_content_not_on_the_name(mvtec: Path) -> None:
    def copies(root: Path) -> set[str]:
        noisy, _ = inject_noise(read_images(root), 0.5, overlap="affine", seed=3)
        return {content_hash(one) for one in noisy.train if one.defective}

    before = copies(mvtec)
    for number, path in enumerate(sorted((mvtec / "test" / "scratch").iterdir())):
        path.rename(path.with_name(f"x{9 - number}.png"))
    assert copies(mvtec) == before


@given(
    good=st.integers(1, 30),
    defective=st.integers(0, 6),
    rates=st.lists(st.integers(0, 200), min_size=2, max_size=2).map(sorted),
    overlap=st.sampled_from(get_args(Overlap)),
    seed=st.integers(0, 1000),
)
@settings(max_examples=60)
def test_repeats_fill_up_what_is_missing(
    good: int, defective: int, rates: list[int], overlap: Overlap, seed: int
) -> None:
    images = arrays_set(good, defective)
    available = max(0, defective - 1) if overlap == "none" else defective
    draws = []
    for rate in rates:
        wanted = rate * good // 100
        if wanted and not available:
            with pytest.raises(ImagesError, match="the highest rate is 0"):
                inject_noise(images, rate / 100, overlap=overlap, seed=seed, too_few="repeat")
            return
        noisy, manifest = inject_noise(images, rate / 100, overlap=overlap, seed=seed, too_few="repeat")
        assert len(noisy.train) == good + wanted
        assert len(set(noisy.train.names)) == len(noisy.train)
        assert len({content_hash(one) for one in noisy.train}) == len(noisy.train)
        left = max(0, defective - wanted) if wanted < available else defective - available
        assert len(noisy.test) == 1 + (left if overlap == "none" else defective)
        assert not set(noisy.test.names) & set(noisy.train.names) or overlap == "same"
        repeats = sum("repeat" in [one.kind for one in entry.augmentations] for entry in manifest.entries)
        assert repeats == max(0, wanted - available)
        assert bool(manifest.notes) == bool(repeats)
        assert apply_manifest(images, Manifest.model_validate_json(manifest.model_dump_json())) == noisy
        draws.append(manifest.entries)
    assert draws[0] == draws[1][: len(draws[0])]


def test_the_highest_rate_is_taken_and_said() -> None:
    images = arrays_set(30, 10)
    noisy, manifest = inject_noise(images, 0.5, overlap="none", seed=0, too_few="lower")
    assert manifest.noise == 0.5
    assert manifest.rate == 0.3
    assert len(noisy.train) == 39
    assert manifest.notes == (
        "there are too few defective images for noise 0.5: the highest possible rate, 0.3 (9 on 30), was taken instead",
    )
    assert apply_manifest(images, manifest) == noisy
    enough, manifest = inject_noise(images, 0.2, overlap="none", seed=0, too_few="lower")
    assert not manifest.notes
    assert enough == inject_noise(images, 0.2, overlap="none", seed=0)[0]
    with pytest.raises(ImagesError, match=r"the highest rate is 0 \(0.033 with overlap\); lower"):
        inject_noise(arrays_set(30, 1), 0.5, overlap="none", seed=0, too_few="lower")


def test_a_refusal_names_the_ways_out_and_there_is_no_other_overlap() -> None:
    with pytest.raises(ImagesError, match=r'too_few="lower" takes .*; too_few="repeat" takes'):
        inject_noise(arrays_set(30, 10), 0.5, overlap="none", seed=0)
    with pytest.raises(ImagesError, match="there is no overlap True; it is one of none, same"):
        inject_noise(arrays_set(30, 10), 0.1, overlap=True, seed=0)
    with pytest.raises(
        ImagesError, match="no way out of too few defects 'x'; it is one of refuse, repeat, lower"
    ):
        inject_noise(arrays_set(30, 10), 0.1, overlap="same", seed=0, too_few="x")


def test_what_is_no_manifest(mvtec: Path, tmp_path: Path) -> None:
    path = tmp_path / "noise.json"
    with pytest.raises(ImagesError, match=r"cannot read the noise manifest .*: No such file"):
        Manifest.read(path)
    manifest = inject_noise(read_images(mvtec), 0.25, overlap="none", seed=0)[1]
    good = manifest.model_dump(mode="json")
    entry = good["entries"][0]
    for change, where in (
        ({"version": 3}, "version"),
        ({"format": "other"}, "format"),
        ({"overlap": "same"}, "role 'copied'"),
        ({"overlap": "some"}, "overlap"),
        ({"images": [good["images"][0]] * 2}, "listed twice"),
        ({"entries": [{**entry, "augmentations": [{"kind": "affine", "seed": 1}]}]}, "not those of overlap"),
        ({"entries": [entry, entry]}, "listed twice"),
        ({"entries": [{**entry, "sha256": "abc"}]}, "entries.0.sha256"),
        ({"colour": "red"}, "colour"),
    ):
        path.write_text(json.dumps(good | change))
        with pytest.raises(ImagesError, match=rf"is not a noise manifest: .*{where}"):
            Manifest.read(path)
    path.write_bytes(b"{")
    with pytest.raises(ImagesError, match="is not a noise manifest: as a whole"):
        Manifest.read(path)


def test_the_manual_names_every_overlap_and_every_key() -> None:
    text = (Path(__file__).parents[2] / "docs" / "noise.md").read_text("utf-8")
    tables = re.findall(r"^\| ---.*\n((?:\|.*\n)+)", text, re.MULTILINE)
    named = [
        {key for row in table.splitlines() for key in re.findall(r"`(\w+)`", row.split("|")[1])}
        for table in tables
    ]
    assert named == [set(get_args(Overlap)), set(get_args(TooFew)), set(Manifest.model_fields)]
