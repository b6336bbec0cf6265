"""The page: what people see of their fleet in a browser, as files that are served as they are."""
