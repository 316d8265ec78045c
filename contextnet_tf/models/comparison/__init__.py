"""The systems that the paper compares ContextNet with (Tables 6 and 7), each built from its own paper.

All have ContextNet's inputs and outputs: images in 0 to 1, logits at the image's size. Where an original
subtracts the mean of its images, the first batch normalization does it here (but for what zero padding
adds at the border). No network has pre-trained weights. At a stride of 2, a 3x3 convolution reaches beyond
the right and lower border, as everywhere in this package; in the originals it is the left and upper one,
which moves what it sees by one pixel.
"""
