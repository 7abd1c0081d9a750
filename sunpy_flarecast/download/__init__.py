"""From a table to files: the plan, the transfers, their verification, the report."""
