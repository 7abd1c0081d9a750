"""The pages for people: the front page and Swagger UI."""
