"""Problems of choosing features, and slow, exact solutions of them."""

import itertools

import numpy as np

from tokenlayer.selection.linear import Features, Floats, Linear, probabilities


def features_of(X: Floats) -> Features:
    rows = [np.flatnonzero(column).astype(np.int32) for column in X.T]
    bounds = np.concatenate([[0], np.cumsum([len(texts) for texts in rows])])
    return Features.of(np.concatenate(rows), bounds, len(X))


def problem(n: int = 300, P: int = 12, outputs: int = 1, seed: int = 0, soft: bool = False) -> tuple[Floats, Floats]:
    """Presence (n, P) of frequent and rare features, and targets that some of them decide."""
    random = np.random.default_rng(seed)
    X = (random.random((n, P)) < random.uniform(0.05, 0.6, P)).astype(np.float64)
    logits = X @ (random.normal(0, 2, (P, outputs)) * (random.random((P, 1)) < 0.6)) - 1.0
    p = probabilities(logits)
    if soft:
        return X, p
    if outputs == 1:
        return X, (random.random((n, 1)) < p).astype(np.float64)
    return X, np.eye(outputs)[[random.choice(outputs, p=row) for row in p]]


def objective(model: Linear, X: Floats, targets: Floats, penalty: float) -> float:
    """Mean cross-entropy and ridge, written down once more."""
    p = probabilities(X @ model.weights + model.bias)
    if targets.shape[1] == 1:
        loss = -(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum(1).mean()
    else:
        loss = -(targets * np.log(p)).sum(1).mean()
    return float(loss + penalty / 2 * (X.var(0)[:, None] * model.weights**2).sum())


def exact(X: Floats, targets: Floats, penalty: float) -> Linear:
    """Newton's method on all numbers at once, in float64, with derivatives by the formula."""
    outputs, P = targets.shape[1], X.shape[1]
    Z = np.column_stack([X, np.ones(len(X))])
    ridge = penalty * np.append(X.var(0), 1e-10)

    def parts(flat: Floats) -> tuple[Floats, Floats]:
        W = flat.reshape(P + 1, outputs)
        p = probabilities(Z @ W)
        slope = Z.T @ (p - targets) / len(X) + ridge[:, None] * W
        H = np.zeros((P + 1, outputs, P + 1, outputs))
        for a, b in itertools.product(range(outputs), repeat=2):
            weight = p[:, a] * ((a == b) - p[:, b])
            H[:, a, :, b] = Z.T @ (Z * weight[:, None]) / len(X)
            if a == b:
                H[:, a, :, b] += np.diag(ridge)
        return slope.ravel(), H.reshape((P + 1) * outputs, -1)

    W = np.zeros((P + 1) * outputs)
    for _ in range(50):
        slope, H = parts(W)
        if np.abs(slope).max() < 1e-12:
            break
        W -= np.linalg.lstsq(H, slope, rcond=None)[0]
    assert np.abs(parts(W)[0]).max() < 1e-10
    weights = W.reshape(P + 1, outputs)
    return Linear(weights[:-1], weights[-1])
