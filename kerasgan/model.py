"""The class every variant derives from: what no paper mentions, written once."""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import math
import os
import types
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerasgan import accumulation, exports, images, own_classes, progress, saved_model, workers
from kerasgan.augment import ADA, augmentation, in_front, signs_of
from kerasgan.data import given
from kerasgan.data.batches import Batches
from kerasgan.errors import UserError, nearest
from kerasgan.installed import versions
from kerasgan.keras_settings import PRECISIONS
from kerasgan.layers import Average, Noise, in_global_batch, normalized_as_in_training

# TensorFlow 2.21's dependency optimizer opens a race in a step that moves a weight twice (two critic steps): now and
# then a gradient is computed with a weight that has already moved, and no two runs are alike. test_contract.py sees it.
# Its arithmetic optimizer adds up three gradients or more in the order of their nodes' names, and so of their layers':
# a model from a file, whose layers have other numbers, would round differently (conv2d_9 comes after conv2d_10).
tf.config.optimizer.set_experimental_options({"dependency_optimization": False, "arithmetic_optimization": False})

ABOUT = ("data", "seed", "seconds", "command")  # what export() may be told for kerasgan.json
_OF_KERAS = ("name", "dtype", "trainable")  # arguments of a constructor that are no hyperparameters
JUDGED = 4  # steps, one of which an adaptive augmentation looks at what the discriminator says: it costs a third of one
RAMP = 0.05  # of all images so far: the longest half-life of an average while there are few (Karras et al. 2020)


