import pytest


@pytest.fixture
def fit(refused, unsorted, tmp_path):
    """Try to fit with some options; return what is said against them."""

    def run(*options):
        return refused("fit", unsorted, *options, "--out", tmp_path / "never.sieve")

    return run


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--tau", "2"], "tau is 2.0: the share of patches to sieve out must be at least 0 and below 1"),
        (["--tau", "nan"], "tau is nan"),
        (["--tau", "much"], "--tau"),
        (["--coreset-ratio", "0"], "0.0"),
        (["--coreset-ratio", "1.5"], "1.5"),
        (["--coreset", "best"], "there is no coreset 'best'; choose one of greedy, composable, random"),
        (["--detector", "best"], "there is no detector 'best'; choose one of adaptive, softpatch"),
        (["--discriminator", "best"], "there is no noise discriminator 'best'; choose one of lof, nearest, gaussian"),
        (["--backbone", "best"], "there is no backbone 'best'; there are efficientnet_lite0"),
        (["--backbone", "onnx:none.onnx"], "there is no ONNX file none.onnx"),
        (["--layers", "stage9"], "efficientnet_lite0 has no layer 'stage9'; it has stage1"),
        (["--layers", ","], "layers is ',': name layers"),
        (["--device", "abacus"], "the device 'abacus' is not available here; use --device cpu or auto"),
        (["--preset", "best"], "there is no preset 'best'; there is paper"),
        (["--lof-k", "0"], "lof_k is 0"),
        (["--seed", "-1"], "seed is -1: it must be a whole number from 0"),
        (["--seed", str(2**32)], f"seed is {2**32}"),
        (["--false-alarms", "1"], "false_alarms is 1.0: it must lie between 0 and 1"),
        (["--image-size", "big"], "the size 'big' is neither a number of pixels such as 256 nor HEIGHTxWIDTH"),
        (["--image-size", "256x"], "the size '256x'"),
        (["--image-size", "16"], "the image size (16, 16) is too small: at least 32 pixels"),
        (["--image-size", "64"], "the crop (224, 224) does not fit into the image size (64, 64): choose"),
        (["--crop", "16"], "the crop (16, 16) is too small"),
        (["--layout", "guess"], "unknown layout 'guess': choose one of auto, manifest, visa"),
        (["--layout", "mvtec"], "is not laid out as mvtec, which is train/good"),
        (["--tua", "0.1"], "No such option: --tua"),
        (["--bank-size", "0"], "bank_size is 0: it must be at least 1"),
        (["--bank-size", "many"], "the bank size 'many' is neither a number of patches such as 10000 nor none"),
        (["--precision", "float16"], "the precision cannot be 'float16'"),
        (["--memory-budget", "lots"], "the memory 'lots' is not a size such as 4GiB or 1500MB"),
        (["--memory-budget", "2,5GiB"], "the memory '2,5GiB' is not a size"),
        (["--memory-budget", "-4GiB"], "the memory '-4GiB' is not a size"),
        (["--memory-budget", "1500MB"], "memory_budget is 1500000000 bytes: at least 2 GiB are needed"),
        (["--cache-dtype", "float64"], "--cache-dtype"),
    ],
)  # fmt: skip
def test_a_wrong_flag_is_named_with_what_would_be_right(fit, options, said):
    assert said in fit(*options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tua: 0.1", "adaptive has no setting 'tua'; it has "),
        ("detector: patchcore\ntau: 0.1", "patchcore has no setting 'tau'"),
        ("detector: 7", "there is no detector '7'"),
        ("tau: lots", "the setting tau cannot be 'lots'"),
        ("tau: [0.1]", "the setting tau cannot be [0.1]"),
        ("lof_k: 3.5", "the setting lof_k cannot be 3.5"),
        ("seed:", "the setting seed cannot be None"),
        ("soft_weights: perhaps", "the setting soft_weights cannot be 'perhaps'"),
        ("crop: [1, 2, 3]", "the setting crop cannot be [1, 2, 3]"),
        ("crop: big", "the size 'big' is neither"),
        ("layers: stage9", "has no layer 'stage9'"),
        ("folds: 1", "folds is 1"),
        ("sigma: .nan", "sigma is nan: it must be a number of pixels"),
        ("batch_size: 0", "batch_size is 0"),
        ("patch_size: 2", "patch_size is 2: it must be odd"),
        ("dims: 0", "dims is 0"),
        ("projection_dims: 0", "projection_dims is 0"),
        ("memory_budget: plenty", "the memory 'plenty' is not a size such as 4GiB"),
        ("memory_budget: 100", "memory_budget is 100 bytes: at least 2 GiB are needed"),
        ("memory_budget: 4.5", "the setting memory_budget cannot be 4.5"),
        ("bank_size: 0", "bank_size is 0"),
        ("reference_images: 1", "reference_images is 1: it must be at least 2"),
        ("- tau\n- 0.1", "must hold lines such as 'tau: 0.15'"),
        ("tau: 0.1\nlayers: [a", "line7.yaml is not YAML: expected ',' or ']', but got '<stream end>' in line 2"),
        ("tau: !!python/object:os.system x", "is not YAML: could not determine a constructor"),
        ("tau: \x07", "is not YAML: "),
    ],
)  # fmt: skip
def test_a_wrong_configuration_is_one_sentence_about_the_line(fit, tmp_path, text, said):
    path = tmp_path / "line7.yaml"
    path.write_text(text)
    assert said in fit("--config", path)


def test_a_configuration_that_cannot_be_read(fit, tmp_path):
    assert "none.yaml: No such file or directory" in fit("--config", tmp_path / "none.yaml")
    assert "Is a directory" in fit("--config", tmp_path)
    path = tmp_path / "line7.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "line7.yaml is not UTF-8 text" in fit("--config", path)


def test_a_list_of_exclusions_that_does_not_fit(fit, tmp_path, unsorted):
    path = tmp_path / "list.txt"
    assert f"{path}: No such file" in fit("--exclude", path)
    path.write_text("part_03.png\nother.png\n")
    assert "not among the 28 training images" in fit("--exclude", path)
    path.write_text("\n".join(image.name for image in unsorted.iterdir()))
    assert f"{path} excludes every training image of {unsorted}" in fit("--exclude", path)


def test_commands_and_arguments_that_are_not_there(refused, model_file, unsorted, tmp_path):
    assert "No such command 'learn'" in refused("learn")
    assert "name the folder of images to learn from" in refused("fit")
    assert "PATH" in refused("predict", model_file)
    assert "--top" in refused("suspects", model_file, "--top", 0)
    assert "png" in refused("predict", model_file, unsorted, "--maps", "png", "--out", tmp_path / "out")
    assert "need a folder to go to: --out" in refused("predict", model_file, unsorted, "--overlays")
    assert "abacus" in refused("predict", model_file, unsorted, "--device", "abacus")


def test_without_arguments_the_commands_are_listed_and_the_version_needs_no_command(patchsieve):
    listed = patchsieve()
    assert all(
        name in listed.out + listed.err
        for name in ("check", "fit", "predict", "suspects", "evaluate", "demo")
    )
    assert listed.code == 2
    version = patchsieve("--version")
    assert version.code == 0
    assert version.out.strip().count(".") == 2
