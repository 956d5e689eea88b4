"""The layer written out plainly: float64, loops over windows, formulas by hand, nothing of the package.

Shapes: one-hot text X (B, C, L), patterns P (C, K, N), dense output and its gradient U (B, N, L), embedding
E (N, D), gradient of the embedded text g (B, L, D).
"""

import numpy as np

LEAK, BETA = 1 / 6, 2.5


def one_hot(codes, C):
    X = np.zeros((len(codes), C, codes.shape[1]))
    for b, t in np.ndindex(codes.shape):
        if codes[b, t] < C:
            X[b, codes[b, t], t] = 1
    return X


def discretised(P):
    """Ones at each column's maximum (several in a tie); none in a column whose sum is not positive."""
    ones = np.zeros_like(P, dtype=np.float64)
    for k, n in np.ndindex(P.shape[1:]):
        column = P[:, k, n].astype(np.float64)
        if column.sum() > 0:
            ones[:, k, n] = column == column.max()
    return ones


def matches(P, X):
    """(B, N, L): 1 where the convolution reaches the number of ones; past the last window its value is 0."""
    ones = discretised(P)
    value = np.zeros((len(X), P.shape[2], X.shape[2]))
    for t in range(windows(P, X)):
        value[:, :, t] = np.einsum("bck,ckn->bn", X[:, :, t : t + P.shape[1]], ones)
    return (value == ones.sum((0, 1))[:, None]).astype(np.float64)


def windows(P, X):
    return max(X.shape[2] - P.shape[1] + 1, 0)


def sigma(x):
    """z^(-β-1) / ((1 + z^-β (1-z)^β)² (1-z)^(1-β)) inside (0, 1), else 0."""
    scale = np.zeros_like(x, dtype=np.float64)
    inside = (x > 0) & (x < 1)
    z = (1 - LEAK) * x[inside].astype(np.float64) + LEAK
    scale[inside] = z ** (-BETA - 1) / ((1 + z**-BETA * (1 - z) ** BETA) ** 2 * (1 - z) ** (1 - BETA))
    return scale


def grad_patterns(U, P, X):
    grad = np.zeros(P.shape)
    for t in range(windows(P, X)):
        grad += np.einsum("bn,bck->ckn", U[:, :, t], X[:, :, t : t + P.shape[1]])
    return grad * sigma(P)


def grad_text(U, P, X):
    grad = np.zeros(X.shape)
    for t in range(windows(P, X)):
        grad[:, :, t : t + P.shape[1]] += np.einsum("bn,ckn->bck", U[:, :, t], P)
    return grad


def embedded(M, E):
    return np.einsum("bnt,nd->btd", M, E)


def grad_matches(g, E):
    """U, the gradient that the embedding hands on to the dense output."""
    return np.einsum("btd,nd->bnt", g, E)


def grad_embedding(g, M):
    return np.einsum("btd,bnt->nd", g, M)


def moments(x):
    """Mean over everything and population standard deviation of the mean over the batch."""
    return x.mean(), x.mean(0).std()
