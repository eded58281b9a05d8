"""Random access: any record of a file by its number."""
