"""A trained model put to use: from Python, on tables of any length, and its tokens read back."""
