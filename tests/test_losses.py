"""Loss terms against numpy, written from the papers."""

import keras
import numpy as np
import pytest
import scipy.integrate
import tensorflow as tf
from conftest import small_model, two_devices

from kerasgan.errors import UserError
from kerasgan.layers import (
    GroupNormalization,
    LayerNormalization,
    batch_normalization,
    instance_normalization,
    layer_normalization,
)
from kerasgan.losses import LeCam, gaussian_kl, gradient_norms, logistic, probabilities_of_real
from kerasgan.models import dcgan
from kerasgan.models.cyclegan import LinearDecay, distance, square

RNG = np.random.default_rng(0)


def test_logistic_is_cross_entropy_of_the_sigmoid():
    logits = RNG.normal(size=(50, 1)) * 3
    d = 1 / (1 + np.exp(-logits))
    assert logistic(tf.constant(logits), real=True).numpy() == pytest.approx(-np.log(d).mean())
    assert logistic(tf.constant(logits), real=False).numpy() == pytest.approx(-np.log(1 - d).mean())


def test_logistic_of_extreme_logits_is_finite_and_has_the_right_sign():
    sure, wrong = tf.constant([[1000.0]]), tf.constant([[-1000.0]])
    assert logistic(sure, real=True).numpy() == 0 == logistic(wrong, real=False).numpy()
    assert logistic(wrong, real=True).numpy() == 1000 == logistic(sure, real=False).numpy()


@pytest.mark.parametrize("scale", [0.0, 0.01, 1.0, 7.0])
def test_gradient_norms_of_a_linear_critic_have_a_closed_form(scale):
    w = (RNG.normal(size=(6, 5, 2)) * scale).astype(np.float32)
    norms = gradient_norms(
        lambda x, training: tf.reduce_sum(w * x, axis=[1, 2, 3]), tf.random.normal((4, 6, 5, 2)), True
    )
    assert norms.dtype == tf.float32
    np.testing.assert_allclose(norms, np.full(4, np.linalg.norm(w)), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 2, 2, 1), (3, 5)])
def test_gradient_norms_are_those_of_each_image_in_the_mode_that_was_asked_for(shape):
    modes = []

    def critic(x, training):
        modes.append(training)
        return tf.reduce_sum(x**2, axis=list(range(1, len(shape)))) / 2  # its gradient is x itself

    x = RNG.normal(size=shape).astype(np.float32)
    norms = [gradient_norms(critic, tf.constant(x), training) for training in (True, False)]
    assert modes == [True, False]
    for found in norms:
        np.testing.assert_allclose(found, np.linalg.norm(x.reshape(3, -1), axis=1), rtol=1e-5)


def test_gradient_norms_of_a_flat_critic_have_a_finite_gradient():
    w = tf.Variable(tf.zeros((2, 2, 1)))
    with tf.GradientTape() as tape:
        norms = gradient_norms(lambda x, training: tf.reduce_sum(w * x, axis=[1, 2, 3]), tf.ones((3, 2, 2, 1)), True)
        penalty = tf.reduce_mean((norms - 1) ** 2)
    assert np.isfinite(tape.gradient(penalty, w)).all()


PENALTIES = {
    "WGAN-GP": lambda norms: tf.reduce_mean((norms - 1) ** 2),  # and DRAGAN's
    "R1": lambda norms: tf.reduce_mean(norms**2) / 2,  # and R2's
    "WGAN-div": lambda norms: tf.reduce_mean(norms**6),
}
NORMALIZATIONS = {
    "layer": layer_normalization,
    "layer, whole map": lambda: LayerNormalization(axis=[1, 2, 3]),
    "layer, rms": lambda: LayerNormalization(rms_scaling=True),
    "instance": instance_normalization,
    "group": lambda: GroupNormalization(groups=2),
    "batch": batch_normalization,
    "batch, not affine": lambda: batch_normalization(affine=False),
}


