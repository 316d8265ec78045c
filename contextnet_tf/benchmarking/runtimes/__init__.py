"""Ways to run one network, each measured from the same uint8 image to the same uint8 labels.

A runtime is one small class with the interface of `runtime.Runtime`, and an entry in `registry.RUNTIMES`.
"""
