"""From a query to records: windows, selection, filtering by keywords, and missing records."""
