"""SunPy Fido client for SDO/HMI SHARP data from FLARECAST services, and such a service."""

__version__ = "0.1.0"
