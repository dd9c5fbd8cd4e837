"""Films: what is written is what a player shows."""

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from kerasgan import images


def grey(values, shape):
    return [np.full(shape, value, np.uint8) for value in values]


@pytest.mark.parametrize("shape", [(29, 31, 1), (16, 16, 3), (16, 17, 4)], ids=str)
def test_an_mp4_has_every_picture_in_turn_with_even_sides(shape, tmp_path):
    values = [0, 80, 160, 240]
    images.write_mp4(tmp_path / "film.mp4", grey(values, shape), seconds=1)
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "film.mp4"))
    about = next(reader)
    width, height = about["size"]
    assert (height, width) == (shape[0] + shape[0] % 2, shape[1] + shape[1] % 2)
    assert (about["codec"], about["pix_fmt"].partition("(")[0]) == ("h264", "yuv420p")
    assert about["duration"] == pytest.approx(1, abs=0.01)
    frames = [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]
    assert len(frames) == len(values)
    for frame, value in zip(frames, values, strict=True):
        assert np.abs(frame.astype(int) - value).max() <= 4
    assert [p.name for p in tmp_path.iterdir()] == ["film.mp4"]


def test_a_gif_shows_every_picture_and_holds_the_last(tmp_path):
    pictures = grey([0, 80, 240], (9, 7, 1))
    images.write_gif(tmp_path / "film.gif", pictures, seconds=0.3, hold=1)
    with Image.open(tmp_path / "film.gif") as film:
        durations = []
        for i in range(film.n_frames):
            film.seek(i)
            durations.append(film.info["duration"])
            np.testing.assert_array_equal(np.asarray(film.convert("L")), pictures[i][..., 0])
    assert durations == [100, 100, 1100]
