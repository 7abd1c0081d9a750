"""Synthetic SHARPs, calculated when they are asked for."""
