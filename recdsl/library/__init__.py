"""The standard library, written in RDL."""
