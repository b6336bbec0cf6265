"""The API of Ironic, below ``/v1``: its words, its versions, its errors."""
