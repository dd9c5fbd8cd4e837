"""The models by name. A class is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasgan.models.cgan import CGAN
    from kerasgan.models.cyclegan import CycleGAN
    from kerasgan.models.dcgan import DCGAN
    from kerasgan.models.ddpm import DDPM
    from kerasgan.models.gan import GAN
    from kerasgan.models.vae import VAE
    from kerasgan.models.wgan_gp import WGANGP

# Each variant's module and class.
CLASSES = {
    "gan": "GAN",
    "dcgan": "DCGAN",
    "cgan": "CGAN",
    "wgan_gp": "WGANGP",
    "cyclegan": "CycleGAN",
    "vae": "VAE",
    "ddpm": "DDPM",
}

__all__ = ["CGAN", "DCGAN", "DDPM", "GAN", "MODELS", "VAE", "WGANGP", "CycleGAN"]


def __getattr__(name):
    if name == "MODELS":
        return {key: getattr(importlib.import_module(f"{__name__}.{key}"), cls) for key, cls in CLASSES.items()}
    for key, cls in CLASSES.items():
        if name == cls:
            return getattr(importlib.import_module(f"{__name__}.{key}"), cls)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
