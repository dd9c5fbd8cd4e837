"""The models by name. A class is imported when it is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerasgan.models.acgan import ACGAN
    from kerasgan.models.alpha_gan import AlphaGAN
    from kerasgan.models.autoencoder import Autoencoder
    from kerasgan.models.cgan import CGAN
    from kerasgan.models.context_encoder import ContextEncoder
    from kerasgan.models.cyclegan import CycleGAN
    from kerasgan.models.dcgan import DCGAN
    from kerasgan.models.ddpm import DDPM
    from kerasgan.models.denoising_autoencoder import DenoisingAutoencoder
    from kerasgan.models.f_anogan import FAnoGAN
    from kerasgan.models.gan import GAN
    from kerasgan.models.lsgan import LSGAN
    from kerasgan.models.pix2pix import Pix2Pix
    from kerasgan.models.projection_gan import ProjectionGAN
    from kerasgan.models.real_nvp import RealNVP
    from kerasgan.models.sgan import SGAN
    from kerasgan.models.srgan import SRGAN
    from kerasgan.models.srresnet import SRResNet
    from kerasgan.models.vae import VAE
    from kerasgan.models.wgan import WGAN
    from kerasgan.models.wgan_gp import WGANGP

# Each variant's module and class.
CLASSES = {
    "gan": "GAN",
    "dcgan": "DCGAN",
    "cgan": "CGAN",
    "acgan": "ACGAN",
    "projection_gan": "ProjectionGAN",
    "lsgan": "LSGAN",
    "wgan": "WGAN",
    "wgan_gp": "WGANGP",
    "alpha_gan": "AlphaGAN",
    "sgan": "SGAN",
    "pix2pix": "Pix2Pix",
    "cyclegan": "CycleGAN",
    "srresnet": "SRResNet",
    "srgan": "SRGAN",
    "context_encoder": "ContextEncoder",
    "f_anogan": "FAnoGAN",
    "autoencoder": "Autoencoder",
    "denoising_autoencoder": "DenoisingAutoencoder",
    "vae": "VAE",
    "real_nvp": "RealNVP",
    "ddpm": "DDPM",
}

__all__ = ["MODELS", *CLASSES.values()]


def __getattr__(name):
    if name == "MODELS":
        return {key: getattr(importlib.import_module(f"{__name__}.{key}"), cls) for key, cls in CLASSES.items()}
    for key, cls in CLASSES.items():
        if name == cls:
            return getattr(importlib.import_module(f"{__name__}.{key}"), cls)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
