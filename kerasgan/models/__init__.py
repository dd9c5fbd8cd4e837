"""The models by name. A class is imported when it is first asked for."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Each variant's module and class, in the order of all lists: editors read them here, and so does this module.
    # isort: off
    from kerasgan.models.gan import GAN
    from kerasgan.models.dcgan import DCGAN
    from kerasgan.models.cgan import CGAN
    from kerasgan.models.acgan import ACGAN
    from kerasgan.models.projection_gan import ProjectionGAN
    from kerasgan.models.lsgan import LSGAN
    from kerasgan.models.wgan import WGAN
    from kerasgan.models.wgan_gp import WGANGP
    from kerasgan.models.sngan import SNGAN
    from kerasgan.models.sagan import SAGAN
    from kerasgan.models.biggan import BigGAN
    from kerasgan.models.stylegan2 import StyleGAN2
    from kerasgan.models.r3gan import R3GAN
    from kerasgan.models.conditional_r3gan import ConditionalR3GAN
    from kerasgan.models.fastgan import FastGAN
    from kerasgan.models.alpha_gan import AlphaGAN
    from kerasgan.models.sgan import SGAN
    from kerasgan.models.pix2pix import Pix2Pix
    from kerasgan.models.cyclegan import CycleGAN
    from kerasgan.models.srresnet import SRResNet
    from kerasgan.models.srgan import SRGAN
    from kerasgan.models.context_encoder import ContextEncoder
    from kerasgan.models.f_anogan import FAnoGAN
    from kerasgan.models.autoencoder import Autoencoder
    from kerasgan.models.denoising_autoencoder import DenoisingAutoencoder
    from kerasgan.models.vae import VAE
    from kerasgan.models.real_nvp import RealNVP
    from kerasgan.models.ddpm import DDPM
    # isort: on


def _classes() -> dict[str, str]:
    """Return the name of each variant's class by that of its module, as the imports above have them."""
    statements = ast.walk(ast.parse(Path(__file__).read_text(encoding="utf-8")))
    imports = [s for s in statements if isinstance(s, ast.ImportFrom) and (s.module or "").startswith(f"{__name__}.")]
    return {(statement.module or "").rpartition(".")[2]: statement.names[0].name for statement in imports}


CLASSES = _classes()

__all__ = ["MODELS", *CLASSES.values()]


def __getattr__(name):
    if name == "MODELS":
        return {key: getattr(importlib.import_module(f"{__name__}.{key}"), cls) for key, cls in CLASSES.items()}
    for key, cls in CLASSES.items():
        if name == cls:
            return getattr(importlib.import_module(f"{__name__}.{key}"), cls)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
