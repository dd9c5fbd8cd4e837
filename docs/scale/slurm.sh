#!/usr/bin/env bash
# Train on several machines under Slurm: sbatch docs/scale/slurm.sh
# Submitted again, or requeued after a machine was lost, it goes on from the newest checkpoint.
#SBATCH --job-name=kerasgan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@300
set -euo pipefail

# Folders that all machines see.
data=${DATA:-$HOME/photos}
run=${RUN:-$HOME/runs/photos}
export KERASGAN_CACHE=${KERASGAN_CACHE:-$HOME/kerasgan-cache}

# One worker for each machine, with all of its GPUs. The batch is that of all GPUs together.
resume=()
[ -f "$run/run.json" ] && resume=(--resume)
srun --distribution=block kerasgan train r3gan --data "$data" --run "$run" --epochs 400 --batch-size 256 \
    --precision mixed_bfloat16 --workers auto --devices all "${resume[@]}"
