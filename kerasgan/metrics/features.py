"""Networks that images are measured with: shipped classifiers of MNIST and CIFAR-10, two Inceptions, or any model."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from kerasgan import class_names, run_folder, trained_models
from kerasgan.data.files import with_channels
from kerasgan.errors import UserError
from kerasgan.images import to_pil
from kerasgan.metrics import inception
from kerasgan.paths import expanded, for_tensorflow

RESIZER = "bicubic, antialiased"
BATCH = 250
PIXELS = 2**20  # of a batch: of large images, fewer than BATCH are in memory at once
SHIPPED = {"mnist": "mnist_classifier", "cifar10": "cifar10_classifier"}  # in this folder, by the name of their data


@dataclasses.dataclass(frozen=True)
class FeatureNetwork:
    """A network that turns images into features, and into logits where it classifies; maps of features are averaged.

    network = kerasgan.metrics.feature_network("mnist")
    network(images)  # float32[n, dimension] of uint8 images[n, height, width, channel] of any size
    """

    name: str
    image_shape: tuple[int | None, int | None, int]  # what the network takes; None for any height or width
    sha256: str  # of its weights
    extract: Callable[[np.ndarray], np.ndarray]  # uint8 images to features
    logits: Callable[[np.ndarray], np.ndarray] | None = None
    class_names: tuple[str, ...] = ()  # of the logits, in their order; none where classes have only numbers
    resizer: str = RESIZER  # how images come to the size that the network sees
    sees: tuple[int, int] | None = None  # the height and width that it resizes all images to by itself

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Return the features of uint8 images, float32 [n, dimension]."""
        return self._of(self.extract, images)

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Return the logits of uint8 images, float32 [n, class]. Raises UserError if the network does not classify."""
        if self.logits is None:
            raise UserError(f"{self.name} has features and no classes.")
        return self._of(self.logits, images)

    def _of(self, function, images):
        height, width = self.sees or (new or old for new, old in zip(self.image_shape, images.shape[1:3]))
        batch = max(1, min(BATCH, PIXELS // (height * width)))
        parts = [function(fitted(images[i : i + batch], self.image_shape)) for i in range(0, len(images), batch)]
        return np.concatenate([part.mean(axis=(1, 2)) if part.ndim == 4 else part for part in parts]).astype(np.float32)


def fitted(images: np.ndarray, image_shape: tuple[int | None, int | None, int]) -> np.ndarray:
    """Return uint8 images[n, height, width, channel] in another size and with other channels.

    Sizes change by bicubic interpolation with antialiasing: what is made smaller without it has other features
    (Parmar, Zhang and Zhu 2022). Grey becomes colour by repetition, colour grey as its luma.
    """
    height, width = (new or old for new, old in zip(image_shape, images.shape[1:3]))
    if images.shape[1:] == (height, width, image_shape[2]):
        return np.asarray(images)
    pictures = map(to_pil, np.asarray(images))
    resized = (with_channels(p, image_shape[2]).resize((width, height), Image.Resampling.BICUBIC) for p in pictures)
    return np.stack([np.asarray(p).reshape(height, width, image_shape[2]) for p in resized])


def feature_network(which: str | os.PathLike | keras.Model = "mnist") -> FeatureNetwork:
    """Return the network that images are measured with.

    which: `mnist` or `cifar10`, the classifiers in this folder; `inception-fid`, the Inception of the literature's FID
        (see metrics/inception.py); `inception`, the one of Keras, which downloads its weights: no distance of its
        features can be set beside a published FID; the folder of a SavedModel; the name of a trained model; a .keras
        file; or a Keras model. A SavedModel of kerasgan gives its verb `features`, or else `classify`; of another one,
        serving_default is taken, which has to have one input and one output. Networks of float inputs get [-1, 1],
        those of uint8 0 to 255.

    Raises UserError if there is no such network, or one that does not take images.
    """
    if isinstance(which, keras.Model):
        return _of_keras(which, which.name)
    if which in SHIPPED:
        return _of_saved_model(trained_models.folder(SHIPPED[which]))
    if which == "inception":
        return _inception()
    if which == "inception-fid":
        return _inception_of_the_fid()
    path = expanded(which)
    if path.suffix == ".keras" and path.is_file():
        return _of_keras(keras.models.load_model(path, compile=False), path.stem)
    for folder in (path / "saved_model", path):
        if (folder / "saved_model.pb").is_file():
            return _of_saved_model(folder)
    if not path.exists() and str(path) in trained_models.trained_models():
        return _of_saved_model(trained_models.folder(str(path)))
    raise UserError(
        f"There is no network {which} to measure with: give {', '.join(SHIPPED)}, inception-fid, inception, a "
        "SavedModel or a .keras file."
    )


def _of_saved_model(path):
    module = tf.saved_model.load(for_tensorflow(path))
    if not (path / "kerasgan.json").is_file():
        return _of_signature(module, "serving_default", path.name)
    about = run_folder.about_model(path)
    verbs = [verb for verb in ("features", "classify") if verb in about["verbs"]]
    if not verbs:
        raise UserError(f"{path} has {', '.join(about['verbs'])}; to measure with it, it needs features or classify.")
    found = _of_signature(module, verbs[0], about["variant"])
    if "classify" not in verbs:
        return found
    logits = _of_signature(module, "classify", about["variant"]).extract
    return dataclasses.replace(found, logits=logits, class_names=tuple(class_names.of_model(about)))


def _of_signature(module, name, title):
    signature = module.signatures.get(name)
    inputs = {} if signature is None else signature.structured_input_signature[1]
    if len(inputs) != 1 or len(signature.structured_outputs) != 1:
        raise UserError(f"{title} has no signature {name} with one input and one output.")
    ((argument, spec),) = inputs.items()

    def extract(images):
        (output,) = signature(**{argument: _as(images, spec.dtype)}).values()
        return output.numpy()

    weights = [v.numpy() for v in signature.variables]
    return FeatureNetwork(title, _image_shape(spec.shape, title), _sha256(weights), extract)


def _of_keras(model, title):
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise UserError(
            f"{title} has {len(model.inputs)} inputs and {len(model.outputs)} outputs; one of each is wanted."
        )
    dtype = tf.as_dtype(model.inputs[0].dtype)
    forward = tf.function(lambda x: model(x, training=False))
    return FeatureNetwork(
        title,
        _image_shape(model.inputs[0].shape, title),
        _sha256(w.numpy() for w in model.weights),
        lambda images: forward(_as(images, dtype)).numpy(),
    )


def _inception():
    """Inception v3 of keras.applications. Its weights, and how images are resized, are not those of the FID."""
    try:
        model = keras.applications.InceptionV3(weights="imagenet", classifier_activation=None)
    except Exception as error:  # which Keras raises as such for a download that fails
        raise UserError(
            f"Inception's weights cannot be had ({str(error).splitlines()[0]}): with a network, Keras downloads them "
            "once; without, give another network as --features."
        ) from None
    pooled = keras.Model(model.inputs, model.get_layer("avg_pool").output, name="inception")
    return dataclasses.replace(_of_keras(pooled, "inception"), logits=_of_keras(model, "inception").extract)


def _inception_of_the_fid():
    extract = inception.features(inception.graph())
    sees = (inception.SIDE, inception.SIDE)
    return FeatureNetwork(
        "inception-fid", (None, None, 3), inception.SHA256, extract, resizer=inception.RESIZER, sees=sees
    )


def _as(images, dtype):
    return tf.constant(images) if dtype == tf.uint8 else tf.cast(images, dtype) / 127.5 - 1


def _image_shape(shape, title):
    if len(shape) != 4 or shape[3] not in (1, 3, 4):
        raise UserError(f"{title} takes {tuple(shape)}; images are [n, height, width, channel].")
    return tuple(shape[1:])


def _sha256(weights):
    digest = hashlib.sha256()
    for w in weights:
        digest.update(np.ascontiguousarray(w).tobytes())
    return digest.hexdigest()
