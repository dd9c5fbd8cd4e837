"""The class every variant derives from: what no paper mentions, written once."""

from __future__ import annotations

import contextlib
import inspect
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

import kerasgan
from kerasgan import images, progress, saved_model
from kerasgan.data.batches import Batches
from kerasgan.errors import UserError
from kerasgan.layers import Noise

# TensorFlow 2.21's dependency optimizer opens a race in a step that moves a weight twice (two critic steps): now and
# then a gradient is computed with a weight that has already moved, and no two runs are alike. test_contract.py sees it.
# Its arithmetic optimizer adds up three gradients or more in the order of their nodes' names, and so of their layers':
# a model from a file, whose layers have other numbers, would round differently (conv2d_9 comes after conv2d_10).
tf.config.optimizer.set_experimental_options({"dependency_optimization": False, "arithmetic_optimization": False})


class GenerativeModel(keras.Model):
    """A model that learns to make images.

    A variant writes what its paper writes:

        __init__     the networks, built from plain values
        players      who moves which networks, and with which optimizer
        train_step   the losses, one GradientTape for each player
        call         inference (already written for whatever has a `generator`)

    and inherits loss scaling, replicas, counted noise, epoch means of the losses, saving, and export.
    Images are NHWC float32 in [-1, 1] in here, and uint8 outside. Where a variant's docstring says nothing else of
    them, these arguments of its constructor mean:

    image_shape: height, width and channels of the images
    latent_dim: numbers that one image is made from
    classes: number of labels, which are 0, 1, ...
    width: channels at half of the image size, doubled at each halving up to eightfold
    """

    paper = ""  # where the equations come from
    takes = "images"  # what a batch holds: see kerasgan.data
    task = ""  # what data is made into for it on the command line, if not what it `takes`: see kerasgan.tasks
    starts_from = ""  # the variant that is trained first, and whose networks this one starts with
    # What its SavedModel can do, the main verb first: the names of endpoints().
    verbs: tuple[str, ...] = ("sample", "decode")
    # What train_step returns: {name: the one player whose loss it is or is part of, or None}.
    reports: dict[str, str | None] = {}
    judges_in = "probabilities"  # what judge() returns: these, or a critic's "scores", which have no scale
    batch_size = 64  # the paper's minibatch
    smallest_batch = 1  # images that it takes to learn: 2 where dense layers are batch-normalised
    batches_per_step = 1  # minibatches that one train_step consumes
    default_steps = 1200  # train_steps to a first recognisable result on small images

    # ---- what a variant writes, or leaves as it is ---------------------------------------------------------

    def players(self) -> dict[str, tuple]:
        """Return {player: (optimizer, network, ...)} in the order they move. Every trainable weight has one mover."""
        raise NotImplementedError(f"{type(self).__name__} has to say who its players are.")

    def call(self, latents, training=False):
        """Make images from latents."""
        return self.generator(latents, training=training)

    def prior(self, n: int | tf.Tensor, seed: int | tf.Tensor | None = None) -> Any:
        """Draw n inputs for call(): always the same for one seed, the next counted ones without."""
        shape = (n, self.latent_dim)
        return self.noise.normal(shape) if seed is None else tf.random.stateless_normal(shape, fixed(seed))

    def snapshot(self, batch: Any) -> tf.Tensor:
        """Samples of the same 64 latents each time.

        The first paragraph is the caption wherever the grid is shown. Returns images[row, column, height, width,
        channel] in [-1, 1].
        """
        return tf.reshape(self(self.prior(64, seed=0)), (8, 8, *self.image_shape))

    def judge(self, batch: Any) -> tuple[tf.Tensor, tf.Tensor] | None:
        """Return D(x) of a batch and D(G(z)) of as many fakes, always the same ones; None without a discriminator.

        float32[n], or more of each image from a discriminator of patches; of images, where there are several.
        """
        return None

    def endpoints(self) -> dict[str, tuple[Callable, list[tf.TensorSpec]]]:
        """Return {verb: (function, its inputs)} for the SavedModel, the main verb first. Images are uint8 here."""
        return {
            "sample": (lambda n, seed: self.sample_uint8(self.prior(n, seed)), [integer("n"), integer("seed")]),
            "decode": (
                lambda latents: images.to_uint8(self(latents)),
                [tf.TensorSpec((None, self.latent_dim), tf.float32, "latents")],
            ),
        }

    # ---- what train_step calls -----------------------------------------------------------------------------

    def minimize(self, player: str, loss: tf.Tensor, tape: tf.GradientTape) -> None:
        """Move one player's weights down the gradient of `loss`, a float32 scalar: this replica's mean.

        The backward pass starts from the loss scale over the number of replicas instead of from 1, which is all
        that float16 and several devices need, so that no train_step has to know about them.
        """
        optimizer, weights = self.optimizers[player], self.weights_of(player)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        start = optimizer.scale_loss(tf.ones_like(loss) / replicas)
        gradients = tape.gradient(loss, weights, output_gradients=start)
        if missing := [w.path for w, g in zip(weights, gradients) if g is None]:
            raise UserError(f"The loss of the {player} does not depend on {', '.join(missing)}.")
        if replicas > 1 and self.compute_dtype == "float16":
            gradients = _finite_on_all_replicas(gradients)
        optimizer.apply_gradients(zip(gradients, weights))
        self.last_losses[player].assign(loss)
        self.gradient_norms[player].assign(tf.linalg.global_norm(gradients) / start)

    def report(self, **values: tf.Tensor) -> dict[str, tf.Tensor]:
        """End a step: count it, and return the running epoch mean of each value, for fit() to show and log."""
        self.step.assign_add(1)
        return self.measure(**values)

    def measure(self, **values: tf.Tensor) -> dict[str, tf.Tensor]:
        """End a test_step: return the running mean of each value over the data, for evaluate() to show and log."""
        for name, value in values.items():
            self._means[name].update_state(value)
        return {name: mean.result() for name, mean in self._means.items()}

    # ---- construction --------------------------------------------------------------------------------------

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        keras.saving.register_keras_serializable("kerasgan")(cls)

    def __new__(cls, *args, **kwargs):
        """Remember the constructor's arguments, so that no variant has to write get_config()."""
        model = super().__new__(cls, *args, **kwargs)
        arguments = inspect.signature(cls.__init__).bind(model, *args, **kwargs)
        arguments.apply_defaults()
        plain = {name: value for name, value in arguments.arguments.items() if name not in ("self", "kwargs")}
        _check_image_shape(cls.__name__, plain["image_shape"])
        vars(model)["hyperparameters"] = plain
        return model

    def __init__(self, **kwargs):
        super().__init__(autocast=False, **kwargs)  # the networks compute in half precision; the equations do not
        if self.dtype_policy.name != keras.config.dtype_policy().name:
            raise UserError(
                f"dtype={self.dtype_policy.name!r} would leave the networks in {keras.config.dtype_policy().name}: "
                f"call keras.config.set_dtype_policy({self.dtype_policy.name!r}) before building the model."
            )
        self.built = True  # the networks build themselves
        self.noise = Noise(name="noise")
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False, aggregation="only_first_replica"
        )
        self.first_epoch, self.first_step = 0, 0  # of the run that is being fitted
        self.steps_to_skip = 0
        self.when_fit_ends = contextlib.ExitStack()
        self._means = {}
        self.optimizers = {}

    def get_config(self):
        return {**self.hyperparameters, "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        with precision(config["dtype"]):
            return cls(**{**config, "image_shape": tuple(config["image_shape"])})

    # ---- what fit() and its callbacks call -----------------------------------------------------------------

    def compile(self, *, run_eagerly=False, jit_compile=False, steps_per_execution=1, **optimizers):
        """Take the paper's optimizers, or replace some by player: compile(generator=Adam(1e-4)).

        Raises ValueError for a player that the variant does not have, or a weight without exactly one mover.
        """
        super().compile(
            optimizer=None,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
        )
        players = self.players()
        if unknown := sorted(set(optimizers) - set(players)):
            raise UserError(
                f"{type(self).__name__} has no player {', '.join(unknown)}: "
                f"give an optimizer for {' or '.join(players)}, or none to take the paper's."
            )
        # Not as attributes: Keras would save what they hold as further weights of the model.
        networks_of = vars(self)["_networks_of"] = {name: networks for name, (_, *networks) in players.items()}
        last_losses = vars(self)["last_losses"] = {}
        gradient_norms = vars(self)["gradient_norms"] = {}
        self._check_movers()
        self._check_verbs()
        self._means = {name: keras.metrics.Mean(name=name) for name in self.reports}
        self.optimizers = {}
        for name, (optimizer, *_) in players.items():
            optimizer = keras.optimizers.get(optimizers.get(name, optimizer))
            if optimizer.built:
                raise UserError(f"The {name} needs an optimizer of its own: this one moves other weights already.")
            if self.compute_dtype == "float16" and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            optimizer.build(_trainable(networks_of[name]))
            self.optimizers[name] = optimizer
            last_losses[name] = _of_last_step(f"last_loss_of_{name}")
            gradient_norms[name] = _of_last_step(f"gradient_norm_of_{name}")
        self.optimizer = _Optimizers(list(self.optimizers.values()))

    def start_from(self, first_stage: GenerativeModel) -> None:
        """Take over the weights of all networks that a trained model of the paper's first stage shares with this one.

        Raises UserError for a model of another kind, or one whose networks have other shapes.
        """
        kind = type(first_stage).__module__.rpartition(".")[2]
        if kind != self.starts_from:
            wanted = f"a trained {self.starts_from}" if self.starts_from else "no other model"
            raise UserError(f"{type(self).__name__} starts from {wanted}, not from a {kind}.")
        theirs = {layer.name: layer for layer in first_stage.layers if layer.name != "noise"}
        shared = [network for network in self.layers if network.name in theirs]
        if not shared:
            raise UserError(f"{type(self).__name__} has no network of the {kind}'s names, {', '.join(theirs)}.")
        for network in shared:
            weights = theirs[network.name].get_weights()
            if [w.shape for w in weights] != [tuple(w.shape) for w in network.weights]:
                raise UserError(
                    f"The {network.name} of the {kind} has other shapes: give {type(self).__name__} the same settings, "
                    f"{first_stage.hyperparameters}."
                )
            network.set_weights(weights)

    def weights_of(self, player: str) -> list[keras.Variable]:
        """Return the trainable weights that `player` moves."""
        return _trainable(self._networks_of[player])

    @property
    def run_steps(self) -> int:
        """How many steps the run that is being fitted has behind it: all of the model's, where there is no run."""
        return int(self.step.numpy()) - self.first_step

    def fit(self, x=None, *args, **kwargs):
        """Train as keras.Model.fit() does; data from kerasgan.data goes on where this model's last step left it.

        A run of kerasgan.callbacks begins anew instead, whatever steps the model took before.
        """
        self.first_epoch = kwargs.get("initial_epoch", 0)
        if isinstance(x, Batches):
            kwargs.setdefault("steps_per_epoch", x.steps_per_epoch(self.batches_per_step))
            kwargs.setdefault("shuffle", False)  # the stream shuffles; Keras would only warn that it cannot
            self._check_batches(x)
            x = x.stream(lambda: self.run_steps, self.batches_per_step)
        elif isinstance(x, tf.data.Dataset):
            self._check_batch_size(tf.nest.flatten(x.element_spec)[0].shape[0])
        if kwargs.get("validation_data") is not None:
            self._check_can_evaluate()  # now, not after the first epoch
            kwargs["validation_data"] = self._in_order(kwargs["validation_data"])
        with self.when_fit_ends:  # whether it ends well or not
            return progress.told(super().fit, x, *args, **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        """Return the held-out loss as keras.Model.evaluate() does. Raises UserError for players without one."""
        self._check_can_evaluate()
        if len(args) < 3 and not progress.looked_at():
            kwargs.setdefault("verbose", 2)  # one line instead of a progress bar
        return super().evaluate(self._in_order(x), *args, **kwargs)

    def make_train_function(self, force=False):
        """Pass over `steps_to_skip` steps first: those of a broken epoch that were taken before a checkpoint."""
        if self.train_function is not None and not force:
            return
        super().make_train_function(force)
        take_steps = self.train_function

        def train_function(iterator):
            if self.steps_to_skip > 0:
                self.steps_to_skip -= self.steps_per_execution
                return self.get_metrics_result()
            return take_steps(iterator)

        self.train_function = train_function

    @property
    def metrics(self):
        return list(self._means.values())

    def get_compile_config(self):
        return {
            "jit_compile": self.jit_compile,
            "steps_per_execution": self.steps_per_execution,
            "optimizers": {name: keras.saving.serialize_keras_object(o) for name, o in self.optimizers.items()},
        }

    def compile_from_config(self, config):
        optimizers = {name: keras.saving.deserialize_keras_object(o) for name, o in config.pop("optimizers").items()}
        self.compile(**config, **optimizers)

    def state(self) -> list[keras.Variable]:
        """Return every variable that training changes, in a fixed order: weights, optimizers, running means."""
        optimizers = [v for o in self.optimizers.values() for v in o.variables]
        return [*self.weights, *optimizers, *(v for mean in self.metrics for v in mean.variables)]

    # ---- export --------------------------------------------------------------------------------------------

    def sample_uint8(self, inputs: Any, block: int = 100) -> tf.Tensor:
        """Return call(inputs) as uint8, `block` images at a time, so that memory does not grow with their number."""
        n = tf.shape(tf.nest.flatten(inputs)[0])[0]
        parts = tf.TensorArray(
            tf.uint8, size=0, dynamic_size=True, infer_shape=False, element_shape=(None, *self.image_shape)
        )

        def one_block(start, parts):
            part = tf.nest.map_structure(lambda t: t[start : start + block], inputs)
            return start + block, parts.write(start // block, images.to_uint8(self(part)))

        # Blocks side by side would hold more memory, and oneDNN's fused convolutions write over each other's.
        start = tf.constant(0)
        _, parts = tf.while_loop(lambda start, _: start < n, one_block, (start, parts), parallel_iterations=1)
        return parts.concat()

    def export(self, path: str | os.PathLike, **about: Any) -> None:
        """Write the endpoints as a SavedModel that computes in float32; `about` goes into its kerasgan.json."""
        saved_model.write(path, self.for_inference().endpoints(), {**self.describe(), **about})

    def for_inference(self) -> GenerativeModel:
        """Return the model that is exported: this one, or where it computes in half precision, a twin in float32."""
        return self if self.compute_dtype == "float32" else self.twin()

    def twin(self) -> GenerativeModel:
        """Return a model of the same weights that computes in float32."""
        twin = self.from_config({**self.get_config(), "dtype": "float32"})
        for ours, its in zip(self.weights, twin.weights, strict=True):
            its.assign(ours)
        return twin

    def uint8_images(self) -> tf.TensorSpec:
        """Return the spec of uint8 images that an endpoint takes, any number of them."""
        return tf.TensorSpec((None, *self.image_shape), tf.uint8, "images")

    def describe(self) -> dict[str, Any]:
        """Return what run.json and kerasgan.json say of a model."""
        return {
            "variant": type(self).__module__.rpartition(".")[2],
            "paper": self.paper,
            "hyperparameters": self.hyperparameters,
            "optimizers": {name: _described(o) for name, o in self.optimizers.items()},
            "precision": self.dtype_policy.name,
            "steps": int(self.step.numpy()),
            "parameters": sum(math.prod(w.shape) for w in self.trainable_weights),
            "images": {
                "shape": list(self.image_shape),
                "in_and_out": "uint8 NHWC, 0 to 255",
                "inside": "float32 in [-1, 1]",
            },
            "versions": kerasgan.versions(),
        }

    # ---- checks --------------------------------------------------------------------------------------------

    def _check_movers(self) -> None:
        movers: dict[int, list[str]] = {id(w): [] for w in self.trainable_weights}
        for player in self._networks_of:
            for w in self.weights_of(player):
                movers[id(w)].append(player)
        for w in self.trainable_weights:
            if len(movers[id(w)]) != 1:
                found = " and ".join(movers[id(w)]) or "no player"
                raise UserError(f"{w.path} is moved by {found}; it needs exactly one.")

    def _check_verbs(self) -> None:
        if (found := tuple(self.endpoints())) != tuple(self.verbs):
            raise UserError(
                f"{type(self).__name__} says verbs = {tuple(self.verbs)}, and its endpoints() are {found}: the command "
                "line goes by the one, and a SavedModel by the other, so let them be the same."
            )

    def _check_can_evaluate(self) -> None:
        if type(self).test_step is keras.Model.test_step:
            raise UserError(
                f"{type(self).__name__} has no loss that means something on held-out data: its losses only say how "
                "its players stand against each other. Leave out validation_data, and look at the snapshots."
            )

    def _in_order(self, data: Any) -> Any:
        if not isinstance(data, Batches):
            return data
        # What is held out may have all its labels.
        self._check_batches(data, "labelled" if self.takes == "partly_labelled" else self.takes)
        return data.in_order()

    def _check_batches(self, batches: Batches, *also: str) -> None:
        name = type(self).__name__
        if batches.takes not in (self.takes, *also):
            raise UserError(f"{name} takes {self.takes}; the data is {batches.takes}.")
        shape = tuple(self.image_shape)
        if batches.image_shape != shape:
            raise UserError(f"{name} was built for images of {shape}; the data has {batches.image_shape}.")
        scale = self.hyperparameters.get("scale", 1) if self.takes == "pairs" else 1  # how much smaller a source is
        source = (-(-shape[0] // scale), -(-shape[1] // scale), shape[2])
        if batches.source_shape != source:
            raise UserError(f"{name} makes {shape} of images of {source}; the data has {batches.source_shape}.")
        if self.takes.endswith("labelled") and batches.classes > self.classes:
            raise UserError(f"{name} was built for {self.classes} classes; the data has {batches.classes}.")
        self._check_batch_size(batches.batch_size)

    def _check_batch_size(self, n: int | None) -> None:
        if n is not None and n < self.smallest_batch:
            raise UserError(
                f"{type(self).__name__} compares the images of a batch, so it needs {self.smallest_batch}; the data "
                f"has batches of {n}."
            )


class LabelledModel(GenerativeModel):
    """A model that makes images of a label, 0 to `classes` - 1: call((latents, labels))."""

    verbs: tuple[str, ...] = ("sample", "sample_labelled", "decode")

    def prior(self, n, seed=None):
        """Draw n latents; their labels go round through the classes."""
        return super().prior(n, seed), tf.range(n) % self.classes

    def snapshot(self, batch):
        """One row of eight for each label, up to ten of them."""
        rows = min(self.classes, 10)
        z = tf.random.stateless_normal((rows * 8, self.latent_dim), (0, 0))
        return tf.reshape(self((z, tf.repeat(tf.range(rows), 8))), (rows, 8, *self.image_shape))

    def endpoints(self):
        labels = tf.TensorSpec((None,), tf.int32, "labels")
        latents = tf.TensorSpec((None, self.latent_dim), tf.float32, "latents")

        def sample_labelled(labels, seed):
            z, _ = self.prior(tf.shape(labels)[0], seed)
            return self.sample_uint8((z, labels))

        return {
            "sample": (lambda n, seed: self.sample_uint8(self.prior(n, seed)), [integer("n"), integer("seed")]),
            "sample_labelled": (sample_labelled, [labels, integer("seed")]),
            "decode": (lambda latents, labels: images.to_uint8(self((latents, labels))), [latents, labels]),
        }


def fixed(seed: int | tf.Tensor) -> tf.Tensor:
    """Return the seed pair of tf.random.stateless_* for one number that a user gives."""
    return tf.stack([tf.cast(seed, tf.int64), 0])


def integer(name: str) -> tf.TensorSpec:
    """Return the spec of an int32 scalar that an endpoint takes."""
    return tf.TensorSpec((), tf.int32, name)


@contextlib.contextmanager
def precision(policy: str) -> Iterator[None]:
    """Build networks under a dtype policy, whatever the global one is."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


class _Optimizers:
    """What model.optimizer is for Keras' learning-rate callbacks: all players', each with a rate of its own."""

    built = True

    def __init__(self, optimizers):
        self.optimizers = optimizers
        self.variables = [v for o in optimizers for v in o.variables]  # model.summary() counts them


def _described(optimizer):
    """Return an optimizer's class and settings, without the name that Keras counts up in each process."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    config = {name: value for name, value in inner.get_config().items() if name != "name" and value is not None}
    return {"class": type(inner).__name__, **config}


def _of_last_step(name):
    """Return a variable for what a step leaves to be looked at: the mean over the replicas."""
    return keras.Variable(0.0, dtype="float32", trainable=False, aggregation="mean", name=name)


def _trainable(networks):
    return [w for network in networks for w in network.trainable_weights]


def _finite_on_all_replicas(gradients):
    """Make every replica skip a step that is not finite on one: LossScaleOptimizer asks only the first."""
    bad = tf.reduce_any([~tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
    bad = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(bad, tf.float32))
    return [tf.where(bad > 0, tf.fill(tf.shape(g), tf.cast(float("nan"), g.dtype)), g) for g in gradients]


def _check_image_shape(name: str, shape: tuple) -> None:
    if len(shape) != 3 or min(shape[:2]) < 8 or shape[2] not in (1, 3, 4):
        raise UserError(
            f"{name} cannot make images of shape {tuple(shape)}: it needs (height, width, channels) "
            "with sides of at least 8 pixels and 1, 3 or 4 channels."
        )