def smooth(network):
    """The same network in float64, without kinks, with weights that are not those of its start."""

    def one(layer):
        if isinstance(layer, keras.layers.LeakyReLU):
            return keras.layers.Activation("softplus", dtype="float64", name=layer.name)
        return type(layer).from_config({**layer.get_config(), "dtype": "float64"})

    image = y = keras.Input(network.input_shape[1:], dtype="float64")
    for layer in network.layers[1:]:
        y = one(layer)(y)
    twin = keras.Model(image, y)
    for w, of in zip(twin.weights, network.weights, strict=True):
        positive = w.path.endswith("moving_variance")
        w.assign(np.abs(of.numpy()) if positive else of.numpy() + RNG.normal(size=w.shape) * 0.3)
    return twin


def directional_derivatives(loss, weights, step=1e-5):
    """Return d loss of a random direction of each weight: by its gradient, and by central differences."""
    with tf.GradientTape() as tape:
        value = loss()
    found, expected = [], []
    for w, gradient in zip(weights, tape.gradient(value, weights), strict=True):
        start, direction = w.numpy(), RNG.normal(size=w.shape)
        found.append(np.sum(gradient.numpy() * direction))
        ends = []
        for sign in (1, -1):
            w.assign(start + sign * step * direction)
            ends.append(loss().numpy())
        w.assign(start)
        expected.append((ends[0] - ends[1]) / (2 * step))
    return np.array(found), np.array(expected)


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
@pytest.mark.parametrize(
    ("normalization", "training", "penalty"),
    [
        *((normalization, True, "WGAN-GP") for normalization in NORMALIZATIONS),
        ("batch", False, "WGAN-GP"),
        ("batch", True, "R1"),
        ("layer", True, "WGAN-div"),
    ],
)
def test_the_gradient_of_a_penalty_is_that_of_differences(normalization, training, penalty):
    keras.utils.set_random_seed(0)
    critic = smooth(dcgan.discriminator((16, 16, 1), 4, NORMALIZATIONS[normalization], bias=False))
    x = tf.constant(RNG.normal(size=(5, 16, 16, 1)))

    found, expected = directional_derivatives(
        tf.function(lambda: PENALTIES[penalty](gradient_norms(critic, x, training))), critic.trainable_weights
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


def test_the_gradient_of_wgan_gps_own_penalty_is_that_of_differences():
    model = small_model("wgan_gp", (32, 32, 1))
    critic, x = smooth(model.critic), tf.constant(RNG.normal(size=(4, 32, 32, 1)))
    found, expected = directional_derivatives(
        tf.function(lambda: PENALTIES["WGAN-GP"](gradient_norms(critic, x, True))), critic.trainable_weights
    )
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


@pytest.mark.parametrize(
    "theirs",
    [
        keras.layers.BatchNormalization,
        keras.layers.LayerNormalization,
        lambda: keras.layers.GroupNormalization(-1),
        lambda: keras.Sequential([keras.layers.LayerNormalization()], name="inside"),
    ],
)
def test_a_critic_with_normalisations_of_keras_is_refused(theirs):
    critic = dcgan.discriminator((16, 16, 1), 4, theirs, name="critic")
    with pytest.raises(UserError, match=r"The critic has a \w+Normalization of Keras .* take kerasgan\.layers\.\w+"):
        gradient_norms(critic, tf.zeros((2, 16, 16, 1)), True)


def test_gaussian_kl_equals_the_integral():
    mean, log_variance = np.array([[0.7, -1.2]]), np.array([[0.3, -0.8]])

    def integrand(z, m, v):
        q = np.exp(-((z - m) ** 2) / (2 * v)) / np.sqrt(2 * np.pi * v)
        p = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        return q * np.log(q / p)

    expected = sum(
        scipy.integrate.quad(integrand, -9, 9, (m, np.exp(lv)))[0]
        for m, lv in zip(mean[0], log_variance[0], strict=True)
    )
    assert gaussian_kl(tf.constant(mean), tf.constant(log_variance)).numpy() == pytest.approx(expected, rel=1e-6)
    assert gaussian_kl(tf.zeros((5, 3)), tf.zeros((5, 3))).numpy() == 0


def test_cyclegan_terms():
    a, b = RNG.normal(size=(2, 3, 3, 1)), RNG.normal(size=(2, 3, 3, 1))
    assert square(tf.constant(a)).numpy() == pytest.approx((a**2).mean())
    assert distance(tf.constant(a), tf.constant(b)).numpy() == pytest.approx(np.abs(a - b).mean())


def test_linear_decay_is_constant_for_half_and_ends_at_zero():
    decay = LinearDecay(2e-4, 100)
    rates = [float(decay(step)) for step in (0, 49, 50, 75, 100, 120)]
    assert rates == pytest.approx([2e-4, 2e-4, 2e-4, 1e-4, 0, 0])


def test_probabilities_of_real_are_sigmoids_of_one_logit():
    x, fake = RNG.normal(size=(2, 5, 3)).astype(np.float32)
    real, made = probabilities_of_real(lambda x: tf.reduce_sum(x, axis=1, keepdims=True), tf.constant(x), fake)
    np.testing.assert_allclose(real, 1 / (1 + np.exp(-x.sum(axis=1, keepdims=True))), rtol=1e-5)
    np.testing.assert_allclose(made, 1 / (1 + np.exp(-fake.sum(axis=1, keepdims=True))), rtol=1e-5)
    assert probabilities_of_real(lambda x: x[:, 0], tf.constant(x), tf.constant(fake))[0].shape == 5


@pytest.mark.parametrize(
    ("outputs", "found"),
    [(lambda x: x, r"returns \(4, 11\)"), (lambda x: (x[:, :1], x[:, 1:2]), "returns 2 outputs")],
)
def test_discriminators_of_classes_are_not_taken_for_those_of_real_and_fake(outputs, found):
    with pytest.raises(UserError, match=found):
        probabilities_of_real(outputs, tf.zeros((4, 11)), tf.zeros((4, 11)))


def test_own_models_with_a_logit_for_each_class_are_not_judged_as_dcgan():
    class Classes(dcgan.DCGAN):
        def __init__(self, image_shape=(8, 8, 1), **kwargs):
            super().__init__(image_shape, 4, 4)
            self.discriminator = dcgan.discriminator(image_shape, 4, outputs=11)

    model = Classes()
    with pytest.raises(UserError, match=r"one logit for each image .* \(2, 11\)\. Give .* a judge\(\)"):
        model.judge(tf.zeros((2, 8, 8, 1)))


def test_r1_and_r2_against_numpy():
    """gamma/2 times the squared length of the logit's gradient: summed over pixels, averaged over images."""
    w, v, x = RNG.normal(size=(12, 5)), RNG.normal(size=5), RNG.normal(size=(7, 2, 3, 2))

    def critic(x, training):
        return tf.nn.softplus(tf.reshape(x, (-1, 12)) @ w) @ v[:, None]

    slopes = 1 / (1 + np.exp(-x.reshape(-1, 12) @ w))
    gradients = (slopes * v) @ w.T
    expected = 10 / 2 * (gradients**2).sum(1).mean()
    found = 10 / 2 * tf.reduce_mean(gradient_norms(critic, tf.constant(x), True) ** 2)
    assert found.numpy() == pytest.approx(expected)


@pytest.mark.filterwarnings("ignore:You passed `rms_scaling=True`")
@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_gradient_of_r1_and_r2_every_few_steps_is_that_of_differences(normalization):
    """On real images and on fakes, times the steps that each stands for, beside the loss of the step."""
    keras.utils.set_random_seed(0)
    critic = smooth(dcgan.discriminator((8, 8, 1), 4, NORMALIZATIONS[normalization], bias=False))
    real, fake = (tf.constant(RNG.normal(size=(3, 8, 8, 1))) for _ in range(2))

    @tf.function
    def loss(step=32, every=16, gamma=0.5):
        def penalty():
            norms = [gradient_norms(critic, x, True) for x in (real, fake)]
            return every * tf.add_n([gamma / 2 * tf.reduce_mean(norms_of**2) for norms_of in norms])

        relativistic = tf.reduce_mean(tf.nn.softplus(critic(fake, training=True) - critic(real, training=True)))
        return relativistic + tf.cond(tf.constant(step) % every == 0, penalty, lambda: tf.zeros((), tf.float64))

    found, expected = directional_derivatives(loss, critic.trainable_weights)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7 * np.abs(expected).max())


