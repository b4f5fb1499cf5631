"""Archives of torch.jit.save, and values of tensors, as the fixtures beside keep them."""

import io
import zipfile

import torch


def saved(module):
    """The bytes of a module's archive."""
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    return buffer.getvalue()


def slim(archive):
    """The same archive without what debuggers read."""
    source, result = zipfile.ZipFile(io.BytesIO(archive)), io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as copy:
        for entry in source.namelist():
            if not entry.endswith(".debug_pkl") and not entry.endswith("/version") and "/.data/" not in entry:
                copy.writestr(zipfile.ZipInfo(entry, (2026, 1, 1, 0, 0, 0)), source.read(entry))
    return result.getvalue()


def write(modules, path):
    """torch.save's file of a dictionary, deflated."""
    buffer = io.BytesIO()
    torch.save(modules, buffer, pickle_protocol=4)
    with zipfile.ZipFile(path, "w") as archive:
        source = zipfile.ZipFile(buffer)
        for entry in source.namelist():
            if "/.data/" not in entry:
                archive.writestr(zipfile.ZipInfo(entry, (2026, 1, 1, 0, 0, 0)), source.read(entry), zipfile.ZIP_DEFLATED, 9)
    print(f"{path.name}: {len(modules)} modules, {path.stat().st_size} bytes")


def copied(value):
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, (list, tuple)):
        return type(value)(copied(v) for v in value)
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    return value


def plained(value):
    """Without classes of its own."""
    if isinstance(value, torch.Tensor):
        return value.detach().clone()
    if isinstance(value, tuple):
        return tuple(plained(v) for v in value)
    if isinstance(value, list):
        return [plained(v) for v in value]
    if isinstance(value, dict):
        return {k: plained(v) for k, v in value.items()}
    return value
