"""What a user writes in a query, and what it means. No I/O."""
