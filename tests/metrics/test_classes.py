"""What a classifier says: closed forms."""

import numpy as np
import pytest

from kerasgan import metrics
from kerasgan.errors import UserError


def test_class_score_is_1_for_one_class_and_the_number_of_classes_for_all():
    sure = 100 * np.eye(10)
    assert metrics.class_score(sure) == pytest.approx(10)
    assert metrics.class_score(sure[[3, 3, 3]]) == pytest.approx(1)
    assert metrics.class_score(np.zeros((5, 10))) == pytest.approx(1)
    assert metrics.class_score(sure[[0, 0, 1, 1]]) == pytest.approx(2)


def test_class_shares_and_accuracy():
    logits = np.eye(4)[[0, 0, 3, 1]]
    assert metrics.class_shares(logits).tolist() == [0.5, 0.25, 0, 0.25]
    assert metrics.accuracy(logits, [0, 1, 3, 1]) == 0.75


def test_probabilities_do_not_overflow():
    p = metrics.probabilities(np.array([[1e4, 0.0], [-1e4, -1e4]]))
    np.testing.assert_allclose(p, [[1, 0], [0.5, 0.5]])


def test_auc_is_the_share_of_pairs_in_order():
    assert metrics.auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1]) == pytest.approx(3 / 4)
    with pytest.raises(UserError, match="all 2 are of one kind"):
        metrics.auc([0.1, 0.2], [1, 1])