def lecam_by_hand(steps, decay=0.99):
    """What LeCam returns at each step, and the averages after the last."""
    penalties, total, weight = [], np.zeros(2), 0
    for real, fake in steps:
        total, weight = decay * total + (1 - decay) * np.array([real.mean(), fake.mean()]), decay * weight + 1 - decay
        a_real, a_fake = total / weight
        penalties.append((np.maximum(real - a_fake, 0) ** 2).mean() + (np.maximum(a_real - fake, 0) ** 2).mean())
    return penalties, total / weight


def test_lecam_against_numpy():
    steps = [(RNG.normal(1 + i / 9, 1, (6, 1)), RNG.normal(-1 - i / 9, 1, (4, 2, 2, 1))) for i in range(20)]
    lecam = LeCam()
    expected, averages = lecam_by_hand(steps)
    found = [float(lecam(real.astype(np.float32), fake.astype(np.float32))) for real, fake in steps]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(lecam.averages[:2] / lecam.averages[2], averages, rtol=1e-4)
    # After the first step, they are the means of its batch; after these few, nearly those of all.
    assert expected[0] == lecam_by_hand(steps[:1])[0][0]
    np.testing.assert_allclose(averages, [np.mean([x.mean() for x in xs]) for xs in zip(*steps)], rtol=0.05)
    assert LeCam.from_config(LeCam(0.9).get_config()).decay == 0.9


