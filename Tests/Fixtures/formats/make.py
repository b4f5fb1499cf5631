"""Writes the files beside it: checkpoints, pickles, packed weights, recordings and pictures by the libraries that are at home in them.

    python Tests/Fixtures/formats/make.py

Needs torch, numpy, gguf, pyyaml, pillow and soundfile. `expected.json` says of every file what the library reads from it: tensors by name
with dtype, shape and bytes. Pictures have a PNG file of the same name with the pixels as Pillow decodes them.
"""
import json
import pathlib
import pickle
import warnings
import zipfile

import gguf
import numpy as np
import soundfile
import torch
from PIL import Image

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
generator = torch.Generator().manual_seed(8)
expected = {}


def flattened(value, path=""):
    if isinstance(value, torch.Tensor):
        yield path, value.detach()
    elif isinstance(value, np.ndarray):
        yield path, torch.from_numpy(np.ascontiguousarray(value))
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            yield from flattened(item, f"{path}.{i}" if path else str(i))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from flattened(item, f"{path}.{key}" if path else str(key))


def expect(name, value):
    expected[name] = [
        {
            "name": path,
            "dtype": str(tensor.dtype)[6:],
            "shape": list(tensor.shape),
            "bytes": (tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b"").hex(),
        }
        for path, tensor in flattened(value)
    ]


typed = list(torch.storage._dtype_to_storage_type_map())
typed = [t for t in typed if not str(t).startswith(("torch.q", "torch.bits"))]
untyped = [
    torch.uint16, torch.uint32, torch.uint64, torch.complex32, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
]


def samples(dtypes):
    values = {}
    for dtype in dtypes:
        size = torch.empty(0, dtype=dtype).element_size()
        raw = torch.randint(0, 2 if dtype == torch.bool else 256, (6 * size,), dtype=torch.uint8, generator=generator)
        values[str(dtype)[6:]] = raw.view(dtype).reshape(2, 3)
    base = torch.randn(4, 6, generator=generator)
    values |= {"base": base, "row": base[2], "transposed": base.t(), "strided": base[::2, 1::3], "expanded": base[:, :1].expand(4, 5)}
    return values | {"scalar": torch.tensor(2.5), "empty": torch.empty(0, 3), "parameter": torch.nn.Parameter(base[1:3]), "same": base}


def nested(dtypes):
    return {
        "epoch": 3, "model": samples(dtypes), "optimizer": {"state": {0: {"step": torch.tensor(4.0)}}, "betas": (0.9, 0.999)},
        "other": [None, True, 2**70, -1, -(2**40), b"bytes\xff", {1}, 1 + 2j, torch.Size([1, 2]), torch.device("cuda:0"), torch.float16, "ä"],
    }


value = nested(typed + untyped)
torch.save(value, HERE / "zip.pt")
expect("zip.pt", value)
value = nested(typed)
torch.save(value, HERE / "legacy.pt", _use_new_zipfile_serialization=False)
expect("legacy.pt", value)
value = {"a": torch.arange(5, dtype=torch.int32), "b": torch.randn(3, generator=generator, dtype=torch.complex64)}
expect("big-endian.pt", value)
# As a big-endian machine writes it: the numbers' bytes the other way round, and a note that they are.
swapped = {"a": value["a"].numpy().byteswap(), "b": value["b"].numpy().view(np.float32).byteswap().view(np.complex64)}
torch.save({name: torch.from_numpy(array) for name, array in swapped.items()}, HERE / "little.pt")
with zipfile.ZipFile(HERE / "little.pt") as source, zipfile.ZipFile(HERE / "big-endian.pt", "w") as target:
    for name in source.namelist():
        target.writestr(zipfile.ZipInfo(name), b"big" if name.endswith("byteorder") else source.read(name))
(HERE / "little.pt").unlink()


