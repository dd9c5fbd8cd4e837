"""Anomaly detection on MNIST: f-AnoGAN, AnoGAN, an autoencoder and a VAE, digit by digit and in both protocols.

one_class: the digit's training images are normal; the nine other digits of the test set are anomalies.
left_out: the nine other digits' training images are normal; the digit is the anomaly.

All four see the same images, and are tested on all 10,000 test images; AnoGAN's search, which takes hundreds of steps
for each image, on the first `--searched` of each digit. No test label is used but to compute the AUC.
"""

import argparse
import json
import os
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from matplotlib import pyplot

import kerasgan
from kerasgan import data
from kerasgan.images import from_uint8
from kerasgan.metrics import auc
from kerasgan.models import VAE, WGANGP, Autoencoder, FAnoGAN

METHODS = {"f_anogan": "f-AnoGAN", "anogan": "AnoGAN", "autoencoder": "autoencoder", "vae": "VAE"}
PROTOCOLS = ("one_class", "left_out")


def main():
    options = arguments()
    keras.config.disable_traceback_filtering()
    train, test = (data.tensorflow_dataset("mnist", split=split) for split in ("train", "test"))
    file = options.run / "results.json"
    options.run.mkdir(parents=True, exist_ok=True)
    plan = {name: value for name, value in vars(options).items() if name not in ("run", "seeds", "protocols", "digits")}
    results = json.loads(file.read_text()) if file.exists() else {"settings": plan, "cells": []}
    if results["settings"] != plan:
        raise SystemExit(f"{file} was made with other settings, {results['settings']}: give another --run.")
    results["versions"] = kerasgan.versions()

    for seed in options.seeds:
        for protocol in options.protocols:
            for digit in options.digits:
                where = {"protocol": protocol, "digit": digit, "seed": seed}
                if any({**cell, **where} == cell for cell in results["cells"]):
                    continue
                results["cells"].append({**where, **aucs(train, test, where, options)})
                part = file.with_suffix(".part")
                part.write_text(json.dumps(results, indent=1) + "\n")
                os.replace(part, file)
                print(results["cells"][-1], flush=True)
    print(table(results["cells"]))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("runs/anomaly"), help="folder of results.json")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--protocols", nargs="+", default=PROTOCOLS, choices=PROTOCOLS)
    parser.add_argument("--digits", type=int, nargs="+", default=range(10))
    parser.add_argument("--gan-latent-dim", type=int, default=64, help="of WGAN-GP and f-AnoGAN")
    parser.add_argument("--gan-steps", type=int, default=2000, help="steps of WGAN-GP's generator")
    parser.add_argument("--n-critic", type=int, default=1)
    parser.add_argument("--gan-rate", type=float, default=1e-3, help="of WGAN-GP, to begin with")
    parser.add_argument("--width", type=int, default=16, help="of WGAN-GP and f-AnoGAN")
    parser.add_argument("--encoder-steps", type=int, default=2000)
    parser.add_argument("--latent-dim", type=int, default=32, help="of autoencoder and VAE")
    parser.add_argument("--dense-steps", type=int, default=800, help="steps of autoencoder and VAE")
    parser.add_argument("--dense-width", type=int, default=256, help="of autoencoder and VAE")
    parser.add_argument("--searched", type=int, default=30, help="test images of each digit that AnoGAN searches")
    parser.add_argument("--search-steps", type=int, default=100)
    return parser.parse_args()


def aucs(train, test, where, options):
    """Train all on the normal images of one cell, and return their AUCs and the CPU seconds that each took."""
    chosen = train.labels == where["digit"]
    normal = train.images[chosen if where["protocol"] == "one_class" else ~chosen]
    strange = (test.labels == where["digit"]) == (where["protocol"] == "left_out")
    few = np.concatenate([np.flatnonzero(test.labels == d)[: options.searched] for d in range(10)])
    found, seconds = {}, {}

    def timed(name, work):
        start = time.process_time()
        result = work()
        seconds[name] = round(time.process_time() - start, 1)
        return result

    gan = timed("wgan_gp", lambda: trained_gan(normal, where["seed"], options))
    f_anogan = timed("f_anogan", lambda: trained_encoder(gan, normal, where["seed"], options))
    models = {"f_anogan": f_anogan}
    for name, cls, more in (("autoencoder", Autoencoder, {}), ("vae", VAE, {"depth": 2})):
        models[name] = timed(name, lambda cls=cls, more=more: trained(cls, normal, where["seed"], options, **more))
    for name, model in models.items():
        found[name] = auc(scores(model, test.images), strange)
    # the same images for f-AnoGAN and for AnoGAN: what is between them is not between two test sets
    found["f_anogan_searched"] = auc(scores(f_anogan, test.images[few]), strange[few])
    searched = timed(
        "anogan", lambda: f_anogan.search(from_uint8(test.images[few]), options.search_steps, rate=0.1)[1].numpy()
    )
    found["anogan"] = auc(searched, strange[few])
    if where == {"protocol": "one_class", "digit": 8, "seed": 0}:
        picture(models, test, strange, options)
    return {"auc": {name: round(float(value), 4) for name, value in found.items()}, "cpu_seconds": seconds}


