"""Every kind of pixel a line delivers, against plain NumPy; every kind of broken file, with its reason."""

import contextlib
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from patchsieve.errors import BrokenImageError
from patchsieve.images import ImageRecord, decode, decode_mask, probe

GREY8 = arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 9)))
RGB8 = arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 9), st.just(3)))
RGBA8 = arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 9), st.just(4)))
GREY16 = arrays(np.uint16, st.tuples(st.integers(1, 7), st.integers(1, 9)))
LOSSLESS = st.sampled_from(("png", "tif", "bmp"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("decoding")


def saved(folder: Path, name: str, image: Image.Image, **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def grey(array: np.ndarray) -> np.ndarray:
    return np.stack([array] * 3, axis=2)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@given(array=RGB8, suffix=LOSSLESS)
def test_rgb_comes_back_as_it_was_saved(folder: Path, array: np.ndarray, suffix: str) -> None:
    pixels = decode(saved(folder, f"rgb.{suffix}", Image.fromarray(array)))
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, array)


@given(array=GREY8, suffix=st.sampled_from(("png", "tif", "bmp", "pgm", "jp2")))
def test_grey_is_the_same_in_all_channels(folder: Path, array: np.ndarray, suffix: str) -> None:
    np.testing.assert_array_equal(
        decode(saved(folder, f"grey.{suffix}", Image.fromarray(array))), grey(array)
    )


@given(array=arrays(np.bool_, st.tuples(st.integers(1, 7), st.integers(1, 19))), suffix=LOSSLESS)
def test_one_bit_is_black_and_white(folder: Path, array: np.ndarray, suffix: str) -> None:
    pixels = decode(saved(folder, f"bits.{suffix}", Image.fromarray(array)))
    np.testing.assert_array_equal(pixels, grey(np.where(array, 255, 0)))


@given(array=RGBA8, suffix=st.sampled_from(("png", "tif")))
def test_transparency_is_laid_over_white(folder: Path, array: np.ndarray, suffix: str) -> None:
    pixels = decode(saved(folder, f"rgba.{suffix}", Image.fromarray(array, "RGBA")))
    alpha = array[:, :, 3:].astype(float) / 255
    expected = array[:, :, :3] * alpha + 255 * (1 - alpha)
    assert np.abs(pixels - expected).max() <= 0.5 + 1e-9


@given(array=RGB8)
def test_an_opaque_alpha_changes_nothing(folder: Path, array: np.ndarray) -> None:
    image = Image.fromarray(array)
    image.putalpha(255)
    np.testing.assert_array_equal(decode(saved(folder, "opaque.png", image)), array)


@given(array=GREY8)
def test_grey_with_alpha(folder: Path, array: np.ndarray) -> None:
    image = Image.fromarray(array)
    image.putalpha(Image.fromarray(np.where(array > 100, 255, 0).astype(np.uint8)))
    pixels = decode(saved(folder, "la.png", image))
    np.testing.assert_array_equal(pixels, grey(np.where(array > 100, array, 255)))


@given(indices=arrays(np.uint8, (5, 6), elements=st.integers(0, 3)), clear=st.booleans())
def test_palette_with_and_without_transparency(folder: Path, indices: np.ndarray, clear: bool) -> None:
    colours = np.array([[255, 0, 0], [0, 9, 255], [12, 200, 7], [0, 0, 0]], np.uint8)
    image = Image.fromarray(indices, "L").copy()
    image.putpalette(colours.tobytes())
    path = saved(folder, "palette.png", image, **({"transparency": 1} if clear else {}))
    expected = colours.copy()
    if clear:
        expected[1] = 255
    np.testing.assert_array_equal(decode(path), expected[indices])


def test_a_transparent_colour_of_an_rgb_png_shows_white(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8))
    path = saved(tmp_path, "key.png", image, transparency=(4, 5, 6))
    assert decode(path).tolist() == [[[1, 2, 3], [255, 255, 255]]]


@given(array=GREY16, suffix=st.sampled_from(("png", "tif", "pgm", "jp2")))
def test_sixteen_bit_grey_keeps_its_high_byte(folder: Path, array: np.ndarray, suffix: str) -> None:
    pixels = decode(saved(folder, f"grey16.{suffix}", Image.fromarray(array)))
    np.testing.assert_array_equal(pixels, grey(array // 256))


@given(array=GREY8)
def test_widened_eight_bit_values_come_back_exactly(folder: Path, array: np.ndarray) -> None:
    wide = Image.fromarray(array.astype(np.uint16) * 257)
    np.testing.assert_array_equal(decode(saved(folder, "wide.png", wide)), grey(array))


def tiff(data: bytes, width: int, height: int, bits: int, *, order: str = "<", kind: int = 1) -> bytes:
    """One uncompressed grey strip; `order` as in `struct`, `kind` is the sample format: 1 unsigned, 2 signed."""
    shorts = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 278: height, 339: kind}
    longs = {273: 8 + 2 + 9 * 12 + 4, 279: len(data)}
    entries = [(tag, struct.pack(f"{order}HHIHxx", tag, 3, 1, value)) for tag, value in shorts.items()]
    entries += [(tag, struct.pack(f"{order}HHII", tag, 4, 1, value)) for tag, value in longs.items()]
    head = (b"MM" if order == ">" else b"II") + struct.pack(f"{order}HIH", 42, 8, len(entries))
    return head + b"".join(packed for _, packed in sorted(entries)) + bytes(4) + data


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_tiff_in_both_byte_orders(tmp_path: Path, order: str) -> None:
    array = np.array([[0, 255, 256], [4095, 40000, 65535]], f"{order}u2")
    path = tmp_path / "grey.tif"
    path.write_bytes(tiff(array.tobytes(), 3, 2, 16, order=order))
    assert probe(path).bits == 16
    np.testing.assert_array_equal(decode(path), grey(array // 256))


def test_twelve_bit_tiff_is_scaled_by_its_own_full_range(tmp_path: Path) -> None:
    path = tmp_path / "twelve.tif"
    path.write_bytes(tiff(bytes.fromhex("fff80000f010"), 4, 1, 12))
    assert probe(path).bits == 12
    assert decode(path)[0, :, 0].tolist() == [255, 128, 0, 1]


def test_signed_sixteen_bit_tiff_has_fifteen_bits_of_intensity(tmp_path: Path) -> None:
    path = tmp_path / "signed.tif"
    path.write_bytes(tiff(np.array([0, 128, 32767], "<i2").tobytes(), 3, 1, 16, kind=2))
    assert decode(path)[0, :, 0].tolist() == [0, 1, 255]
    path.write_bytes(tiff(np.array([0, 128, -1], "<i2").tobytes(), 3, 1, 16, kind=2))
    with pytest.raises(BrokenImageError, match="from -1 to 128, outside the 15-bit range 0 to 32767"):
        decode(path)


def test_sixteen_bit_rgb_keeps_its_high_byte_like_grey(tmp_path: Path) -> None:
    values = np.array([[[65535, 256, 255], [4660, 0, 32768]]], ">u2")
    path = tmp_path / "rgb16.png"
    path.write_bytes(png(2, 1, 16, 2, b"\x00" + values.tobytes()))
    assert probe(path).bits == 16
    np.testing.assert_array_equal(decode(path), values // 256)


@given(array=arrays(np.float32, (4, 5), elements=st.floats(0, 1, width=32)))
def test_float_tiff_is_read_on_the_scale_0_to_1(folder: Path, array: np.ndarray) -> None:
    pixels = decode(saved(folder, "float.tif", Image.fromarray(array)))
    assert np.abs(pixels - grey(array.astype(float) * 255)).max() <= 0.5 + 1e-4


@pytest.mark.parametrize(
    ("value", "reason"),
    [(255.0, "scale 0 to 1"), (-1.0, "scale 0 to 1"), (np.nan, "NaN"), (np.inf, "infinite")],
)
def test_floats_on_another_scale_are_refused(tmp_path: Path, value: float, reason: str) -> None:
    array = np.full((3, 3), 0.5, np.float32)
    array[1, 1] = value
    with pytest.raises(BrokenImageError, match=reason):
        decode(saved(tmp_path, "other.tif", Image.fromarray(array)))


def test_ringing_just_beyond_the_float_scale_is_clipped(tmp_path: Path) -> None:
    path = saved(tmp_path, "ringing.tif", Image.fromarray(np.array([[-0.09, 0.5, 1.09]], np.float32)))
    assert decode(path)[0, :, 0].tolist() == [0, 128, 255]


def test_32_bit_integers_hold_16_bit_values_or_are_refused(tmp_path: Path) -> None:
    array = np.array([[0, 300, 65535]], np.int32)
    pixels = decode(saved(tmp_path, "i.tif", Image.fromarray(array)))
    np.testing.assert_array_equal(pixels, grey(array // 256))
    for value in (65536, -1):
        array[0, 0] = value
        with pytest.raises(BrokenImageError, match="16-bit range 0 to 65535"):
            decode(saved(tmp_path, "i.tif", Image.fromarray(array)))


def test_brightness_does_not_depend_on_the_other_pixels_of_an_image(tmp_path: Path) -> None:
    dark = saved(tmp_path, "dark.png", Image.fromarray(np.full((4, 4), 1024, np.uint16)))
    mixed = np.full((4, 4), 1024, np.uint16)
    mixed[0, 0] = 65535
    assert decode(dark)[3, 3, 0] == decode(saved(tmp_path, "mixed.png", Image.fromarray(mixed)))[3, 3, 0] == 4


def test_cmyk(tmp_path: Path) -> None:
    ink = np.zeros((2, 2, 4), np.uint8)
    ink[0, 0] = (255, 0, 0, 0)
    ink[1, 1] = (0, 0, 0, 255)
    pixels = decode(saved(tmp_path, "cmyk.tif", Image.fromarray(ink, "CMYK")))
    assert pixels[0, 0].tolist() == [0, 255, 255]
    assert pixels[1, 1].tolist() == [0, 0, 0]
    assert pixels[0, 1].tolist() == [255, 255, 255]


def test_cmyk_jpeg_is_not_inverted(tmp_path: Path) -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = decode(saved(tmp_path, "cmyk.jpg", image, quality=95))
    assert np.abs(red.astype(int) - (255, 0, 0)).max() < 12


def test_lab_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BrokenImageError, match="colour mode is LAB"):
        decode(saved(tmp_path, "lab.tif", Image.new("LAB", (3, 3))))


def turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """How a viewer shows stored pixels, from the EXIF standard's table of where row 0 and column 0 are."""
    return {
        1: array,
        2: np.fliplr(array),
        3: np.rot90(array, 2),
        4: np.flipud(array),
        5: np.transpose(array, (1, 0, 2)),
        6: np.rot90(array, -1),
        7: np.rot90(np.transpose(array, (1, 0, 2)), 2),
        8: np.rot90(array, 1),
    }[orientation]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_exif_orientation_is_applied_and_known_to_the_header(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    array = np.random.default_rng(orientation).integers(0, 256, (5, 8, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path, f"turned.{suffix}", Image.fromarray(array), exif=exif, **options)
    expected = turned(array, orientation)
    np.testing.assert_array_equal(decode(path), expected)
    header = probe(path)
    assert (header.height, header.width) == expected.shape[:2]


def test_exif_orientation_of_a_jpeg(tmp_path: Path) -> None:
    array = np.zeros((16, 32, 3), np.uint8)
    array[:, :16] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = decode(saved(tmp_path, "phone.jpg", Image.fromarray(array), exif=exif))
    assert pixels.shape == (32, 16, 3)
    assert pixels[:14].min() > 240
    assert pixels[18:].max() < 15


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\x00\x00broken", b"Exif\x00\x00II*\x00\xff\xff\xff\xff", b"x"])
def test_damaged_exif_does_not_make_a_damaged_image(tmp_path: Path, exif: bytes) -> None:
    path = saved(tmp_path, "exif.png", Image.new("RGB", (3, 2), (1, 2, 3)), exif=exif)
    assert decode(path).tolist() == [[[1, 2, 3]] * 3] * 2


@pytest.mark.parametrize(("suffix", "options"), [("gif", {}), ("tif", {}), ("webp", {"lossless": True})])
def test_the_first_of_several_frames_is_taken(
    tmp_path: Path, suffix: str, options: dict[str, object]
) -> None:
    red, blue = (Image.new("RGB", (4, 4), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    path = saved(tmp_path, f"frames.{suffix}", red, save_all=True, append_images=[blue], **options)
    assert (decode(path) == (255, 0, 0)).all()


def test_a_jpeg_of_several_pictures_is_a_jpeg(tmp_path: Path) -> None:
    red, blue = (Image.new("RGB", (16, 16), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    path = saved(tmp_path, "stereo.jpg", red, format="MPO", save_all=True, append_images=[blue])
    assert probe(path).format == "JPEG"
    assert np.abs(decode(path).astype(int) - (255, 0, 0)).max() < 12


def test_pixels_may_be_written_to(tmp_path: Path) -> None:
    grey16 = np.full((3, 4), 300, np.uint16)
    for name, image in (
        ("rgb", Image.new("RGB", (4, 3))),
        ("rgba", Image.new("RGBA", (4, 3), (1, 2, 3, 255))),
    ):
        assert decode(saved(tmp_path, f"{name}.png", image)).flags.writeable
    assert decode(saved(tmp_path, "grey16.png", Image.fromarray(grey16))).flags.writeable


def test_what_a_file_is_called_does_not_matter(tmp_path: Path) -> None:
    path = saved(tmp_path, "x.png", Image.new("RGB", (4, 3), (7, 8, 9))).rename(tmp_path / "x.jpg")
    assert (decode(path) == (7, 8, 9)).all()
    assert probe(path).format == "PNG"


def test_records_with_a_file_with_pixels_and_with_neither(tmp_path: Path) -> None:
    path = saved(tmp_path, "x.png", Image.new("RGB", (4, 3), (7, 8, 9)))
    assert (decode(ImageRecord("x", path)) == (7, 8, 9)).all()
    pixels = np.full((2, 2, 3), 5, np.uint8)
    assert (decode(ImageRecord("y", pixels=pixels)) == 5).all()
    assert decode(ImageRecord("grey", pixels=pixels[:, :, 0])).shape == (2, 2, 3)
    with pytest.raises(BrokenImageError, match="neither a file nor pixels"):
        decode(ImageRecord("z"))
    with pytest.raises(BrokenImageError, match="not an image"):
        decode(ImageRecord("flat", pixels=np.zeros(5, np.uint8)))


def test_a_bomb_is_refused_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(30_000, 30_000, 8, 2, b""))
    for refuse in (decode, probe, decode_mask):
        with pytest.raises(BrokenImageError, match=r"30000 x 30000 pixels are 900 megapixels.*limit of 179"):
            refuse(path)


def test_the_limit_is_the_callers_in_both_directions(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    before = Image.MAX_IMAGE_PIXELS
    path = tmp_path / "line.png"
    path.write_bytes(png(200_000, 1_000, 1, 0, bytes(25_001 * 1_000)))
    with pytest.raises(BrokenImageError, match="200 megapixels"):
        decode_mask(path)
    assert decode_mask(path, max_pixels=200_000_000).shape == (1_000, 200_000)
    assert probe(path, max_pixels=200_000_000).width == 200_000
    with pytest.raises(BrokenImageError, match="limit of 0"):
        decode(saved(tmp_path, "x.png", Image.new("L", (4, 3))), max_pixels=11)
    assert before == Image.MAX_IMAGE_PIXELS
    assert not recwarn.list


@pytest.mark.parametrize(("suffix", "mode"), [("png", "RGB"), ("jpg", "RGB"), ("bmp", "RGB"), ("pgm", "L")])
def test_truncated_files_are_named_so(tmp_path: Path, suffix: str, mode: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = saved(tmp_path, f"cut.{suffix}", Image.fromarray(noise).convert(mode))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BrokenImageError) as caught:
        decode(path)
    assert caught.value.reason.startswith("truncated")
    assert caught.value.path == path
    assert str(path) in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(kind=st.sampled_from(("png", "jpg", "bmp", "tif", "gif", "webp", "jp2", "pgm")), data=st.data())
def test_damaged_bytes_decode_or_are_broken_and_never_escape(
    folder: Path, kind: str, data: st.DataObject
) -> None:
    image = Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8))
    whole = saved(folder, f"whole.{kind}", image).read_bytes()
    cut = data.draw(st.integers(1, len(whole)))
    damage = data.draw(st.lists(st.tuples(st.integers(0, cut - 1), st.integers(0, 255)), max_size=4))
    broken = bytearray(whole[:cut])
    for position, value in damage:
        broken[position] = value
    path = folder / f"broken.{kind}"
    path.write_bytes(broken)
    for read in (decode, decode_mask, probe):
        with contextlib.suppress(BrokenImageError):
            assert read(path, max_pixels=10_000) is not None


def test_text_and_unknown_formats(tmp_path: Path) -> None:
    text = tmp_path / "readme.png"
    text.write_text("Dear colleague,\nthese are the images")
    with pytest.raises(BrokenImageError, match="a text file, not an image"):
        decode(text)
    text.write_bytes(b"\x7fELF\x02\x01\x01\x00")
    with pytest.raises(BrokenImageError, match=r"not an image of a known format \(PNG, JPEG, "):
        decode(text)
    text.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(BrokenImageError, match="not an image"):
        probe(text)


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    for name, reason in (("empty", "0 bytes"), ("folder", "a folder, not a file"), ("none", "no such file")):
        with pytest.raises(BrokenImageError, match=reason):
            decode(tmp_path / f"{name}.png")


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(BrokenImageError, match="pipe, socket or device"):
            decode(path)


def test_no_permission(tmp_path: Path, forbidden: object) -> None:
    path = saved(tmp_path, "secret.png", Image.new("L", (3, 3)))
    with forbidden(path), pytest.raises(BrokenImageError, match="no permission to read it"):
        decode(path)
    assert decode(path).shape == (3, 3, 3)


@given(array=arrays(np.uint16, (5, 6), elements=st.integers(0, 3)), suffix=st.sampled_from(("png", "tif")))
def test_every_value_but_zero_of_a_mask_is_defective(folder: Path, array: np.ndarray, suffix: str) -> None:
    np.testing.assert_array_equal(
        decode_mask(saved(folder, f"m16.{suffix}", Image.fromarray(array))), array > 0
    )
    small = Image.fromarray(array.astype(np.uint8))
    mask = decode_mask(saved(folder, f"m8.{suffix}", small), (5, 6))
    assert mask.dtype == np.bool_
    np.testing.assert_array_equal(mask, array > 0)
    floats = Image.fromarray(array.astype(np.float32) / 100)
    np.testing.assert_array_equal(decode_mask(saved(folder, "mf.tif", floats)), array > 0)


def test_in_masks_the_colour_of_a_palette_counts_and_transparent_is_not_defective(tmp_path: Path) -> None:
    indices = Image.fromarray(np.array([[0, 1]], np.uint8), "L").copy()
    indices.putpalette(bytes((255, 255, 255, 0, 0, 0)))
    assert decode_mask(saved(tmp_path, "p.png", indices)).tolist() == [[True, False]]
    colours = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 255]]], np.uint8)
    assert decode_mask(saved(tmp_path, "a.png", Image.fromarray(colours))).tolist() == [[True, False, False]]


@given(masks=st.integers(1, 4).flatmap(lambda count: arrays(np.bool_, (count, 5, 7))))
def test_a_folder_of_masks_is_all_of_them_together(folder: Path, masks: np.ndarray) -> None:
    kinds = folder / "kinds"
    kinds.mkdir(exist_ok=True)
    for path in kinds.iterdir():
        path.unlink()
    for index, mask in enumerate(masks):
        Image.fromarray(np.where(mask, np.uint8(100 + index), np.uint8(0))).save(kinds / f"{index:03}.png")
    (kinds / ".DS_Store").write_bytes(b"Bud1")
    assert np.array_equal(decode_mask(kinds, (5, 7)), masks.any(axis=0))


def test_a_folder_of_masks_that_cannot_be_one_mask(tmp_path: Path) -> None:
    with pytest.raises(BrokenImageError, match="a folder without a mask in it"):
        decode_mask(tmp_path)
    saved(tmp_path, "000.png", Image.new("L", (4, 4), 255))
    saved(tmp_path, "001.png", Image.new("L", (4, 5), 255))
    with pytest.raises(BrokenImageError, match=r"001\.png: its size differs from that of 000\.png"):
        decode_mask(tmp_path)
    (tmp_path / "001.png").write_bytes(b"")
    with pytest.raises(BrokenImageError, match=r"001\.png: an empty file"):
        decode_mask(tmp_path)


def test_the_mask_of_a_record_must_have_the_size_of_its_image_as_it_is_shown(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    image = saved(tmp_path, "image.jpg", Image.new("RGB", (8, 6)), exif=turned)
    upright = ImageRecord("image", image, mask=saved(tmp_path, "upright.png", Image.new("L", (6, 8), 9)))
    lying = ImageRecord("image", image, mask=saved(tmp_path, "lying.png", Image.new("L", (8, 6), 9)))
    assert decode_mask(upright).shape == (8, 6)
    with pytest.raises(BrokenImageError, match="drawn on the image before its rotation"):
        decode_mask(lying)


def test_a_mask_of_another_size_names_both_and_the_likely_cause(tmp_path: Path) -> None:
    path = saved(tmp_path, "mask.png", Image.new("L", (8, 6)))
    with pytest.raises(BrokenImageError, match=r"mask is 8 x 6 pixels, its image 9 x 6 \(width x height\)$"):
        decode_mask(path, (6, 9))
    with pytest.raises(BrokenImageError, match="drawn on the image before its rotation"):
        decode_mask(path, (8, 6))
