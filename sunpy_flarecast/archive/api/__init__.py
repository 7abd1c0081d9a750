"""The REST interface: parameters, replies, files, errors and the OpenAPI document."""