def trained_gan(images, seed, options):
    keras.utils.set_random_seed(seed)
    shape = images.shape[1:]
    gan = WGANGP(image_shape=shape, latent_dim=options.gan_latent_dim, width=options.width, n_critic=options.n_critic)
    gan.compile(
        critic=adam(options.gan_rate, options.gan_steps * options.n_critic, beta_1=0.5, beta_2=0.9),
        generator=adam(options.gan_rate, options.gan_steps, beta_1=0.5, beta_2=0.9),
    )
    return fitted(gan, images, options.gan_steps, seed)


def trained_encoder(gan, images, seed, options):
    keras.utils.set_random_seed(seed)
    model = FAnoGAN(image_shape=images.shape[1:], latent_dim=options.gan_latent_dim, width=options.width)
    model.start_from(gan)
    model.compile(encoder=adam(2e-3, options.encoder_steps))
    return fitted(model, images, options.encoder_steps, seed)


def trained(cls, images, seed, options, **more):
    keras.utils.set_random_seed(seed)
    model = cls(image_shape=images.shape[1:], latent_dim=options.latent_dim, width=options.dense_width, **more)
    model.compile(autoencoder=adam(1e-3, options.dense_steps))
    return fitted(model, images, options.dense_steps, seed)


def adam(rate, steps, **betas):
    """Return Adam whose learning rate falls from `rate` to zero over `steps`."""
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps), **betas)


def fitted(model, images, steps, seed):
    batches = data.Batches((images,), "images", model.batch_size, seed)
    model.fit(batches, steps_per_epoch=steps, verbose=0)
    return model


def scores(model, images):
    score = tf.function(model.anomaly_score)
    return np.concatenate([score(from_uint8(images[i : i + 500])) for i in range(0, len(images), 500)])


def picture(models, test, strange, options):
    """Draw normal and strange images, what each method makes of them, and its scores."""
    shown = np.concatenate([np.flatnonzero(~strange)[:6], np.flatnonzero(strange)[:10]])
    x = from_uint8(test.images[shown])
    latents, searched = models["f_anogan"].search(x, options.search_steps, rate=0.1)
    rows = {
        "f-AnoGAN": (models["f_anogan"].reconstruct(x), models["f_anogan"].anomaly_score(x)),
        "AnoGAN": (models["f_anogan"](latents), searched),
        "autoencoder": (models["autoencoder"](x), models["autoencoder"].anomaly_score(x)),
        "VAE": (models["vae"].reconstruct(x), models["vae"].anomaly_score(x)),
    }
    figure, axes = pyplot.subplots(len(rows) + 1, len(shown), figsize=(len(shown) * 0.75, 5.4))
    for row, (title, (pictures, values)) in enumerate({"normal: 8": (x, None), **rows}.items()):
        for column in range(len(shown)):
            ax = axes[row, column]
            ax.imshow(np.squeeze(pictures[column]), cmap="gray", vmin=-1, vmax=1)
            ax.set(xticks=[], yticks=[])
            if values is not None:
                value = float(values[column])
                red = value > np.sort(values)[5]  # as many are not red as are normal
                ax.set_xlabel(f"{value:.3g}", fontsize=7, color="tab:red" if red else "black", labelpad=1)
        axes[row, 0].set_ylabel(title, fontsize=7)
    figure.tight_layout(pad=0.3)
    figure.savefig(options.run / "anomaly.png", dpi=110)
    pyplot.close(figure)


def table(cells):
    """Return Markdown tables of AUCs: mean over seeds, and standard deviation where there are several."""
    lines = []
    for protocol in PROTOCOLS:
        mine = [c for c in cells if c["protocol"] == protocol]
        if not mine:
            continue
        seeds = sorted({c["seed"] for c in mine})
        lines += [
            f"\n{protocol}, seeds {', '.join(map(str, seeds))}\n",
            "| digit | " + " | ".join(METHODS.values()) + " |",
        ]
        lines += ["|---" * (len(METHODS) + 1) + "|"]
        for digit in range(10):
            here = [c["auc"] for c in mine if c["digit"] == digit]
            if here:
                lines.append(f"| {digit} | " + " | ".join(spread([auc[m] for auc in here]) for m in METHODS) + " |")
        means = {
            m: [np.mean([c["auc"][m] for c in mine if c["seed"] == s]) for s in seeds if complete(mine, s)]
            for m in METHODS
        }
        lines.append("| mean | " + " | ".join(spread(values) for values in means.values()) + " |")
    return "\n".join(lines)


def complete(cells, seed):
    return len([c for c in cells if c["seed"] == seed]) == 10


def spread(values):
    if not len(values):
        return "-"
    return f"{np.mean(values):.3f}" + (f" ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else "")


if __name__ == "__main__":
    main()