class Inner(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("steps", torch.arange(3))
        self.names = ["a", "b"]
        self.rate = 0.5

    def forward(self, x):
        return x * self.rate + self.steps


class Outer(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 3)
        self.inner = Inner()

    def forward(self, x):
        return self.inner(self.linear(x))


script = torch.jit.script(Outer())
script.save(HERE / "script.pt")
# Without what debuggers read, which has the paths of this machine in it.
with zipfile.ZipFile(HERE / "script.pt") as source:
    entries = [(name, source.read(name)) for name in source.namelist() if not name.endswith(".debug_pkl")]
with zipfile.ZipFile(HERE / "script.pt", "w", zipfile.ZIP_STORED) as copy:
    for name, contents in entries:
        copy.writestr(zipfile.ZipInfo(name), contents)
expect("script.pt", dict(script.state_dict()))

plain = {
    "list": [1, -2, 300, 70000, 2**40, -(2**70), 1.5, float("inf"), None, True, False], "text": ["", "a\n'\"\\", "äß漢🎈", "x" * 300],
    "bytes": [b"", b"\x00\xff", b"y" * 300], "sets": [set(), {1}, frozenset({2})], "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
    "array": np.arange(6, dtype=">i4").reshape(2, 3), "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "bools": np.array([True, False]), "numbers": [np.float32(1.5), np.int64(-3), np.bool_(True)],
}
plain["again"] = plain["text"]
for protocol in range(6):
    (HERE / f"protocol{protocol}.pkl").write_bytes(pickle.dumps(plain, protocol=protocol))

# Packed weights: random bits with scales of a sensible size.
writer = gguf.GGUFWriter(HERE / "packed.gguf", "test")
writer.add_uint8("test.uint8", 200)
writer.add_int8("test.int8", -100)
writer.add_uint16("test.uint16", 60000)
writer.add_int16("test.int16", -30000)
writer.add_int32("test.int32", -2000000000)
writer.add_uint64("test.uint64", 2**64 - 1)
writer.add_int64("test.int64", -(2**60))
writer.add_float32("test.float32", 0.5)
writer.add_float64("test.float64", 0.1)
writer.add_bool("test.bool", True)
writer.add_string("test.string", "Grüße")
writer.add_array("test.ints", [1, 2, -3])
writer.add_array("test.strings", ["a", "", "ü"])
writer.add_array("test.floats", [0.5, 1.5])
writer.add_array("test.bools", [True, False])
packed = {}
numpy_random = np.random.default_rng(8)
for kind, scales in {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}.items():
    kind = gguf.GGMLQuantizationType[kind]
    weights, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = numpy_random.integers(0, 256, (3, 512 // weights, size), dtype=np.uint8)
    for position in scales:
        numbers = numpy_random.normal(0, 0.01, blocks.shape[:2]).astype("<f2")
        blocks[:, :, position : position + 2] = numbers[..., None].view(np.uint8)
    rows = blocks.reshape(3, -1)
    writer.add_tensor(kind.name, rows, raw_dtype=kind)
    packed[kind.name] = torch.from_numpy(gguf.quants.dequantize(rows, kind).copy())
for name, array in {
    "F32": numpy_random.normal(size=(2, 3)).astype(np.float32), "F16": numpy_random.normal(size=(3,)).astype(np.float16),
    "I32": np.arange(4, dtype=np.int32).reshape(2, 2), "I8": np.arange(-2, 3, dtype=np.int8), "F64": np.ones((1, 1, 2)),
}.items():
    writer.add_tensor(name, array)
    packed[name] = torch.from_numpy(array)
half = torch.randn(5, generator=generator).to(torch.bfloat16)
writer.add_tensor("BF16", half.view(torch.uint8).numpy(), raw_dtype=gguf.GGMLQuantizationType.BF16)
packed["BF16"] = half
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
expect("packed.gguf", packed)

sound = np.clip(numpy_random.normal(0, 0.3, (50, 2)), -1, 0.999)
for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"):
    name = f"{subtype.lower()}.wav"
    soundfile.write(HERE / name, sound if subtype != "PCM_24" else sound[:, :1], 16000, subtype=subtype)
    numbers, rate = soundfile.read(HERE / name, dtype="float32", always_2d=True)
    assert rate == 16000
    expect(name, {"samples": np.ascontiguousarray(numbers.T)})
soundfile.write(HERE / "extensible.wav", sound, 44100, subtype="PCM_24", format="WAVEX")
expect("extensible.wav", {"samples": np.ascontiguousarray(soundfile.read(HERE / "extensible.wav", dtype="float32")[0].T)})

y, x = np.mgrid[0:29, 0:37]
picture = np.stack([x * 6, y * 8, (x * y) % 256], -1).astype(np.uint8)
Image.fromarray(picture).save(HERE / "colour.jpg", quality=85)
Image.fromarray(picture).save(HERE / "progressive.jpg", quality=60, progressive=True, subsampling=0)
Image.fromarray(picture[..., 0]).save(HERE / "grey.jpg", quality=90)
Image.fromarray(np.zeros((8, 8, 4), np.uint8), "CMYK").save(HERE / "printing.jpg")
for name in ("colour", "progressive", "grey"):
    Image.open(HERE / f"{name}.jpg").save(HERE / f"{name}.png")

lines = ",\n".join(f' {json.dumps(name)}: [\n  ' + ",\n  ".join(json.dumps(t) for t in tensors) + "\n ]" for name, tensors in expected.items())
(HERE / "expected.json").write_text("{\n" + lines + "\n}\n")
