"""From a query to records: windows, selection, keyword filters, what is missing."""
