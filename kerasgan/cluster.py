"""Which processes train one model together, as what starts them says: TF_CONFIG, or Slurm.

Nothing here imports TensorFlow, but for Slurm.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, MutableMapping
from typing import Any

from kerasgan.errors import UserError

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", "index": 0}}'
KINDS = ("chief", "worker")  # of tasks that train, in the order of their numbers
FIRST_PORT, PORTS = 12_000, 16_000  # under Slurm: below those that systems give to whoever connects
MOST_TASKS = 16  # of a job step on one machine


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers, which are processes that train one model together. Number 0 is the chief: it writes the run.

    addresses: host:port of each, by its number
    number: of this process
    """

    addresses: tuple[str, ...]
    number: int

    @property
    def chief(self) -> bool:
        """Whether this process writes what there is to write."""
        return self.number == 0

    def name(self, number: int) -> str:
        """Return what a worker is called."""
        return f"worker {number} ({self.addresses[number]})"


def found(environment: MutableMapping[str, str] = os.environ) -> Cluster:
    """Return the workers that TF_CONFIG names, or those of a job step of Slurm, for which TF_CONFIG is set then.

    Raises UserError if there are none, or if TF_CONFIG is not what TensorFlow takes.
    """
    if VARIABLE in environment:
        return _of_tf_config(environment[VARIABLE])
    if "SLURM_PROCID" in environment:
        environment[VARIABLE] = json.dumps(_of_slurm(environment))
        return _of_tf_config(environment[VARIABLE])
    raise UserError(
        "--workers auto goes by what starts the workers, and found neither TF_CONFIG nor the variables of a job step "
        "of Slurm: start each worker with TF_CONFIG, or by srun, or leave --workers out."
    )


def numbered(cluster: Mapping[str, list[str]], kind: str, index: int) -> Cluster:
    """Return the workers of a cluster as TensorFlow describes it, of which this process is one."""
    addresses = tuple(address for each in KINDS for address in cluster.get(each, ()))
    return Cluster(addresses, index + (len(cluster.get("chief", ())) if kind == "worker" else 0))


def _of_tf_config(text: str) -> Cluster:
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _broken(f"it is no JSON: {error}") from None
    cluster, task = (config.get(part) if isinstance(config, dict) else None for part in ("cluster", "task"))
    if not isinstance(cluster, dict) or not any(cluster.get(kind) for kind in KINDS):
        raise _broken("it names no workers")
    for kind, addresses in cluster.items():
        if kind == "ps":
            raise _broken("it has parameter servers (ps), and kerasgan trains without: leave them out")
        if not isinstance(addresses, list) or not all(map(_is_address, addresses)):
            raise _broken(f"the {kind} is no list of host:port, but {str(addresses)[:60]}")
    if len(cluster.get("chief", ())) > 1:
        raise _broken(f"it has {len(cluster['chief'])} chiefs, and there is one")
    if not isinstance(task, dict) or task.get("type") not in cluster or not isinstance(_index(task), int):
        raise _broken(f"its task is none of the cluster: {json.dumps(task)[:60]}")
    kind, index = task["type"], _index(task)
    if kind not in KINDS:
        raise _broken(f"this process is its {kind}, and kerasgan has chief and workers alone")
    if not 0 <= index < len(cluster[kind]):
        raise _broken(f"it has {len(cluster[kind])} tasks of the type {kind}, and this process is number {index}")
    workers = numbered(cluster, kind, index)
    if twice := {address for address in workers.addresses if workers.addresses.count(address) > 1}:
        raise _broken(f"two of its workers have the address {min(twice)}")
    return workers


def _index(task: dict[str, Any]) -> Any:
    """Return a task's number: some write it as text."""
    index = task.get("index")
    return int(index) if isinstance(index, str) and index.isdigit() else index


def _is_address(address):
    host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
    return bool(host) and port.isdigit() and 0 < int(port) < 2**16


def _broken(why):
    return UserError(f"{VARIABLE} cannot be used, {why}. It has to be such as {EXAMPLE}.")


def _of_slurm(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return what TF_CONFIG would be in this task of a job step.

    TensorFlow's SlurmClusterResolver is none for this: it orders machines by their names, and so takes n10 for the
    second one where Slurm means n2; and without nvidia-smi it ends.
    """
    from tensorflow.python.distribute.cluster_resolver.slurm_cluster_resolver import (
        expand_hostlist,
        expand_tasks_per_node,
    )

    try:
        hosts = expand_hostlist(environment["SLURM_STEP_NODELIST"])
        tasks = expand_tasks_per_node(environment["SLURM_STEP_TASKS_PER_NODE"])
        job, rank = int(environment["SLURM_JOB_ID"]), int(environment["SLURM_PROCID"])
    except (KeyError, ValueError) as error:
        missing = f"it lacks {error.args[0]}" if isinstance(error, KeyError) else str(error)
        raise UserError(f"This is no task of a job step of Slurm ({missing}): start kerasgan by srun.") from None
    first = FIRST_PORT + job * MOST_TASKS % PORTS  # so that two jobs on one machine have ports of their own
    workers = [(host, first + i) for host, n in zip(hosts, tasks) for i in range(n)]
    here = environment.get("SLURMD_NODENAME", workers[rank][0])
    if workers[rank][0] != here:
        raise UserError(
            f"Slurm put task {rank} on {here}, and not on {workers[rank][0]}: start kerasgan by srun "
            "--distribution=block."
        )
    return {
        "cluster": {"worker": [f"{host}:{port}" for host, port in workers]},
        "task": {"type": "worker", "index": rank},
    }
