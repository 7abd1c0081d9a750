"""Download the files of a table: plan, transfers, verification and report."""
