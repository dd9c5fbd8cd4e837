"""Several processes that train one model: see tests/several_workers.py for all variants, of which this takes one."""

import json

import numpy as np
import pytest
import several
from conftest import small_batches, small_model

from kerasgan import cluster, run_folder
from kerasgan.cli import main
from kerasgan.contract import small
from kerasgan.data import Batches
from kerasgan.errors import UserError

SECONDS = 400  # after which two processes are taken to hang, on a machine with much else to do
TWO = {"worker": ["a:1", "b:1"]}


# ---- what starts them -----------------------------------------------------------------------------------------------


def tf_config(**task):
    return {"TF_CONFIG": json.dumps({"cluster": TWO, "task": task})}


@pytest.mark.parametrize(
    ("cluster_spec", "kind", "index", "number"),
    [
        (TWO, "worker", 1, 1),  # Kubernetes' training operators, Ray Train
        ({"chief": ["c:2"], **TWO}, "worker", 1, 2),  # Vertex AI
        ({"worker": ["a:1", "b:1"], "chief": ["c:2"]}, "chief", 0, 0),
        (TWO, "worker", "1", 1),
    ],
)
def test_tf_config_names_the_workers(cluster_spec, kind, index, number):
    text = json.dumps({"cluster": cluster_spec, "task": {"type": kind, "index": index}, "environment": "cloud"})
    found = cluster.found({"TF_CONFIG": text})
    assert found.addresses == (*cluster_spec.get("chief", ()), "a:1", "b:1")
    assert (found.number, found.chief) == (number, number == 0)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "it is no JSON"),
        ("[]", "it names no workers"),
        ('{"cluster": {"worker": []}}', "it names no workers"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "no list of host:port"),
        ('{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}', "no list of host:port"),
        ('{"cluster": {"worker": ["a:1"]}}', "its task is none of the cluster: null"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "this process is number 1"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "chief", "index": 0}}', "its task is none of the cluster"),
        ('{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 0}}', "the address a:1"),
        ('{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "ps", "index": 0}}', "parameter servers"),
        (
            '{"cluster": {"worker": ["a:1"], "evaluator": ["b:1"]}, "task": {"type": "evaluator", "index": 0}}',
            "this process is its evaluator",
        ),
    ],
)
def test_a_broken_tf_config_is_said_in_one_line(text, why, monkeypatch, capfd):
    monkeypatch.setenv("TF_CONFIG", text)
    assert main(["train", "gan", "--workers", "auto"]) == 2
    said = capfd.readouterr().err
    assert why in said
    assert said.startswith("kerasgan: TF_CONFIG cannot be used")
    assert said.count("\n") == 1


def test_workers_that_nothing_names_are_said_in_one_line(monkeypatch, capfd):
    for name in ("TF_CONFIG", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    assert main(["train", "gan", "--workers", "auto"]) == 2
    assert "found neither TF_CONFIG nor" in capfd.readouterr().err


SLURM = {
    "SLURM_JOB_ID": "7",
    "SLURM_PROCID": "2",
    "SLURM_STEP_NODELIST": "n[1-2,10]",
    "SLURM_STEP_TASKS_PER_NODE": "2(x2),1",
    "SLURMD_NODENAME": "n2",
}


def test_slurm_names_the_workers_in_its_own_order():
    environment = dict(SLURM)
    found = cluster.found(environment)
    hosts = [address.rpartition(":")[0] for address in found.addresses]
    assert hosts == ["n1", "n1", "n2", "n2", "n10"]
    assert len(set(found.addresses)) == 5
    assert found.number == 2
    assert cluster.found(environment) == found  # by the TF_CONFIG that it was made to
    another = cluster.found({**SLURM, "SLURM_JOB_ID": "8"})
    assert not set(another.addresses) & set(found.addresses)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"SLURM_STEP_NODELIST": None}, "it lacks SLURM_STEP_NODELIST"),
        ({"SLURM_STEP_TASKS_PER_NODE": "x"}, "Invalid tasks-per-node"),
        ({"SLURMD_NODENAME": "n1"}, "--distribution=block"),
    ],
)
def test_what_is_no_job_step_of_slurm_is_said(change, why):
    environment = {name: value for name, value in {**SLURM, **change}.items() if value is not None}
    with pytest.raises(UserError, match=why):
        cluster.found(environment)


# ---- their shares of the data ---------------------------------------------------------------------------------------


class Counted(np.ndarray):
    """An array that knows which of its rows were read."""

    def __getitem__(self, key):
        if isinstance(key, np.ndarray):
            self.read.update(key.tolist())
        return np.asarray(self)[key]


@pytest.mark.parametrize("key", ["gan", "sgan", "pix2pix", "cyclegan", "srgan"])
def test_shares_make_up_the_batches_of_one_process_and_nothing_else_is_read(key):
    batches = small_batches(key, batch_size=6, examples=36)
    batches.mirror = True
    whole = np_batches(batches.stream(lambda: 2, 2), 4)
    for column in (columns := [column.view(Counted) for column in batches.columns]):
        column.read = set()
    batches.columns = tuple(columns)
    shares = [np_batches(batches.stream(lambda: 2, 2, [share], 3), 4) for share in range(3)]
    for i, batch in enumerate(whole):
        for part, column in enumerate(batch):
            minibatches = [np.split(share[i][part], 2) for share in shares]  # the same place in each minibatch
            again = np.concatenate([share[minibatch] for minibatch in range(2) for share in minibatches])
            np.testing.assert_array_equal(again, column)
    columns[0].read.clear()
    one_after_the_other = np_batches(batches.stream(lambda: 2, 2, [1, 2], 3), 2)
    for part in range(len(whole[0])):
        np.testing.assert_array_equal(one_after_the_other[0][part], shares[1][0][part])
        np.testing.assert_array_equal(one_after_the_other[1][part], shares[2][0][part])


def np_batches(stream, n):
    return [tuple(np.asarray(c) for c in (b if isinstance(b, tuple) else (b,))) for b in stream.take(n)]


def test_a_share_reads_its_own_rows_alone():
    rows = np.arange(12, dtype=np.uint8)[:, None, None, None] * np.ones((1, 8, 8, 1), np.uint8)
    batches = Batches((rows.view(Counted),), "images", 4)
    batches.columns[0].read = read = set()
    generators = [batches._numpy_batches(0, 1, [share], 2) for share in range(2)]
    for _ in range(3):  # an epoch
        next(generators[0])
    first = set(read)
    read.clear()
    for _ in range(3):
        next(generators[1])
    assert len(first) == len(read) == 6
    assert not first & read


# ---- together -------------------------------------------------------------------------------------------------------


def test_another_process_holds_a_run_for_a_moment_only_while_it_looks(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    held = run_folder.lock(tmp_path)
    with pytest.raises(UserError, match="is being trained already"):
        run_folder.check_resumable(tmp_path)
    held.release()
    run_folder.check_resumable(tmp_path)


def test_two_workers_train_as_one_process_and_go_on_when_one_was_killed(tmp_path):
    processes = several.start([["-m", "as_worker", "train", "dcgan"]] * 2, tmp_path)
    one = small_model("dcgan", small.SHAPE)
    one.fit(small_batches("dcgan", small.SHAPE), epochs=1, verbose=0)
    several.check_trained(tmp_path, several.ended(processes, SECONDS))
    assert several.difference(tmp_path, one) <= 1e-5
    processes = several.start([["-m", "as_worker", "resume", "dcgan"]] * 2, tmp_path, "resumed")
    several.check_resumed(tmp_path, several.ended(processes, SECONDS))
