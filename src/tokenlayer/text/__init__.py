"""Characters ↔ integer codes, and the cleaning that comes before."""
