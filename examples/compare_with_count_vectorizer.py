"""Learned tokens beside as many n-grams that CountVectorizer and SelectKBest choose, on a table of one's own.

    python examples/compare_with_count_vectorizer.py [TABLE.csv TEXT_COLUMN LABEL_COLUMN [N_TOKENS]]

Without a table, on texts that the script makes.
"""

import random
import sys

import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from tokenlayer import TokenClassifier, TokenSelector


def made_texts() -> pd.DataFrame:
    draw = random.Random(0)
    names = ["".join(draw.choices("abdeiklmnorst", k=6)) for _ in range(60)]
    moods = {"good": ("warm", "witty", "brisk", "not dull"), "bad": ("dull", "flat", "stale", "not warm")}
    rows = [
        (" ".join(draw.choices(names, k=9) + draw.choices(moods[label], k=2)), label)
        for label in moods
        for _ in range(150)
    ]
    return pd.DataFrame(rows, columns=["text", "label"])


_, *given = sys.argv
table = pd.read_csv(given[0]).dropna(subset=given[1:3]) if given else made_texts()
texts, labels = (table[column] for column in (given[1:3] or ("text", "label")))
n_tokens = int(given[3]) if len(given) > 3 else 20

ngrams = CountVectorizer(analyzer="char", ngram_range=(3, 8), min_df=3, binary=True)
models = {
    "TokenClassifier": TokenClassifier(n_tokens),
    "TokenSelector, logistic regression": make_pipeline(TokenSelector(n_tokens, binary=True), LogisticRegression()),
    "CountVectorizer, SelectKBest, the same": make_pipeline(
        ngrams, SelectKBest(chi2, k=n_tokens), LogisticRegression()
    ),
}
for name, model in models.items():
    print(f"{name:40} accuracy {cross_val_score(model, texts, labels, cv=3).mean():.3f} with {n_tokens} tokens")
print(models["TokenClassifier"].fit(texts, labels).tokens_)
