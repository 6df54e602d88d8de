"""A folder's runs and studies in a browser, live while they run."""
