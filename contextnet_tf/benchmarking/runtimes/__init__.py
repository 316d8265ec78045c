"""Runtimes for the same network, each measured from a uint8 image to uint8 labels.

A runtime is a class with the interface `runtime.Runtime` and an entry in `registry.RUNTIMES`.
"""
