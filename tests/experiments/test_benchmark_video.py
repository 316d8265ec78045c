"""What predict costs beside the network: that every part is measured and said, not how fast it is."""

import pytest
from absl import flags
from test_predict_videos import exported_dir  # noqa: F401
from videos import gray_frame, write_video

from contextnet_tf.errors import InputError
from experiments import benchmark_video
from experiments.benchmark_video import Cost


def test_every_part_of_the_job_is_measured(exported_dir, tmp_path):  # noqa: F811
    write_video(tmp_path / "drive.avi", [gray_frame(20 * i) for i in range(6)])
    settings = {"checkpoint": str(exported_dir / "export" / "model.tflite"), "video": str(tmp_path / "drive.avi")}
    taken = benchmark_video.run(**settings, video_frames=3, workers=2, rounds=2)
    assert tuple(taken) == benchmark_video.PARTS
    assert all(len(costs) == 2 and min(map(min, costs)) > 0 for costs in taken.values())
    with pytest.raises(InputError, match="drive.avi: has only 6 frame\\(s\\); set `video_frames=6`"):
        benchmark_video.run(**settings, video_frames=7)


def test_a_video_of_one_frame_is_measured_as_its_error_says(exported_dir, tmp_path):  # noqa: F811
    write_video(tmp_path / "one.avi", [gray_frame(20)])
    settings = {"checkpoint": str(exported_dir / "export" / "model.tflite"), "video": str(tmp_path / "one.avi")}
    with pytest.raises(InputError, match="set `video_frames=1`"):
        benchmark_video.run(**settings, video_frames=2)
    assert flags.FLAGS["video_frames"].parser.parse("1") == 1
    assert set(benchmark_video.run(**settings, video_frames=1, rounds=1)) == set(benchmark_video.PARTS)


def test_table_by_hand():
    taken = {name: [Cost(10.0, 20.0), Cost(20.0, 40.0), Cost(30.0, 60.0)] for name in benchmark_video.PARTS}
    # Shares of 0.5, 0.8 and 0.75; by processor time of 0.8, 0.5 and 0.6.
    taken["whole job"] = [Cost(20.0, 25.0), Cost(25.0, 80.0), Cost(40.0, 100.0)]
    lines = [line.split() for line in benchmark_video.table(taken).splitlines()]
    assert lines[1] == ["stream", "20.0", "50.0", "40.0"]
    assert lines[-1] == ["whole", "job", "25.0", "40.0", "80.0", "0.75", "0.60"]