def test_lecam_is_0_where_no_logit_is_beyond_the_other_kinds_average_and_its_averages_have_no_gradient():
    lecam = LeCam()
    real, fake = tf.constant([[-3.0], [-1.0]]), tf.constant([[2.0], [4.0]])
    assert lecam(real, fake).numpy() == 0
    real, fake = tf.constant([[3.0], [1.0]]), tf.constant([[-2.0], [0.0]])
    lecam = LeCam()
    with tf.GradientTape() as tape:
        tape.watch([real, fake])
        penalty = lecam(real, fake)  # averages 2 and -1
    assert penalty.numpy() == pytest.approx((4**2 + 2**2) / 2 + (4**2 + 2**2) / 2)
    by_real, by_fake = tape.gradient(penalty, [real, fake])
    np.testing.assert_allclose(by_real, [[4], [2]])
    np.testing.assert_allclose(by_fake, [[-4], [-2]])


def test_lecam_of_half_precision_is_float32():
    keras.config.set_dtype_policy("mixed_float16")
    lecam = LeCam()
    penalty = lecam(tf.constant([[300.0]], tf.float16), tf.constant([[-300.0]], tf.float16))
    assert penalty.dtype == tf.float32
    assert penalty.numpy() == 2 * 600.0**2  # float16 ends at 65,504


def test_lecam_on_two_devices_has_the_averages_of_both():
    strategy = two_devices()
    steps = [(RNG.normal(1, 2, (8, 1)).astype(np.float32), RNG.normal(-1, 2, (8, 1)).astype(np.float32)) for _ in "123"]
    one = LeCam()
    with strategy.scope():
        two = LeCam()

    @tf.function
    def on_both(real, fake):
        def on_one():
            first = 4 * tf.distribute.get_replica_context().replica_id_in_sync_group
            return two(real[first : first + 4], fake[first : first + 4])

        return strategy.run(on_one)

    for real, fake in steps:
        halves = strategy.experimental_local_results(on_both(tf.constant(real), tf.constant(fake)))
        assert np.mean(halves) == pytest.approx(float(one(real, fake)), rel=1e-5)
    for copy in strategy.experimental_local_results(two.averages.value):
        np.testing.assert_allclose(copy, one.averages, rtol=1e-5)
