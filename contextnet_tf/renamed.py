"""Names that version 0.1 gave to flags, settings and keys of JSON files -> today's names."""

RECIPE = {
    "class_balance": "class_weight_exponent",
    "averaging": "ema_decay",
    "class_uniform": "class_uniform_fraction",
    "hard_below": "ohem_threshold",
    "statistics_batches": "bn_recalibration_batches",
}
# Flags of all programs. Only `precision` had two meanings: see `runs.migration`.
FLAGS = RECIPE | {
    "colours": "color_jitter",
    "whole_pictures": "whole_images",
    "pictures": "images",
    "report_pictures": "report_images",
    "calibration_pictures": "calibration_images",
    "cache_blocking": "tiling",
    "fit": "resize_mode",
}
SETTINGS = {
    "definition": "class_table",
    "training_pictures": "training_images",
    "validation_pictures": "validation_images",
    "picture_names": "image_names",
    "execution": "compute_config",
}
CLASS = {"colour": "color"}  # of a class, in every file that lists classes
CLASS_TABLE = CLASS | {"picture_size": "image_size"}  # of classes.json
DATASET = {"pictures": "images", "definition": "class_table"}
IMAGES = {"pictures": "images", "label_agreement": "label_parity", "calibration_pictures": "calibration_images"}
METADATA = DATASET | {"picture": "image", "calibration_pictures": "calibration_images"}  # beside an exported file
