"""What every request passes through: tokens, limits, log, metrics."""
