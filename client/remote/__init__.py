"""The client for podium-api over HTTP, without the database and its libraries."""
