"""What images can be made into: the tasks, what each makes, and their options. Nothing here imports TensorFlow."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from kerasgan import class_names
from kerasgan.errors import UserError, nearest

# Each task, and what its batches hold: what the model `takes`.
TASKS = {
    "images": "images",
    "one_class": "images",
    "labelled": "labelled",
    "partly_labelled": "partly_labelled",
    "pairs": "pairs",
    "colouring": "pairs",
    "edges": "pairs",
    "super_resolution": "pairs",
    "completion": "pairs",
    "denoising": "pairs",
    "domains": "domains",
}


@dataclasses.dataclass(frozen=True)
class Option:
    """A setting of one task: None stands for what the data says, or has to be given."""

    task: str
    default: Any
    meaning: str


OPTIONS = {
    "labels": Option("partly_labelled", 100, "how many images keep their label"),
    "normal": Option("one_class", None, "labels of the normal images, the only ones to train on: 3, 0,1,2 or cat,dog"),
    "domain_labels": Option("domains", None, "make the two domains of the images with these labels: 3,8 or cat,dog"),
    "scale": Option("super_resolution", 4, "how many times smaller the source is"),
    "noise": Option("denoising", 0.5, "standard deviation of the noise, of images in [-1, 1]"),
}


def chosen(takes: str | None, task: str | None) -> str:
    """Return the task: `task`, or the one of the same name as what the model takes.

    Raises UserError for a task that there is not, or that makes something else than the model takes.
    """
    if takes is not None and takes not in TASKS.values():
        kinds = list(dict.fromkeys(TASKS.values()))
        raise UserError(f"No model takes {takes}{nearest(takes, kinds)}: choose from {', '.join(kinds)}.")
    task = task or takes or "images"
    if task not in TASKS:
        raise UserError(f"There is no task {task}{nearest(task, TASKS)}: choose from {', '.join(TASKS)}.")
    if takes not in (None, TASKS[task]):
        fitting = ", ".join(fit(takes))
        raise UserError(f"This model takes {takes}, and {task} makes {TASKS[task]}: choose a task from {fitting}.")
    return task


def fit(takes: str) -> list[str]:
    """Return the tasks that make what a model takes."""
    return [task for task, makes in TASKS.items() if makes == takes]


def options_of(task: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return all options of a task, those not given at their defaults.

    Raises UserError for one that the task does not have, or a value that it cannot have.
    """
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in OPTIONS:
            raise UserError(f"Data has no option {name}{nearest(name, OPTIONS)}.")
        if OPTIONS[name].task != task:
            option = f"--{name.replace('_', '-')}"
            raise UserError(f"{option} belongs to task {OPTIONS[name].task}; this is {task}: leave it out.")
    values = {name: given.get(name, option.default) for name, option in OPTIONS.items() if option.task == task}
    _check(**values)
    return values


def _check(labels=1, normal=None, domain_labels=None, scale=2, noise=1.0):
    if labels < 1:
        raise UserError(f"--labels {labels} leaves no label to learn from: give at least 1.")
    if scale < 2 or scale != int(scale):
        raise UserError(f"--scale {scale} makes nothing smaller: give a whole number from 2.")
    if not (math.isfinite(noise) and noise > 0):
        raise UserError(f"--noise {noise} is no noise: give a number above 0.")
    if domain_labels is None:
        return
    labels = [str(label) for label in class_names.listed(domain_labels)]
    if len(set(labels)) != 2:
        given = domain_labels if isinstance(domain_labels, str) else ",".join(labels)
        quoted = """; a name with a comma is quoted, like '"black, white",dog'""" if len(labels) > 2 else ""
        raise UserError(
            f"--domain-labels {given} does not name two domains: give two different labels, like 3,8{quoted}."
        )
