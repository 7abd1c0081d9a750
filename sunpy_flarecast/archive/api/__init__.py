"""From a request to its answer: parameters, replies, files, errors, the OpenAPI document."""
