"""A network as a list of plain operations, for building the same network in other libraries."""
