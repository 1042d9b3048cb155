"""The version of the layer; a constant, because reading package metadata costs 30 ms."""

VERSION = "0.1.0"
