"""What a model is measured on, and what stands beside it."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from kerasgan import evaluation, metrics
from kerasgan.errors import UserError

RNG = np.random.default_rng(0)


def noise(n, shape=(12, 12, 1), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape), np.uint8)


def network(classes=None, shape=(12, 12, 1)):
    """Features are the mean brightness of each column; the classes are which third of the columns is brightest."""
    image = keras.Input(shape)
    columns = keras.layers.Flatten()(keras.layers.AveragePooling2D((shape[0], 1))(image))
    found = metrics.feature_network(keras.Model(image, columns, name="columns"))
    if classes is None:
        return found
    thirds = keras.layers.Flatten()(keras.layers.AveragePooling2D((shape[0], shape[1] // classes))(image))
    logits = metrics.feature_network(keras.Model(image, thirds)).extract
    return metrics.FeatureNetwork("columns", found.image_shape, found.sha256, found.extract, logits)


def generator(draw, **verbs):
    about = {"verbs": ["sample", *verbs], "hyperparameters": {"classes": 3}}
    return SimpleNamespace(about=about, sample=draw, **verbs)


def found(measures):
    return {one.name: one for one in measures}


def test_samples_that_are_real_reach_the_floor():
    model = generator(lambda n, seed: noise(n, seed=10 + seed))
    its = found(evaluation.generation(model, noise(300), noise(900, seed=99), network(), n=300, draws=3))
    distance = its["Frechet distance"]
    assert distance.n == 300
    assert distance.beside_what == "other real images"
    assert distance.value == pytest.approx(distance.beside, rel=0.5)
    assert distance.std > 0
    assert distance.beside_std > 0
    assert its["precision"].value > 0.8
    assert its["recall"].value > 0.8
    assert "class score" not in its  # of a network without classes
    assert "label accuracy" not in its


def test_samples_that_are_all_one_image_are_far_from_it():
    model = generator(lambda n, seed: np.repeat(noise(1, seed=1), n, axis=0))
    its = found(evaluation.generation(model, noise(200), noise(200, seed=2), network(), n=200, draws=2))
    assert its["Frechet distance"].value > 5 * its["Frechet distance"].beside
    assert its["recall"].value < 0.1
    assert its["variety (1 - MS-SSIM)"].value == pytest.approx(0, abs=1e-5)
    assert its["Frechet distance"].std == 0  # the same in each draw


def test_a_draw_is_a_mean_over_seeds_and_real_images_are_as_many():
    seeds, sizes = [], []

    def draw(n, seed):
        seeds.append(seed)
        sizes.append(n)
        return noise(n, seed=seed)

    its = found(evaluation.generation(generator(draw), noise(120), None, network(), n=10_000, draws=2, name="FID"))
    assert seeds == [0, 1]
    assert sizes == [120, 120]  # as many as there are real ones
    each = [metrics.frechet_distance(network()(noise(120, seed=s)), network()(noise(120))) for s in seeds]
    assert its["FID"].value == pytest.approx(np.mean(each))
    assert its["FID"].std == pytest.approx(np.std(each, ddof=1))
    assert its["FID"].beside is None
    single = found(evaluation.generation(generator(draw), noise(120), None, network(), draws=1))
    assert single["Frechet distance"].std is None


def test_a_copy_is_as_near_as_can_be_mirrored_or_not():
    learnt = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), np.uint8)
    other = np.clip(learnt[2].astype(int) + 51, 0, 255).astype(np.uint8)
    samples = np.stack([learnt[4], learnt[1][:, ::-1], other])
    mean, smallest = evaluation.nearness(samples, learnt)
    far = np.sqrt(np.mean((other / 255 - learnt[2] / 255) ** 2))
    assert mean.value == pytest.approx(far / 3, rel=1e-5)
    assert smallest.value == 0

    def distance(i, j):
        pair = learnt[i] / 255, learnt[j] / 255
        return min(np.sqrt(np.mean((side - pair[1]) ** 2)) for side in (pair[0], pair[0][:, ::-1]))

    apart = [min(distance(i, j) for j in range(6) if j != i) for i in range(6)]
    assert (mean.beside, smallest.beside) == (
        pytest.approx(np.mean(apart), rel=1e-5),
        pytest.approx(min(apart), rel=1e-5),
    )


def test_the_kernel_distance_has_its_interval(monkeypatch):
    estimates = iter([metrics.Estimate(1.0, 0.5, 1.5), metrics.Estimate(2.0, 1.5, 2.5)])
    monkeypatch.setattr(metrics, "kernel_distance", lambda a, b: next(estimates))
    model = generator(lambda n, seed: noise(n, seed=seed))
    its = found(evaluation.generation(model, noise(50), None, network(), draws=2))
    assert (its["kernel distance"].value, its["kernel distance"].low, its["kernel distance"].high) == (1.5, 1, 2)


def one_third(labels):
    """Images whose third number `label` is bright."""
    images = np.zeros((len(labels), 12, 12, 1), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] = 255
    return images


def test_conditional_samples_are_asked_for_all_labels_and_judged():
    asked = []

    def sample_labelled(labels, seed):
        asked.append(labels)
        return one_third(np.where(labels == 2, 0, labels))  # the last class is drawn as the first

    model = generator(lambda n, seed: one_third(np.arange(n) % 2), sample_labelled=sample_labelled)
    its = found(evaluation.generation(model, one_third(np.arange(90) % 3), None, network(3), draws=2))
    assert np.bincount(asked[0]).tolist() == [30, 30, 30]
    assert its["label accuracy"].value == pytest.approx(2 / 3)
    assert its["rarest class"].value == 0
    assert its["most frequent class"].value == 0.5
    assert 1 < its["class score"].value <= 3


def test_translations_are_measured_beside_their_sources():
    sources, targets = noise(8), noise(8, seed=1)
    its = found(evaluation.translation(lambda images: targets, sources, targets))
    assert its["L1"].value == 0
    assert its["PSNR"].value == 120  # equal images: the ratio is cut off
    assert its["SSIM"].value == pytest.approx(1)
    expected = np.abs(sources.astype(float) - targets)
    assert its["L1"].beside == pytest.approx(expected.mean() / 255)
    assert its["PSNR"].beside == pytest.approx(10 * np.log10(255**2 / (expected**2).mean()))
    small = evaluation.translation(lambda images: noise(len(images)), noise(8, (3, 3, 1)), targets)
    assert found(small)["L1"].beside > 0  # sources were enlarged


def test_likelihood_in_nats_and_bits():
    model = SimpleNamespace(log_prob=lambda images: np.full(len(images), -144 * np.log(2) * 1.5))
    its = found(evaluation.likelihood(model, noise(3)))
    assert its["bits per dimension"].value == pytest.approx(1.5)
    assert its["-log p(image)"].value == pytest.approx(144 * np.log(2) * 1.5)


def test_classes_and_anomalies(monkeypatch):
    monkeypatch.setattr(evaluation, "BLOCK", 2)  # blocks are put together in order
    model = SimpleNamespace(
        classify=lambda images: np.eye(3)[images[:, 0, 0, 0]], anomaly_score=lambda images: images[:, 0, 0, :]
    )
    images = np.zeros((5, 12, 12, 1), np.uint8)
    images[:, 0, 0, 0] = [0, 1, 2, 2, 1]
    assert evaluation.classification(model, images, np.array([0, 1, 2, 0, 0]))[0].value == 0.6
    assert evaluation.anomalies(model, images, np.array([0, 0, 1, 1, 0]))[0].value == 1
    with pytest.raises(UserError, match="no images to measure"):
        evaluation.classification(model, images[:0], np.array([]))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 6, 7])
@pytest.mark.parametrize("alike", [False, True])
def test_few_images_are_measured_by_what_so_few_have_a_measure_of(n, alike):
    real = np.repeat(noise(1), n, axis=0) if alike else noise(n)
    model = generator(lambda n, seed: noise(n, seed=seed))
    its = found(evaluation.generation(model, real, noise(30, seed=9), network(3), n=100, draws=2))
    always = {"class score", "rarest class", "most frequent class", "time for 1,000 samples"}
    of_pairs = {"Frechet distance", "kernel distance", "variety (1 - MS-SSIM)"} if n > 1 else set()
    of_neighbours = {"precision", "recall", "density", "coverage"} if n > 5 else set()
    assert set(its) == always | of_pairs | of_neighbours
    assert all(np.isfinite(one.value) for one in its.values())
    said = [line.partition(":")[0] for line in evaluation.unmeasured(n, real.shape[1:])]
    few = ["Frechet distance", "kernel distance"] if n == 1 else ["confidence interval of the kernel distance"]
    few += ["precision, recall, density, coverage"] if n < 6 else []
    assert said == few + (["variety (1 - MS-SSIM)"] if n == 1 else [])


def test_all_is_measured_of_many_large_images():
    assert evaluation.unmeasured(2000, (11, 11, 1)) == []
    (small,) = evaluation.unmeasured(2000, (12, 8, 1))
    assert small == "variety (1 - MS-SSIM): it looks at windows of 11 x 11 pixels; the images have 12 x 8"
    assert evaluation.unlike((12, 8, 1)) == ["SSIM: it looks at windows of 11 x 11 pixels; the images have 12 x 8"]
    assert evaluation.unlike((11, 11, 1)) == []
    with pytest.raises(UserError, match="no images to measure"):
        evaluation.generation(generator(noise), noise(0), None, network())


def test_labels_are_judged_by_a_network_of_the_same_classes_alone():
    ours = ["left", "middle", "right"]
    model = generator(
        lambda n, seed: one_third(np.arange(n) % 3),
        sample_labelled=lambda labels, seed: one_third([ours.index(label) for label in labels]),
    )
    model.about["data"] = {"class_names": ours}
    for names, judged in ((tuple(ours), True), (("a", "b", "c"), False), ((), True)):
        judge = dataclasses.replace(network(3), class_names=names)
        its = found(evaluation.generation(model, one_third(np.arange(30) % 3), None, judge, draws=1))
        assert ("label accuracy" in its) == judged
