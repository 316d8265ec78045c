"""The names of the files in the folder of a run.

The network itself is best.keras: `models.loading.BEST_NETWORK`, since networks import no other part of the library.
"""

SETTINGS = "settings.json"  # all settings that determine the final weights: `run_dir`
RESULT = "result.json"  # the figures, in sections: `results`
HISTORY = "history.jsonl"  # the metrics over the steps: `history`
FLAGS = "flags.txt"  # train's flags, for --flagfile
LOG = "train.log"
EXAMPLES = "examples.json"  # digests of the files that the run was started with: `examples`
CHECKPOINTS = "checkpoints"
TENSORBOARD = "tensorboard"
EXPORT = "export"
SAVED_MODEL = "saved_model"  # in EXPORT
TFLITE = "model.tflite"  # in EXPORT: the file of float32 logits
PREDICTIONS = "predictions"
LABELS = "{}_labels.png"  # in PREDICTIONS, by the name of the image
CONFIDENCE = "{}_confidence.png"  # in PREDICTIONS, by the name of the image
REPORT = "report.html"
