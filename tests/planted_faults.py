"""Plants faults one at a time in a copy of the package, and says which of them the tests notice.

    python tests/planted_faults.py [NAME ...]

A test that cannot fail says nothing; a suite that was made faster may have gone blind. What the tests promise of every
variant, and the faults below belong to:

    players      each loss moves the weights of its own player, all of them, and no others, in the paper's order and
                 as often as it says; losses have the paper's signs, targets and weights
    modes        what learns runs in training mode; answering, judging and exporting change nothing
    precision    it trains in float32, bfloat16 and float16, with gradients that agree; one player's overflow is its
                 own; an export computes in float32
    repetition   the same state makes the same step; a run that was broken off, and a file, go on bit for bit
    devices      two devices train as one, whatever each of them sees; no two replicas share noise
    borders      every size, channel and batch size works; pictures change size with antialiasing; exports need neither
                 Keras nor kerasgan
    averages     an average of weights starts as the network that it follows, is shown, and is not what training goes on
                 from
    minibatches  several minibatches of one step train as one batch
    few images   a discriminator sees all images changed, and is asked as it is normalised in training

Each fault is a replacement of a text that has to be there exactly once, and the tests that have to turn red. These are
run without any fault first. Ends with 1 if a fault stays unnoticed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
RED, GREEN = 1, 0  # what pytest ends with


class Fault(NamedTuple):
    file: str
    text: str
    instead: str
    tests: str  # a file below tests/
    named: str  # pytest's -k


DCGAN, MODEL, LAYERS = "kerasgan/models/dcgan.py", "kerasgan/model.py", "kerasgan/layers.py"
ACCUMULATION = "kerasgan/accumulation.py"
CONTRACT = "test_contract.py"
ON_REAL = "logistic(self.discriminator(x, training=True), real=True)"
SCALED = "start = optimizer.scale_loss(tf.ones_like(loss) / replicas)"
MEAN = "return self.then([s / n for s in self.sums])"
ALL_AT_THE_END = """late = vars(_of_this_thread).setdefault("late", [])
        late.append((self.then, [s / n for s in self.sums]))
        if self.then.__name__ == "move":
            return None
        return [then(means) for then, means in vars(_of_this_thread).pop("late")][-1]"""
FAULTS = {
    "sign_of_a_loss": Fault(
        DCGAN,
        "d_loss += logistic(self.discriminator(fake, training=True), real=False)",
        "d_loss -= logistic(self.discriminator(fake, training=True), real=False)",
        "test_steps.py",
        "logistic_players and dcgan",
    ),
    "weight_that_no_step_moves": Fault(
        MODEL,
        "optimizer.apply_gradients(zip(gradients, weights))",
        "optimizer.apply_gradients(zip(gradients[1:], weights[1:]))",
        CONTRACT,
        "dcgan and own_weights",
    ),
    "layer_frozen": Fault(
        DCGAN,
        "layers.Dense(rows * columns * filters[-1], use_bias=False,",
        "layers.Dense(rows * columns * filters[-1], use_bias=False, trainable=False,",
        CONTRACT,
        "dcgan and own_weights",
    ),
    "tape_that_has_not_seen_the_generator": Fault(
        DCGAN,
        "        with g_tape:\n",
        "        with tf.GradientTape() as g_tape:\n",
        CONTRACT,
        "dcgan and own_weights",
    ),
    "tape_of_the_other_player": Fault(
        "kerasgan/models/gan.py",
        'self.minimize("generator", g_loss, tape)',
        'self.minimize("discriminator", g_loss, tape)',
        CONTRACT,
        "gan and own_weights",
    ),
    "discriminator_learns_at_inference": Fault(
        DCGAN, ON_REAL, ON_REAL.replace("True)", "False)", 1), CONTRACT, "dcgan and (modes or batch_statistics)"
    ),
    "generator_learns_at_inference": Fault(
        DCGAN,
        "fake = self.generator(z, training=True)",
        "fake = self.generator(z, training=False)",
        CONTRACT,
        "dcgan and (modes or batch_statistics)",
    ),
    "samples_in_training_mode": Fault(
        MODEL,
        "return self.generator(latents, training=training)",
        "return self.generator(latents, training=True)",
        CONTRACT,
        "dcgan and batch_statistics",
    ),
    "spectral_norm_moves_at_inference": Fault(
        LAYERS,
        "        if training:\n            self.u.assign(u)",
        "        if True:\n            self.u.assign(u)",
        CONTRACT,
        "projection_gan and batch_statistics",
    ),
    "loss_scale_of_the_first_player_for_all": Fault(
        MODEL,
        SCALED,
        SCALED.replace("optimizer.", "next(iter(self.optimizers.values()))."),
        CONTRACT,
        "dcgan and infinite",
    ),
    "export_in_half_precision": Fault(
        MODEL,
        'return self if self.compute_dtype == "float32" else self.twin()',
        "return self",
        "test_callbacks.py",
        "half_precision_is_exported_in_full",
    ),
    "checkpoint_without_an_optimizer_slot": Fault(
        MODEL,
        "optimizers = [v for o in self.optimizers.values() for v in o.variables]",
        "optimizers = [v for o in self.optimizers.values() for v in o.variables[:-1]]",
        CONTRACT,
        "dcgan and mid_epoch",
    ),
    "checkpoint_without_image_pools": Fault(
        MODEL,
        "state = [*self.weights, *optimizers,",
        'state = [*(w for w in self.weights if not w.path.endswith("images")), *optimizers,',
        CONTRACT,
        "cyclegan and mid_epoch",
    ),
    "order_of_data_without_the_step": Fault(
        MODEL,
        "x.stream(lambda: self.run_steps, self.minibatches_per_step)",
        "x.stream(lambda: 0, self.minibatches_per_step)",
        CONTRACT,
        "dcgan and mid_epoch",
    ),
    "same_noise_on_two_replicas": Fault(
        LAYERS,
        "replica = tf.distribute.get_replica_context().replica_id_in_sync_group if replicas > 1 else 0",
        "replica = 0",
        CONTRACT,
        "dcgan and two_devices",
    ),
    "gradients_of_minibatches_added_up": Fault(
        ACCUMULATION, MEAN, MEAN.replace(" / n", ""), CONTRACT, "vae and one_batch"
    ),
    "second_player_sees_weights_before_the_first_moved": Fault(
        ACCUMULATION, MEAN, ALL_AT_THE_END, CONTRACT, "pix2pix and one_batch"
    ),
    "same_noise_in_two_minibatches": Fault(
        LAYERS, "replica * minibatches + minibatch,", "replica * minibatches,", CONTRACT, "vae and one_batch"
    ),
    "noise_that_each_minibatch_counts_on": Fault(
        ACCUMULATION, "kept.put_back()", "pass", CONTRACT, "vae and one_batch"
    ),
    "image_pool_of_each_minibatch": Fault(
        LAYERS,
        "whole_global_batch(accumulation.together(x))",
        "whole_global_batch(x)",
        CONTRACT,
        "cyclegan and one_batch",
    ),
    "gradients_not_divided_by_replicas": Fault(
        MODEL, SCALED, SCALED.replace(" / replicas", ""), CONTRACT, "dcgan and two_devices"
    ),
    "batch_normalisation_per_replica": Fault(
        LAYERS, "synchronized=several", "synchronized=False", CONTRACT, "dcgan and two_devices"
    ),
    "batch_normalisation_of_the_discriminator_per_replica": Fault(
        DCGAN,
        "normalization()(x) if i else x",
        "layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x) if i else x",
        CONTRACT,
        "dcgan and two_devices",
    ),
    "deviation_of_a_batch_per_replica": Fault(
        DCGAN, ON_REAL, ON_REAL.replace("(x,", "(x / tf.math.reduce_std(x),"), CONTRACT, "dcgan and two_devices"
    ),
    "moments_of_a_flow_per_replica": Fault(
        "kerasgan/models/real_nvp.py",
        'return tf.distribute.get_replica_context().all_reduce("mean", x)',
        "return x",
        CONTRACT,
        "real_nvp and two_devices",
    ),
    "means_of_chosen_images_per_replica": Fault(
        "kerasgan/models/sgan.py",
        "total = in_global_batch(tf.reduce_sum(weights * values, axis=0))",
        "total = tf.reduce_sum(weights * values, axis=0)",
        CONTRACT,
        "sgan and two_devices",
    ),
    "step_compiled_anew_for_each_batch": Fault(
        "kerasgan/models/real_nvp.py",
        "self.computed(x) if training else self.scale_and_translation(x)",
        "self.scale_and_translation(x)",
        CONTRACT,
        "real_nvp and compiled",
    ),
    "average_of_ddpm_starts_elsewhere": Fault(
        "kerasgan/models/ddpm.py",
        "        self.average.set_weights(self.denoiser.get_weights())\n",
        "",
        CONTRACT,
        "ddpm and average_starts",
    ),
    "average_of_sgan_starts_elsewhere": Fault(
        "kerasgan/models/sgan.py",
        "        self.average.set_weights(classifier.get_weights())\n",
        "",
        CONTRACT,
        "sgan and average_starts",
    ),
    "augmentation_that_is_passed_by": Fault(
        "kerasgan/augment.py",
        "keras.Model(inputs, network(changed), name=network.name)",
        "keras.Model(inputs, network(inputs), name=network.name)",
        "test_augment.py",
        "sees_in_training and wgan",
    ),
    "average_without_a_ramp": Fault(
        MODEL,
        "tf.minimum(float(self._half_life), RAMP * images * tf.cast(self.step, tf.float32))",
        "float(self._half_life)",
        "test_averages.py",
        "that_of_its_half_life",
    ),
    "fit_goes_on_with_the_average": Fault(
        MODEL,
        "        with _exchanged(average):\n",
        "        with _exchanged(None):\n",
        "test_averages.py",
        "fit_goes_on",
    ),
    "checkpoint_of_weights_where_averages_belong": Fault(
        MODEL,
        "pairs += self.average_of_weights.pairs",
        "pass",
        "test_averages.py",
        "shown_and_exported",
    ),
    "discriminator_asked_as_at_inference": Fault(
        LAYERS, "    BatchNormalization.as_in_training = True\n", "", "test_layers.py", "is_asked"
    ),
    "pictures_smaller_without_antialiasing": Fault(
        "kerasgan/data/files.py", "Resampling.LANCZOS", "Resampling.NEAREST", "test_data.py", "antialiased"
    ),
    "sources_smaller_without_antialiasing": Fault(
        "kerasgan/data/degradations.py", "Resampling.BICUBIC", "Resampling.NEAREST", "test_data.py", "antialiased"
    ),
    "features_of_pictures_smaller_without_antialiasing": Fault(
        "kerasgan/metrics/features.py",
        "Resampling.BICUBIC",
        "Resampling.NEAREST",
        "metrics/test_features.py",
        "antialiasing",
    ),
}


def main(names):
    if unknown := set(names) - set(FAULTS):
        sys.exit(f"There is no fault {', '.join(sorted(unknown))}: there are {', '.join(FAULTS)}.")
    faults = {name: fault for name, fault in FAULTS.items() if not names or name in names}
    with tempfile.TemporaryDirectory(prefix="kerasgan-faults-") as folder:
        copy = Path(folder) / "kerasgan"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".git", "*cache*", "*.egg-info"))
        selections = sorted({(fault.tests, fault.named) for fault in faults.values()})
        for tests in sorted({tests for tests, _ in selections}):
            named = " or ".join(f"({n})" for t, n in selections if t == tests)
            ended, said = outcome(copy, tests, named)
            if ended != GREEN:
                sys.exit(f"Without any fault, tests fail already:\n{said}")
        unnoticed = [name for name, fault in faults.items() if not noticed(copy, name, fault)]
    print(f"{len(faults) - len(unnoticed)} of {len(faults)} faults are noticed.")
    return 1 if unnoticed else 0


def noticed(copy, name, fault):
    """Plant a fault, run its tests, take it out again, and say what came of it."""
    file = copy / fault.file
    right = file.read_text(encoding="utf-8")
    if right.count(fault.text) != 1:
        sys.exit(f"{name}: {fault.text!r} is {right.count(fault.text)} times in {fault.file}; it has to be there once.")
    file.write_text(right.replace(fault.text, fault.instead), encoding="utf-8")
    try:
        ended, said = outcome(copy, fault.tests, fault.named)
    finally:
        file.write_text(right, encoding="utf-8")
    if ended not in (RED, GREEN):
        sys.exit(f"{name}: pytest ended with {ended}:\n{said}")
    why = re.search(r"^FAILED (.*)", said, re.MULTILINE)
    print("red  " if ended == RED else "GREEN", name, f"({why[1][:150]})" if why else "", flush=True)
    return ended == RED


def outcome(copy, tests, named):
    """Return what pytest ends with, and what it says."""
    command = [sys.executable, "-m", "pytest", "-n", "0", "-p", "no:cacheprovider", "-x", "--tb", "line"]
    done = subprocess.run(
        [*command, f"tests/{tests}", "-k", named],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout[-3000:] + done.stderr[-1000:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
