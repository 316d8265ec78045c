"""A network as a list of plain operations, from which networks of other libraries are built."""
