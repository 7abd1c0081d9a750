"""Data sets for flare forecasting: images, keywords, labels and splits of the records of a query, in one folder."""