def _with_plain_values(init):
    """Return a constructor that hands on numpy's numbers as Python's, and notes its end, if it is the model's own."""

    @functools.wraps(init)
    def __init__(self, *args, **kwargs):
        init(self, *map(_plain, args), **{name: _plain(value) for name, value in kwargs.items()})
        if type(self).__init__ is __init__:
            self._start_average()
            vars(self)["constructed"] = True

    __init__.__signature__ = inspect.signature(init)  # Keras asks for it where wraps() does not reach
    return __init__


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

    Every constructor hands on **kwargs, and so takes these, too:

    augment: how all images that a discriminator sees are changed at random, for the sake of few images: ada, or
        changes of DiffAugment joined by commas, as in color,translation,cutout; see kerasgan.augment
    half_life: images after which an average of the weights has forgotten half of what they were. Samples, evaluation
        and export are of the average; 0 for none
    """

    paper = ""  # where the equations come from
    takes = "images"  # what a batch holds: see kerasgan.data
    task = ""  # what data is made into for it on the command line, if not what it `takes`: see kerasgan.tasks
    starts_from = ""  # the variant that is trained first, and whose networks this one starts with
    # What its SavedModel can do, the main verb first: the names of endpoints().
    verbs: tuple[str, ...] = ("sample", "decode")
    # What train_step returns: {name: the one player whose loss it is or is part of, or None}.
    reports: dict[str, str | None] = {}
    judges_images: tuple[str, ...] = ()  # attributes that hold networks of real images and fakes, for `augment`
    own_average = False  # whether the paper has an average of its own, in place of half_life
    averages_statistics = True  # whether an average is of batch normalisation's, too, or leaves them as they are
    judges_in = "probabilities"  # what judge() returns: these, or a critic's "scores", which have no scale
    batch_size = 64  # the paper's minibatch
    smallest_batch = 1  # images that it takes to learn: 2 where dense layers are batch-normalised
    batches_per_step = 1  # minibatches that one train_step consumes
    default_steps = 1200  # train_steps to a first recognisable result on small images
    small: dict[str, Any] = {}  # settings to be tested with, beside those that kerasgan.contract gives to all

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
        that float16 and several devices need, so that no train_step has to know about them. With `accumulate`, the
        weights move once, when all minibatches of the step have come here.
        """
        optimizer, weights = self.optimizers[player], self.weights_of(player)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        start = optimizer.scale_loss(tf.ones_like(loss) / replicas)
        gradients = tape.gradient(loss, weights, output_gradients=start)
        if missing := [w.path for w, g in zip(weights, gradients) if g is None]:
            raise UserError(f"The loss of the {player} does not depend on {', '.join(missing)}.")

        def move(means):
            *gradients, loss = means
            if replicas > 1 and self.compute_dtype == "float16":
                gradients = _finite_on_all_replicas(gradients)
            optimizer.apply_gradients(zip(gradients, weights))
            self.last_losses[player].assign(loss)
            self.gradient_norms[player].assign(tf.linalg.global_norm(gradients) / start)

        gradients.append(loss)  # one list, which is emptied: a minibatch that waits for others holds no gradients
        accumulation.with_means(gradients, move)

    def judged(self, batch: Any, augmented: bool = False) -> tuple[tf.Tensor, tf.Tensor] | None:
        """Return what judge() does, of networks that are normalised as in training.

        augmented: whether they see changed images, as in training. It counts the noise that is drawn for it
        """
        changing = self.augmentation.changing() if augmented and self.augmentation else contextlib.nullcontext()
        with normalized_as_in_training(), changing:
            return self.judge(batch)

    def undecided(self, real: Any, fake: Any) -> Any:
        """Return what neither real images nor fakes are judged as: 1/2, or of scores the middle of both sides' means.

        real, fake: D(x) and D(G(z)), tensors or arrays
        """
        return 0.5 if self.judges_in == "probabilities" else (tf.reduce_mean(real) + tf.reduce_mean(fake)) / 2

    def report(self, **values: tf.Tensor) -> dict[str, tf.Tensor]:
        """End a step: count it, and return the running epoch mean of each value, for fit() to show and log."""

        def count(means):
            self.step.assign_add(1)
            return self.measure(**dict(zip(values, means)))

        return accumulation.with_means(list(values.values()), count)

    def measure(self, **values: tf.Tensor) -> dict[str, tf.Tensor]:
        """End a test_step: return the running mean of each value over the data, for evaluate() to show and log."""
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas > 1:
            means = tf.unstack(in_global_batch(tf.stack(list(values.values()))) / replicas)
            values = dict(zip(values, means, strict=True))
        for name, value in values.items():
            self._means[name].update_state(value)
        return {name: mean.result() for name, mean in self._means.items()}

    # ---- construction --------------------------------------------------------------------------------------

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # Whoever names a class of his own like one of the variants does not get it for theirs out of a .keras file.
        package = "kerasgan" if own_classes.variant(cls) else "kerasgan.own"
        keras.saving.register_keras_serializable(package)(cls)
        if "__init__" in vars(cls):
            cls.__init__ = _with_plain_values(cls.__init__)

    def __new__(cls, *args, **kwargs):
        """Remember the constructor's arguments, so that no variant has to write get_config()."""
        if keras.config.image_data_format() != "channels_last":
            raise UserError(
                "Keras is set to channels_first, and images are height x width x channels here: call "
                'keras.config.set_image_data_format("channels_last"), or change it in keras.json.'
            )
        model = super().__new__(cls, *args, **kwargs)
        vars(model)["hyperparameters"] = plain = _named(cls, args, kwargs)
        if "image_shape" in plain:
            _check_image_shape(cls.__name__, plain["image_shape"])
        if workers.of(strategy := tf.distribute.get_strategy()):
            workers.check_alike(strategy, {"variant": cls.__name__, **plain})  # or their weights would not fit
        return model

    def __init__(self, augment: str = "", half_life: int = 0, **kwargs):
        if unknown := [name for name in kwargs if name not in _OF_KERAS]:
            constructors = [vars(c)["__init__"] for c in type(self).__mro__ if "__init__" in vars(c)]
            known = {name for constructor in constructors for name in inspect.signature(constructor).parameters}
            raise UserError(f"{type(self).__name__} has no argument {unknown[0]}{nearest(unknown[0], known)}.")
        super().__init__(autocast=False, **kwargs)  # the networks compute in half precision; the equations do not
        if self.dtype_policy.name != keras.config.dtype_policy().name:
            raise UserError(
                f"dtype={self.dtype_policy.name!r} would leave the networks in {keras.config.dtype_policy().name}: "
                f"call keras.config.set_dtype_policy({self.dtype_policy.name!r}) before building the model."
            )
        if self.dtype_policy.name not in PRECISIONS:
            raise UserError(
                f"{type(self).__name__} computes in {', '.join(PRECISIONS)}; Keras is set to {self.dtype_policy.name}: "
                "call keras.config.set_dtype_policy() with one of them before building the model."
            )
        if augment and not self.judges_images:
            raise UserError(f"{type(self).__name__} has no discriminator of images to augment them for: leave it out.")
        if half_life and self.own_average:
            raise UserError(f"{type(self).__name__} has an average of its own, as its paper does: leave out half_life.")
        if half_life < 0:
            raise UserError(f"half_life is a number of images, or 0 for no average; it was given {half_life}.")
        self.built = True  # the networks build themselves
        self.noise = Noise(name="noise")
        channels = vars(self)["hyperparameters"].get("image_shape", (0, 0, None))[-1]
        self.augmentation = augmentation(augment, channels) if augment else None
        self.average_of_weights = None  # before there are networks to average
        # Not as attributes: Keras would wrap, and save, what they hold.
        self.__dict__.update(went_on_from={}, _frozen=frozenset(), _keeps_average=False)
        self.__dict__.update(_half_life=half_life, accumulate=1)
        self.step = self.add_weight(
            name="step", shape=(), dtype="int64", initializer="zeros", trainable=False, aggregation="only_first_replica"
        )
        self.first_epoch, self.first_step = 0, 0  # of the run that is being fitted
        self.steps_to_skip = 0
        self.stops_alike = False  # whether all workers end after this step, and need not tell each other
        self.when_fit_ends = contextlib.ExitStack()
        self._means: dict[str, keras.metrics.Mean] = {}
        self.optimizers: dict[str, keras.optimizers.Optimizer] = {}

    def _start_average(self):
        """Begin to average the weights of all networks but those that judge images, if there is to be an average."""
        if vars(self).get("_half_life"):
            judges = [getattr(self, name) for name in self.judges_images]
            networks = [layer for layer in self.layers if not any(layer is judge for judge in judges)]
            self.average_of_weights = Average(networks, self.averages_statistics, name="average_of_weights")

    def __setattr__(self, name, value):
        if name in self.judges_images and isinstance(value, keras.Model) and vars(self).get("augmentation"):
            value = in_front(self.augmentation, value)
        before = vars(self).get(name)
        if isinstance(before, keras.Layer) and isinstance(value, keras.Layer) and value is not before:
            if vars(self).get("constructed"):
                raise UserError(
                    f"The {name} of a {type(self).__name__} is what its constructor built, which runs and files build "
                    f"again: derive a class from {type(self).__name__} that sets self.{name} in its __init__, after "
                    "super().__init__()."
                )
            self._tracker.untrack(before)  # Keras would keep its weights among those of the model
        super().__setattr__(name, value)

    def get_config(self):
        return {**self._plain_hyperparameters(), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        accepted = inspect.signature(cls.__init__).parameters.values()
        arguments = dict(config)
        if not any(p.kind is p.VAR_KEYWORD for p in accepted):  # its constructor takes none of Keras' arguments
            names = {p.name for p in accepted}
            arguments = {name: value for name, value in config.items() if name in names or name not in _OF_KERAS}
        if "image_shape" in arguments:
            arguments["image_shape"] = tuple(arguments["image_shape"])
        with precision(config["dtype"]):
            return cls(**arguments)

    def _plain_hyperparameters(self) -> dict[str, Any]:
        for name, value in self.hyperparameters.items():
            try:
                json.dumps(value)
            except (TypeError, ValueError):
                raise UserError(
                    f"{type(self).__name__} was given {name}={str(value)[:60]}, which no file can hold: let its "
                    "constructor take numbers and text, and build the rest of them."
                ) from None
        return self.hyperparameters

    # ---- what fit() and its callbacks call -----------------------------------------------------------------

    def compile(
        self, *unnamed, run_eagerly=False, jit_compile=False, steps_per_execution=1, accumulate=1, **optimizers
    ):
        """Take the paper's optimizers, or replace some by player: compile(generator=Adam(1e-4)).

        accumulate: minibatches whose mean gradients are one step of every player, for a batch that does not fit into
            memory. Of minibatches of B, a batch given to fit() holds `accumulate` x B images (as many for each of
            `batches_per_step`), and kerasgan.data sees to that. Where losses are means, the step is that of one batch
            of them all; see seen_by_itself()

        Of an optimizer with use_ema, the averages are what is shown and exported while fit() goes on, and are the
        weights after it.

        Raises UserError for a player that the variant does not have, what is no optimizer, a weight without exactly
        one mover, or no number of minibatches.
        """
        if not isinstance(accumulate, int) or isinstance(accumulate, bool) or accumulate < 1:
            raise UserError(f"accumulate is a whole number of minibatches from 1; it was given {accumulate!r}.")
        self.__dict__["accumulate"] = accumulate
        super().compile(
            optimizer=None,
            run_eagerly=run_eagerly,
            jit_compile=jit_compile,
            steps_per_execution=steps_per_execution,
        )
        together = workers.of(self.distribute_strategy)
        if together and accumulate > 1:
            raise UserError(
                "Several workers cannot accumulate minibatches: leave accumulate out, or take more workers."
            )
        if together and (self.jit_compile or steps_per_execution != 1):
            what = "jit_compile" if self.jit_compile else "steps_per_execution"
            raise UserError(
                f"Several workers cannot train with {what}: TensorFlow's sums over machines do not work "
                f"{'in what XLA compiles for a CPU' if self.jit_compile else 'in its loop of steps'}. Leave it out."
            )
        players = self.players()
        if unnamed:
            raise UserError(
                f"compile() takes an optimizer by its player, such as {next(iter(players))}={str(unnamed[0])!r}."
            )
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
        self._means = {name: _Mean(name=name) for name in self.reports}
        self.optimizers = {}
        for name, (optimizer, *_) in players.items():
            optimizer = _optimizer(name, optimizers.get(name, optimizer))
            if optimizer.built:
                raise UserError(f"The {name} needs an optimizer of its own: this one moves other weights already.")
            if self.compute_dtype == "float16" and not isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
                optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
            optimizer.build(_trainable(networks_of[name]))
            if self.average_of_weights and _averages_of(optimizer):
                raise UserError(f"The {name} has use_ema, and the model half_life: leave out one of the two averages.")
            self.optimizers[name] = optimizer
            last_losses[name] = _of_last_step(f"last_loss_of_{name}")
            gradient_norms[name] = _of_last_step(f"gradient_norm_of_{name}")
        self.optimizer = _Optimizers(list(self.optimizers.values()))
        if together:
            vars(self)["stop_wanted"], vars(self)["stop_agreed"] = (_of_each_worker(n) for n in ("wanted", "agreed"))

    def start_from(self, first_stage: GenerativeModel) -> None:
        """Take over the weights of all networks that a trained model of the paper's first stage shares with this one.

        Raises UserError for a model of another kind, or one whose networks have other shapes.
        """
        kind = next(filter(None, map(own_classes.variant, type(first_stage).__mro__)), type(first_stage).__name__)
        if kind != self.starts_from:
            wanted = f"a trained {self.starts_from}" if self.starts_from else "no other model"
            raise UserError(f"{type(self).__name__} starts from {wanted}, not from a {kind}.")
        theirs = {layer.name: layer for layer in first_stage.layers if isinstance(layer, keras.Model)}
        shared = [network for network in self.layers if network.name in theirs]
        if not shared:
            raise UserError(f"{type(self).__name__} has no network of the {kind}'s names, {', '.join(theirs)}.")
        for network in shared:
            its = theirs[network.name]
            its = next((layer for layer in its.layers if layer.name == its.name), its)  # behind an augmentation
            weights = its.get_weights()
            if [w.shape for w in weights] != [tuple(w.shape) for w in network.weights]:
                raise UserError(
                    f"The {network.name} of the {kind} has other shapes: give {type(self).__name__} the same settings, "
                    f"{first_stage.hyperparameters}."
                )
            network.set_weights(weights)

    def weights_of(self, player: str) -> list[keras.Variable]:
        """Return the trainable weights that `player` moves: not those that are frozen."""
        return [w for w in _trainable(self._networks_of[player]) if id(w) not in self._frozen]

    def layers_to_freeze(self, n: int) -> list[keras.Layer]:
        """Return the first n layers with weights of each network that judges images, from the images on.

        Raises UserError where there is none, or if nothing of it would be left to learn.
        """
        name = type(self).__name__
        if n < 0:
            raise UserError(f"freeze is a number of layers, or 0 for none; it was given {n}.")
        if n and not self.judges_images:
            raise UserError(f"{name} has no discriminator of images, whose layers could be frozen: leave freeze out.")
        found = []
        for judge in self.judges_images if n else ():
            layers = layers_with_weights(getattr(self, judge))
            if n >= len(layers):
                raise UserError(
                    f"The {judge} of this {name} has {len(layers)} layers with weights, of which one at least has to "
                    f"learn: freeze {len(layers) - 1} or fewer, not {n}."
                )
            found += layers[:n]
        return found

    def freeze(self, n: int) -> None:
        """Let the first n layers with weights of the discriminator stand still: its player does not move them.

        It is FreezeD (Mo, Cho and Shin 2020, https://arxiv.org/abs/2002.10964), for a discriminator that was trained on
        other images. As in the paper's code, frozen layers compute as they do in training, and only their gradients are
        left out: batch normalisation goes on taking the statistics of each batch, and its moving statistics, like the
        vector of spectral normalisation, go on being measured. WGAN's clipping holds for frozen weights, too.

        Raises UserError where there is no discriminator, or if nothing of it would be left to learn.
        """
        frozen = frozenset(id(w) for layer in self.layers_to_freeze(n) for w in layer.weights)
        if frozen != self._frozen and int(self.step.numpy()):  # what was traced moves what it moved
            raise UserError(f"This {type(self).__name__} has begun to learn: build a new one to freeze layers of it.")
        self.__dict__["_frozen"] = frozen

    def went_on(self, record: dict[str, Any]) -> None:
        """Keep what kerasgan.go_on_from() did, for run.json and kerasgan.json, and freeze what it says."""
        self.freeze(record["freeze"])
        self.__dict__["went_on_from"] = record

    def keep_average(self) -> None:
        """Let fit() go on with the average that there is, where it would start one with what the weights are."""
        self.__dict__["_keeps_average"] = True

    @property
    def minibatches_per_step(self) -> int:
        """How many minibatches of fit() one step eats."""
        return self.batches_per_step * self.accumulate

    def seen_by_itself(self) -> list[str]:
        """Return what in this model is of a whole batch, and so of each minibatch by itself with `accumulate`."""
        learning = [layer for layer in self.layers if layer.trainable_weights or not isinstance(layer, keras.Model)]
        parts = [self, *(part for layer in learning for part in layer._flatten_layers())]
        return list(dict.fromkeys(filter(None, (of_the_batch(part) for part in parts))))

    @property
    def run_steps(self) -> int:
        """How many steps the run that is being fitted has behind it: all of the model's, where there is no run."""
        return int(self.step.numpy()) - self.first_step

    def fit(self, x=None, y=None, *args, **kwargs):
        """Train as keras.Model.fit() does; data from kerasgan.data goes on where this model's last step left it.

        A run of kerasgan.callbacks begins anew instead, whatever steps the model took before.
        Raises UserError for a first batch that the model does not take: see kerasgan.data.given.
        """
        self.first_epoch = kwargs.get("initial_epoch", 0)
        wanted = self._wanted()
        together = workers.of(self.distribute_strategy)
        if together:
            self._check_together(x, kwargs)
        if isinstance(x, Batches):
            kwargs.setdefault("steps_per_epoch", x.steps_per_epoch(self.minibatches_per_step))
            self._check_batches(x)
            x = self._shared_out(x) if together else x.stream(lambda: self.run_steps, self.minibatches_per_step)
        else:
            batch_size = args[0] if args else kwargs.get("batch_size")
            steps = kwargs.get("steps_per_epoch")
            x = given.checked(x, y, kwargs.get("sample_weight"), wanted, batch_size, steps)
        if isinstance(x, tf.data.Dataset | tf.distribute.DistributedDataset | types.GeneratorType):
            kwargs.setdefault("shuffle", False)  # Keras would only warn that it cannot
        held_out = self._wanted(evaluating=True)
        if kwargs.get("validation_data") is not None or kwargs.get("validation_split"):
            self._check_can_evaluate()  # now, not after the first epoch
        if kwargs.get("validation_data") is not None:
            kwargs["validation_data"] = self._held_out(
                kwargs["validation_data"], held_out, kwargs.get("validation_steps")
            )
        self._check_swaps(kwargs.get("callbacks"))
        if together:
            kwargs |= self._watched_together(together, kwargs)
        # What is to be done when fit() ends is done whether it ends well or not.
        lost = workers.named_if_lost(self.distribute_strategy)
        with self.when_fit_ends, self._averaging(), wanted.in_one_line(), held_out.in_one_line(), lost:
            return progress.told(super().fit, x, y, *args, **kwargs)

    def _shared_out(self, batches):
        """Return a dataset of which each worker reads its own share of each batch, in the order of one process."""
        strategy = self.distribute_strategy
        shares, of = workers.shares(strategy), strategy.num_replicas_in_sync
        stream = batches.stream(lambda: self.run_steps, self.batches_per_step, shares, of)
        endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)  # or workers ask for its end
        return strategy.distribute_datasets_from_function(lambda context: stream.apply(endless))

    def _watched_together(self, together, arguments):
        """Return fit()'s arguments for what a worker writes and prints, which is little if it is not the chief."""
        self.stops_alike = False
        watching = keras.tree.flatten(arguments.get("callbacks") or [])
        if not together.chief:
            watching = [callback for callback in watching if not getattr(callback, "chief_only", False)]
            arguments = {"verbose": 0, **arguments}
        return {**arguments, "callbacks": [*watching, workers.Together()]}

    def _check_together(self, x, arguments):
        """Raise UserError if several workers cannot train on this data, or have other data or settings."""
        strategy = self.distribute_strategy
        if tf.distribute.has_strategy():
            raise UserError("Call fit() outside of strategy.scope(), in which a model is built and compiled alone.")
        if not isinstance(x, Batches | tf.data.Dataset):
            raise UserError(
                f"Several workers train on kerasgan.data.load(...) or a tf.data.Dataset, not on a {type(x).__name__}."
            )
        about = {name: value for name, value in self.describe().items() if name != "images"}
        about |= {name: arguments.get(name) for name in ("epochs", "steps_per_epoch", "initial_epoch")}
        about["replicas"] = len(workers.shares(strategy))
        if isinstance(x, Batches):
            if x.batch_size % strategy.num_replicas_in_sync:
                raise UserError(
                    f"A batch of {x.batch_size} cannot be shared out evenly among {strategy.num_replicas_in_sync} "
                    "replicas: give a batch size that can."
                )
            about |= {"batch_size": x.batch_size, "seed": x.seed, "mirror": x.mirror, "data": x.sha256()}
        with workers.named_if_lost(strategy):
            workers.check_alike(strategy, about)

    def evaluate(self, x=None, y=None, *args, _use_cached_eval_dataset=False, **kwargs):
        """Return the held-out loss as keras.Model.evaluate() does. Raises UserError for players without one."""
        self._check_can_evaluate()
        if len(args) < 2 and not progress.looked_at():
            kwargs.setdefault("verbose", 2)  # one line instead of a progress bar
        wanted = self._wanted(evaluating=True)
        if not _use_cached_eval_dataset:  # else fit() has looked at it
            steps = kwargs.get("steps")
            x = self._held_out(x, wanted, steps) if y is None else given.checked(x, y, None, wanted)
        with self.averaged(), wanted.in_one_line():
            return super().evaluate(x, y, *args, _use_cached_eval_dataset=_use_cached_eval_dataset, **kwargs)

    def predict(self, x, *args, **kwargs):
        """Return call() of many inputs, as keras.Model.predict() does. Raises UserError for what are no inputs."""
        if "sample" in self.endpoints():
            wanted = [(None, *t.shape[1:]) for t in tf.nest.flatten(self.prior(1, seed=0))]
            found = [getattr(t, "shape", ()) for t in tf.nest.flatten(x)]
            if not isinstance(x, tf.data.Dataset | keras.utils.PyDataset) and (
                len(found) != len(wanted)
                or not all(tf.TensorShape(a).is_compatible_with(b) for a, b in zip(found, wanted))
            ):
                raise UserError(
                    f"{type(self).__name__} makes images of inputs of shape {' and '.join(map(str, wanted))}, such as "
                    f"model.prior(64) returns; it was given {' and '.join(str(tuple(shape)) for shape in found)}."
                )
        return super().predict(x, *args, **kwargs)

    def train_on_batch(self, x, y=None, *args, **kwargs):
        """Take one step, as keras.Model.train_on_batch() does. Looks at the values of the first batch alone."""
        if not vars(self).get("_seen"):
            given.check_batch((x, y), self._wanted())
            vars(self)["_seen"] = True
        with self._average_in_its_place():
            return super().train_on_batch(x, y, *args, **kwargs)

    def test_on_batch(self, x, y=None, *args, **kwargs):
        """Return the held-out loss of one batch, as keras.Model.test_on_batch() does."""
        self._check_can_evaluate()
        given.check_batch((x, y), self._wanted(evaluating=True))
        return super().test_on_batch(x, y, *args, **kwargs)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """While fit() goes on, hold averages in the place of the weights that have one (half_life, or use_ema)."""
        pairs = vars(self).get("_averages", [])
        raw = [w.numpy() for w, _ in pairs]
        for w, average in pairs:
            w.assign(average)
        try:
            with self._as_outside_of_fit():
                yield
        finally:
            for (w, _), value in zip(pairs, raw):
                w.assign(value)

    @contextlib.contextmanager
    def _averaging(self):
        """Let averaged() have averages, which become the weights at the end, as at the end of keras.Model.fit()."""
        pairs = self._pairs_of_averages()
        for optimizer in self.optimizers.values():
            if int(optimizer.iterations.numpy()) == 0:  # Keras begins with zeros, and replaces them in the first step
                for w, average in _averages_of(optimizer):
                    average.assign(w)
        vars(self)["_averages"] = pairs
        try:
            with self._average_in_its_place():
                yield
        finally:
            vars(self)["_averages"] = []
        for w, average in pairs:
            w.assign(average)

    @contextlib.contextmanager
    def _average_in_its_place(self):
        """While it is open, train the weights that `half_life` averages. Else, each has the other's place."""
        average = self.average_of_weights
        if average and int(self.step.numpy()) == 0 and not self._keeps_average:
            average.start()  # of what may have been taken over since the constructor
        with _exchanged(average):
            vars(self)["_trains"] = True
            try:
                yield
            finally:
                vars(self)["_trains"] = False

    @contextlib.contextmanager
    def _as_outside_of_fit(self):
        """While it is open, let all weights be what they are when fit() ends, also while it goes on."""
        trains = vars(self).get("_trains")
        with _exchanged(self.average_of_weights if trains else None):
            vars(self)["_trains"] = False
            try:
                yield
            finally:
                vars(self)["_trains"] = trains

    def _pairs_of_averages(self):
        return [pair for optimizer in self.optimizers.values() for pair in _averages_of(optimizer)]

    def _make_function(self, step_function):
        """Give a step each batch as it takes it, whatever it came as: what there is to check, tracing checks once."""
        trains = step_function == self.train_step
        wanted = self._wanted(evaluating=step_function == self.test_step)

        def step(batch):
            parts = [part for part in tf.nest.flatten(batch) if part is not None]
            with tf.control_dependencies(parts):  # or counts would go on where no batch comes
                batch = wanted.batch(batch)
                values = self._accumulated(batch) if trains and self.accumulate > 1 else step_function(batch)
                if trains:
                    self._follow(batch)
                if not workers.of(self.distribute_strategy):
                    return values
                if trains:
                    self.stop_agreed.assign(in_global_batch(tf.convert_to_tensor(self.stop_wanted)))
                return {name: tf.reshape(value, [1]) for name, value in values.items()}  # of which Keras takes the mean

        return super()._make_function(step)

    def _accumulated(self, batch):
        return accumulation.step(
            self.train_step, batch, self.accumulate, self.batches_per_step, self.non_trainable_weights
        )

    def _maybe_symbolic_build(self, *args, **kwargs):
        """Leave out what Keras does under a strategy with a batch before fit(): models here are built."""

    def _follow(self, batch):
        """Let the average of the weights, and the strength of an adaptive augmentation, follow the step just taken."""
        n = tf.shape(tf.nest.flatten(batch)[0])[0] // self.batches_per_step
        if self.average_of_weights:
            images = tf.cast(n * tf.distribute.get_strategy().num_replicas_in_sync, tf.float32)
            half_life = tf.minimum(float(self._half_life), RAMP * images * tf.cast(self.step, tf.float32))
            self.average_of_weights.move(0.5 ** (images / half_life))
        if isinstance(self.augmentation, ADA):
            minibatch = tf.nest.map_structure(lambda t: t[: n // self.accumulate], batch)
            self.augmentation.count(*self._signs_of_real(minibatch), of=JUDGED * self.accumulate)

    def _signs_of_real(self, minibatch):
        """Return signs_of() the real images, and 1; at most steps, zeros (Karras et al. 2020, section 3.1)."""

        def signs():
            real, fake = (tf.cast(side, tf.float32) for side in self.judged(minibatch, augmented=True))
            return signs_of(real - self.undecided(real, fake)), 1.0

        return tf.cond(self.step % JUDGED == 0, signs, lambda: (tf.zeros(2), 0.0))

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
            "accumulate": self.accumulate,
            "optimizers": {name: keras.saving.serialize_keras_object(o) for name, o in self.optimizers.items()},
        }

    def compile_from_config(self, config):
        optimizers = {name: keras.saving.deserialize_keras_object(o) for name, o in config.pop("optimizers").items()}
        self.compile(**config, **optimizers)

    def state(self) -> list[keras.Variable]:
        """Return every variable that training changes, in a fixed order: weights, optimizers, running means.

        While fit() goes on, a weight and its average (of half_life, or of an optimizer with use_ema) have each other's
        place: what is built from the first part alone is what fit() would have left.
        """
        optimizers = [v for o in self.optimizers.values() for v in o.variables]
        state = [*self.weights, *optimizers, *(v for mean in self.metrics for v in mean.variables)]
        pairs = self._pairs_of_averages()
        if self.average_of_weights and vars(self).get("_trains"):
            pairs += self.average_of_weights.pairs
        swapped = {id(a): b for pair in pairs for a, b in (pair, pair[::-1])}
        return [swapped.get(id(v), v) for v in state]

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

    def export(
        self,
        filepath: str | os.PathLike,
        format: str = "tf_saved_model",
        verbose: bool | None = None,
        half: bool = False,
        verb: str | None = None,
        **about: Any,
    ) -> dict[str, str]:
        """Write the endpoints as a SavedModel that computes in float32, or as files for another runtime.

        format: tf_saved_model; onnx or litert, as kerasgan.exports.write() does
        half: store the weights in float16, in half as many bytes
        verb: the only one that onnx or litert are to hold
        about: what its kerasgan.json is to say of `data`, `seed`, `seconds` and `command`

        Returns {verb: why the format cannot hold it}. Raises UserError for another format, and for other arguments.
        """
        formats = ("tf_saved_model", *exports.FORMATS)
        if format not in formats:
            network = next(layer.name for layer in self.layers if isinstance(layer, keras.Model))
            raise UserError(
                f"{type(self).__name__} is exported as {', '.join(formats)}, not as {format}: export its networks, "
                f'as with model.get_layer("{network}").export("{network}.{format}", format="{format}").'
            )
        if unknown := [name for name in about if name not in ABOUT]:
            raise UserError(f"export() takes no {unknown[0]}{nearest(unknown[0], ABOUT)}; it takes {', '.join(ABOUT)}.")
        model = self.for_inference()
        if format in exports.FORMATS:
            live = saved_model.LiveModel(model)
            live.about |= {**self.describe(), **about}
            return exports.write(live, filepath, format, verb, half, verbose)
        if verb is not None:
            raise UserError("A tf_saved_model holds all that a model can do: leave out verb.")
        endpoints = saved_model.halved(self) if half else model.endpoints()
        stored = {"weights": "float16"} if half else {}
        saved_model.write(filepath, endpoints, {**self.describe(), **stored, **about})
        if verbose:
            print(f"{filepath} can {', '.join(endpoints)}.")
        return {}

    def save(self, filepath, *args, **kwargs):
        """Save as keras.Model.save() does, as a .keras file. Raises UserError for the older .h5, which holds less."""
        if os.fspath(filepath).endswith((".h5", ".hdf5")) and not os.fspath(filepath).endswith(".weights.h5"):
            raise UserError(f"{filepath} cannot hold all of a {type(self).__name__}: give a name that ends in .keras.")
        with self._as_outside_of_fit():
            super().save(filepath, *args, **kwargs)

    def save_weights(self, *args, **kwargs):
        """Save as keras.Model.save_weights() does."""
        with self._as_outside_of_fit():
            super().save_weights(*args, **kwargs)

    def load_weights(self, *args, **kwargs):
        """Load as keras.Model.load_weights() does."""
        with self._as_outside_of_fit():
            super().load_weights(*args, **kwargs)

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
            **own_classes.named(type(self)),
            "paper": self.paper,
            "hyperparameters": self._plain_hyperparameters(),
            **self._count_of_classes(),
            **({"went_on_from": self.went_on_from} if self.went_on_from else {}),
            "optimizers": {name: _described(o) for name, o in self.optimizers.items()},
            "precision": self.dtype_policy.name,
            "accumulate": self.accumulate,
            "steps": int(self.step.numpy()),
            "parameters": sum(math.prod(w.shape) for w in self.trainable_weights),
            "images": {
                "shape": list(self.image_shape),
                "in_and_out": "uint8 NHWC, 0 to 255",
                "inside": "float32 in [-1, 1]",
            },
            "versions": versions(),
        }

    def _count_of_classes(self):
        """Return {"classes": their number} of a model that takes labels, which a constructor may fix; else {}."""
        return {"classes": int(self.classes)} if self.takes.endswith("labelled") and hasattr(self, "classes") else {}

    # ---- checks --------------------------------------------------------------------------------------------

    def _check_movers(self) -> None:
        moving = [w for w in self.trainable_weights if id(w) not in self._frozen]
        movers: dict[int, list[str]] = {id(w): [] for w in moving}
        for player in self._networks_of:
            for w in self.weights_of(player):
                movers[id(w)].append(player)
        for w in moving:
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

    def _check_swaps(self, callbacks: Any) -> None:
        """Raise UserError for a callback of Keras that leaves averages in place of the weights that a run keeps."""
        callbacks = callbacks if isinstance(callbacks, list | tuple) else []
        swaps = any(isinstance(c, keras.callbacks.SwapEMAWeights) and c.swap_on_epoch for c in callbacks)
        if swaps and any(type(c).__module__.startswith("kerasgan.") for c in callbacks):
            raise UserError(
                "A run shows and keeps the averages of use_ema by itself: leave out SwapEMAWeights(swap_on_epoch=True)."
            )

    def _held_out(self, data: Any, wanted: given.Wanted, steps: int | None) -> Any:
        if isinstance(data, Batches):
            # What is held out may have all its labels.
            self._check_batches(data, "labelled" if self.takes == "partly_labelled" else self.takes)
            data = data.in_order()
            return self._whole_on_each_worker(data) if workers.of(self.distribute_strategy) else data
        if isinstance(data, tuple):
            x, y, weights = (*data, None, None)[:3]
            given.checked(x, y, weights, wanted)
            return data
        return given.checked(data, None, None, wanted, steps=steps)

    def _whole_on_each_worker(self, data):
        """Return held-out data that each replica goes through as one process does: few images, and the same mean."""
        strategy = self.distribute_strategy
        here = len(workers.shares(strategy))
        repeated = data.flat_map(lambda *batch: tf.data.Dataset.from_tensors(batch).repeat(here))
        repeated = repeated.apply(tf.data.experimental.assert_cardinality(here * int(data.cardinality())))
        return strategy.distribute_datasets_from_function(lambda context: repeated)

    def _wanted(self, evaluating: bool = False) -> given.Wanted:
        return given.Wanted(
            type(self).__name__,
            self.takes,
            self._source_shape(),
            tuple(self.image_shape),
            getattr(self, "classes", None),
            1 if evaluating else self.smallest_batch,
            1 if evaluating else self.minibatches_per_step,
        )

    def _source_shape(self):
        """Return the shape of what an image is made from: where there are no pairs, that of an image."""
        height, width, channels = self.image_shape
        scale = self.hyperparameters.get("scale", 1) if self.takes == "pairs" else 1  # how much smaller a source is
        return -(-height // scale), -(-width // scale), channels

    def _check_batches(self, batches: Batches, *also: str) -> None:
        name = type(self).__name__
        if batches.takes not in (self.takes, *also):
            raise UserError(f"{name} takes {self.takes}; the data is {batches.takes}.")
        shape = tuple(self.image_shape)
        if batches.image_shape != shape:
            raise UserError(f"{name} was built for images of {shape}; the data has {batches.image_shape}.")
        source = self._source_shape()
        if batches.source_shape != source:
            raise UserError(f"{name} makes {shape} of images of {source}; the data has {batches.source_shape}.")
        if self.takes.endswith("labelled"):
            if not (known := self._count_of_classes()):
                raise UserError(f"{name} takes labels: set self.classes, their number, in its constructor.")
            if batches.classes > known["classes"]:
                raise UserError(f"{name} was built for {known['classes']} classes; the data has {batches.classes}.")
        self._wanted().check_size(batches.batch_size * self.minibatches_per_step)


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


def layers_with_weights(network: keras.Layer) -> list[keras.Layer]:
    """Return the layers of a network that learn or measure something, in order, those of networks in it among them.

    What only draws noise is none of them, nor is what changes images in front of a discriminator.
    """
    layers = network.layers if isinstance(network, keras.Model) else [network]
    inner = [layers_with_weights(layer) if isinstance(layer, keras.Model) else [layer] for layer in layers]
    return [layer for part in inner for layer in part if learnt(layer) and not isinstance(layer, ADA)]


def of_the_batch(layer: keras.Layer) -> str:
    """Return the name of what a layer takes of a whole batch; "" where each image is by itself."""
    if isinstance(layer, keras.layers.BatchNormalization):
        return "Batch normalisation"
    return getattr(layer, "of_the_batch", "")


def learnt(layer: keras.Layer) -> list[keras.Variable]:
    """Return a layer's weights without those that count draws of noise."""
    return [w for w in layer.weights if not keras.backend.is_int_dtype(w.dtype)]


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


def _named(cls, args, kwargs):
    """Return the arguments of cls(*args, **kwargs) by name, without those of Keras.

    A constructor of (*args, **kwargs) is taken to hand all on to the next one. Raises UserError for what has no name.
    """
    signature = inspect.signature(cls.__init__)
    bound = signature.bind(None, *args, **kwargs)
    bound.apply_defaults()
    parameters = {p.kind: p.name for p in signature.parameters.values()}
    rest = bound.arguments.pop(parameters.get(inspect.Parameter.VAR_POSITIONAL), ())
    more = bound.arguments.pop(parameters.get(inspect.Parameter.VAR_KEYWORD), {})
    _, *plain = bound.arguments.items()
    if rest:
        if inspect.Parameter.VAR_KEYWORD not in parameters:
            raise UserError(f"Give the arguments of {cls.__name__} by name: runs keep them by it, and *args has none.")
        after = next(c for c in cls.__mro__ if c.__init__ is not cls.__init__)
        more |= dict(zip(list(inspect.signature(after.__init__).parameters)[1:], rest))
    return {name: _plain(value) for name, value in {**dict(plain), **more}.items() if name not in _OF_KERAS}


def _plain(value):
    """Return numpy's numbers as Python's, paths as text, and sequences of them likewise."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, tf.TensorShape):
        return tuple(value)
    return type(value)(map(_plain, value)) if type(value) in (tuple, list) else value


def _optimizer(player, given):
    try:
        optimizer = keras.optimizers.get(given)
    except (ValueError, TypeError):
        optimizer = None
    if optimizer is None:
        raise UserError(
            f"The {player} needs an optimizer, such as keras.optimizers.Adam(1e-4) or its name, adam; it was given "
            f"{str(given)[:60]}."
        )
    return optimizer


@contextlib.contextmanager
def _exchanged(average):
    """While it is open, let weights and their average, if there is one, have each other's place."""
    if average:
        average.exchange()
    try:
        yield
    finally:
        if average:
            average.exchange()


def _averages_of(optimizer):
    """Return [(weight, its average)] of an optimizer that keeps averages."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return list(zip(inner._trainable_variables, inner._model_variables_moving_average)) if inner.use_ema else []


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


def _of_each_worker(name):
    """Return a number that each worker has for itself."""
    sync = {"synchronization": "on_read", "aggregation": "only_first_replica"}
    return keras.Variable(0.0, dtype="float32", trainable=False, name=f"stop_{name}", **sync)


class _Mean(keras.metrics.Mean):
    """Keras' mean, of what is the same on all replicas: one that adds theirs up is read by all workers or by none."""

    def add_variable(self, shape, initializer, dtype=None, aggregation="only_first_replica", name=None):
        return super().add_variable(shape, initializer, dtype, "only_first_replica", name)


def _trainable(networks):
    return [w for network in networks for w in network.trainable_weights]


def _finite_on_all_replicas(gradients):
    """Make every replica skip a step that is not finite on one: LossScaleOptimizer asks only the first."""
    bad = tf.reduce_any([~tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
    bad = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tf.cast(bad, tf.float32))
    return [tf.where(bad > 0, tf.fill(tf.shape(g), tf.cast(float("nan"), g.dtype)), g) for g in gradients]


def _check_image_shape(name: str, shape: Any) -> None:
    whole = isinstance(shape, tuple | list) and len(shape) == 3 and all(isinstance(side, int) for side in shape)
    if not whole or min(shape[:2]) < 8 or shape[2] not in (1, 3, 4):
        raise UserError(
            f"{name} cannot make images of shape {tuple(shape) if isinstance(shape, list) else shape}: it needs "
            "(height, width, channels) with sides of at least 8 pixels and 1, 3 or 4 channels."
        )
