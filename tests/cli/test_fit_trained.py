"""Training from the command line: what was trained waits beside the model, and goes when the model is there."""

from patchsieve.detectors import crossfit, load

QUICK = ("--detector", "cflow", "--image-size", "64", "--crop", "none")
QUICK = (*QUICK, "--set", "epochs=2", "--set", "epoch_steps=3", "--set", "coupling_blocks=1")


def test_a_training_that_is_over_is_not_done_again(patchsieve, parts, tmp_path, monkeypatch):
    images = parts(tmp_path / "images", 6)

    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(crossfit, "out_of_sample", interrupted)
        assert patchsieve("fit", images, "--out", tmp_path / "one.sieve", *QUICK).code != 0
    waiting = tmp_path / "one.sieve.embeddings"
    (training,) = waiting.rglob("*.safetensors")
    assert training.stat().st_size > 0
    assert not (tmp_path / "one.sieve").exists()
    finished = patchsieve("fit", images, "--out", tmp_path / "one.sieve", *QUICK)
    assert finished.code == 0, finished
    assert str(waiting) in finished.err.replace("\n", "")
    assert not waiting.exists()
    patchsieve("fit", images, "--out", tmp_path / "two.sieve", *QUICK)
    one, two = load(tmp_path / "one.sieve"), load(tmp_path / "two.sieve")
    assert one.threshold_ == two.threshold_
    assert (one.predict(images).scores == two.predict(images).scores).all()


def test_a_cache_that_the_user_named_keeps_embeddings_but_no_trainings(patchsieve, parts, tmp_path):
    images, cache = parts(tmp_path / "images", 6), tmp_path / "cache"
    assert patchsieve("fit", images, "--out", tmp_path / "one.sieve", "--cache", cache, *QUICK).code == 0
    assert [path.name for path in cache.rglob("features")] == ["features"]
    assert not list(cache.rglob("*.safetensors"))
    assert not (tmp_path / "one.sieve.embeddings").exists()
