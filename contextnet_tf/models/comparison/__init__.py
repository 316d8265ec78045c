"""The networks that the paper compares with ContextNet (Tables 6 and 7), each built from its own paper.

All have ContextNet's inputs and outputs: images in 0 to 1, logits at image size. Where an original subtracts the mean
of its images, the first batch normalization compensates here (except for zero padding at the border). No network has
pre-trained weights. A 3x3 convolution of stride 2 pads at the right and bottom, as everywhere in this package; the
originals pad at the left and top, which shifts the receptive field by one pixel.
"""
