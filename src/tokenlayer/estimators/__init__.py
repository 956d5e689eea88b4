"""scikit-learn estimators of texts: tokens that a classifier is trained with, as features or as the classifier."""
