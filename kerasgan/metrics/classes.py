"""What a classifier says of images: score, shares, agreement with the labels that were asked for; and AUC."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score

from kerasgan.errors import UserError


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Return the softmax of logits[n, class], in float64."""
    logits = np.asarray(logits, np.float64)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def class_score(logits: np.ndarray) -> float:
    """Return exp of the mean KL divergence of p(class | image) from p(class): from 1 to the number of classes.

    logits: [n, class], of one classifier for all images

    Called Inception score where the classifier is Inception on ImageNet, and only there. It knows nothing of real
    images, and does not see that each class is always the same image. Salimans et al. 2016, section 4.
    """
    p = probabilities(logits)
    marginal = p.mean(axis=0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0) - np.log(
        marginal, out=np.zeros_like(marginal), where=marginal > 0
    )
    return float(np.exp((p * logs).sum(axis=1).mean()))


def class_shares(logits: np.ndarray) -> np.ndarray:
    """Return the share of images that is taken for each class, float64 [class], which sums up to 1."""
    logits = np.asarray(logits)
    return np.bincount(logits.argmax(axis=1), minlength=logits.shape[1]) / len(logits)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of images whose most probable class is their label."""
    return float((np.asarray(logits).argmax(axis=1) == np.asarray(labels)).mean())


def auc(scores: np.ndarray, anomalies: np.ndarray) -> float:
    """Return the area under the ROC curve: the chance that an anomaly has a higher score than a normal image.

    scores: [n], the higher the stranger; anomalies: [n], 1 or True for an anomaly
    Raises UserError unless there are both.
    """
    anomalies = np.asarray(anomalies).astype(bool)
    if anomalies.all() or not anomalies.any():
        raise UserError(f"An AUC takes normal images and anomalies; all {len(anomalies)} are of one kind.")
    return float(roc_auc_score(anomalies, scores))
