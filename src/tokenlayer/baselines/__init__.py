"""Linear classifiers without a budget of tokens, to compare with: scikit-learn on all words and pairs of words."""
