"""Train on several machines with Ray Train, which sets TF_CONFIG: python docs/scale/with_ray.py

A worker that is lost ends the others; Ray starts all again, and the run goes on from its newest checkpoint. Data and
run are in folders that all machines see.
"""

from pathlib import Path

from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.tensorflow import TensorflowTrainer

RUN = Path.home() / "runs/photos"
COMMAND = f"r3gan --data {Path.home() / 'photos'} --epochs 400 --batch-size 256 --precision mixed_bfloat16"


def train():
    from kerasgan.cli import main

    resume = ["--resume"] if (RUN / "run.json").is_file() else []
    code = main(["train", *COMMAND.split(), "--run", str(RUN), "--workers", "auto", "--devices", "all", *resume])
    if code:
        raise RuntimeError(f"kerasgan train ended with {code}; its last line says why.")


if __name__ == "__main__":
    TensorflowTrainer(
        train,
        scaling_config=ScalingConfig(num_workers=8, use_gpu=True),  # each with one GPU
        run_config=RunConfig(failure_config=FailureConfig(max_failures=20)),
    ).fit()
