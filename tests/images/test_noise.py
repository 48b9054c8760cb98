"""Noise is drawn as the papers say, the same for the same seed, and comes back from its manifest."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patchsieve.errors import ImagesError
from patchsieve.images import (
    ImageRecord,
    ImageSet,
    Manifest,
    apply_manifest,
    content_hash,
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
    noisy, manifest = inject_noise(images, 0.25, overlap=False, seed=3)
    added = [one for one in noisy.train if one.defective]
    assert len(added) == 3
    assert {one.name for one in added} == {entry.name for entry in manifest.entries}
    assert {entry.role for entry in manifest.entries} == {"moved"}
    assert all(one.split == "train" and one.mask and one.defect for one in added)
    assert not {one.name for one in noisy.test} & {one.name for one in added}
    assert sorted(noisy.names) == sorted(images.names)


def test_with_overlap_a_copy_stays(mvtec: Path) -> None:
    images = read_images(mvtec)
    noisy, manifest = inject_noise(images, 0.25, overlap=True, seed=3)
    assert {entry.role for entry in manifest.entries} == {"copied"}
    assert noisy.test == images.test
    assert len(noisy.train) == 15
    assert len(set(noisy.train.names)) == 15


@given(
    good=st.integers(1, 60),
    defective=st.integers(0, 40),
    noise=st.integers(0, 100),
    overlap=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_the_count_is_exact_and_the_draw_is_seeded(
    good: int, defective: int, noise: int, overlap: bool, seed: int
) -> None:
    images = arrays_set(good, defective)
    wanted = noise * good // 100
    if wanted > (defective if overlap else max(0, defective - 1)):
        with pytest.raises(
            ImagesError, match=f"needs {wanted} defective test images, and there are {defective}"
        ):
            inject_noise(images, noise / 100, overlap=overlap, seed=seed)
        return
    noisy, manifest = inject_noise(images, noise / 100, overlap=overlap, seed=seed)
    assert len(manifest.entries) == wanted
    assert len(noisy.train) == good + wanted
    assert len(noisy.test) == defective + 1 - (0 if overlap else wanted)
    assert inject_noise(images, noise / 100, overlap=overlap, seed=seed) == (noisy, manifest)
    assert apply_manifest(images, manifest) == noisy
    shuffled = images.with_records(tuple(reversed(images.records)))
    assert inject_noise(shuffled, noise / 100, overlap=overlap, seed=seed) == (noisy, manifest)


def test_the_count_is_of_the_number_meant_and_of_good_images_only() -> None:
    assert int(0.29 * 100) == 28
    images = arrays_set(100, 40)
    _, manifest = inject_noise(images, 0.29, overlap=True, seed=0)
    assert len(manifest.entries) == 29
    already = ImageRecord("train/bad/x", None, "train", True, pixels=np.zeros((2, 2, 3), np.uint8))
    contaminated = images.with_records((*images.records, already))
    assert inject_noise(contaminated, 0.29, overlap=True, seed=0)[1] == manifest


def test_a_lower_rate_draws_part_of_a_higher_one_and_seeds_differ() -> None:
    images = arrays_set(100, 40)
    draws = [
        [entry.name for entry in inject_noise(images, noise, overlap=True, seed=1)[1].entries]
        for noise in (0.1, 0.2, 0.4)
    ]
    assert draws[0] == draws[1][:10] == draws[2][:10]
    assert draws[1] == draws[2][:20]
    other = [entry.name for entry in inject_noise(images, 0.1, overlap=True, seed=2)[1].entries]
    assert other != draws[0]


def test_too_few_defects_names_the_highest_rate_and_that_rate_works() -> None:
    images = arrays_set(30, 10)
    with pytest.raises(
        ImagesError, match=r"the highest rate is 0\.3 \(0\.333 with overlap\); lower the rate"
    ):
        inject_noise(images, 0.5, overlap=False, seed=0)
    assert len(inject_noise(images, 0.3, overlap=False, seed=0)[1].entries) == 9
    with pytest.raises(ImagesError, match=r"the highest rate is 0\.333; lower"):
        inject_noise(images, 0.5, overlap=True, seed=0)


@pytest.mark.parametrize(("noise", "seed"), [(-0.1, 0), (float("nan"), 0), (float("inf"), 0), (0.1, -1)])
def test_what_is_no_rate_or_seed(noise: float, seed: int) -> None:
    with pytest.raises(ImagesError, match="must be 0 or more"):
        inject_noise(arrays_set(10, 5), noise, overlap=True, seed=seed)


def test_a_set_without_training_images_cannot_take_noise(tmp_path: Path, save: object) -> None:
    save(tmp_path / "a.png")
    with pytest.raises(ImagesError, match=r"layout folder\) has no good images in train"):
        inject_noise(read_images(tmp_path), 0.1, overlap=True, seed=0)


def test_a_manifest_comes_back_from_its_file(mvtec: Path, tmp_path: Path) -> None:
    images = read_images(mvtec)
    noisy, manifest = inject_noise(images, 0.25, overlap=False, seed=0)
    path = tmp_path / "deep" / "noise.json"
    manifest.write(path)
    assert Manifest.read(path) == manifest
    assert apply_manifest(read_images(mvtec), Manifest.read(path)) == noisy
    by_name = {one.name: one for one in images}
    for entry in json.loads(path.read_text())["entries"]:
        assert entry["sha256"] == content_hash(by_name[entry["name"]])


def test_a_manifest_does_not_apply_to_other_files(mvtec: Path, save: object) -> None:
    _, manifest = inject_noise(read_images(mvtec), 0.25, overlap=False, seed=0)
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


def test_what_is_no_manifest(mvtec: Path, tmp_path: Path) -> None:
    path = tmp_path / "noise.json"
    with pytest.raises(ImagesError, match=r"cannot read the noise manifest .*: No such file"):
        Manifest.read(path)
    manifest = inject_noise(read_images(mvtec), 0.25, overlap=False, seed=0)[1]
    good = manifest.model_dump(mode="json")
    entry = good["entries"][0]
    for change, where in (
        ({"version": 2}, "version"),
        ({"format": "other"}, "format"),
        ({"overlap": True}, "role 'copied'"),
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
