"""Saved models."""

import collections
import ctypes
import os

from ._library import Handle, ModelPort, Value, asked, check, library
from ._operators import fill, taken
from ._types import dtype

#: An input or output: `dtype` is None for what is no tensor of numbers, `shape` None where nothing is declared, and an extent None where
#: it may vary.
Port = collections.namedtuple("Port", "name dtype shape is_required")


class Model:
    """A model from an ONNX file.

    `model(x, mask=m)` takes inputs in the model's order or by name, and gives its output, or several under their names.
    Many threads may run one model at once.
    """

    def __init__(self, address):
        self._handle = Handle(address, library.ember_model_release)
        self.inputs = self._ports(library.ember_model_input_count, library.ember_model_input)
        self.outputs = self._ports(library.ember_model_output_count, library.ember_model_output)

    def _ports(self, count_of, describe):
        ports = []
        for i in range(asked(count_of, ctypes.c_size_t, self._handle.address)):
            port = asked(describe, ModelPort, self._handle.address, i)
            sizes = tuple(s if s >= 0 else None for s in port.sizes[: port.rank]) if port.has_sizes else None
            ports.append(Port(port.name.decode(), dtype(port.type) if port.is_tensor else None, sizes, port.is_required))
        return ports

    def run(self, *positional, **named):
        """All outputs in a dictionary. Nothing is recorded for differentiation."""
        keep, count = [], len(positional) + len(named)
        arguments = (Value * max(1, count))()
        for value, argument in zip(arguments, (*positional, *named.values())):
            fill(value, argument, keep)
        for value, name in zip(arguments[len(positional) :], named):
            keep.append(name.encode())
            value.name = keep[-1]
        outputs = (Value * max(1, len(self.outputs)))()
        made = ctypes.c_size_t()
        check(library.ember_model_run(self._handle.address, arguments, count, outputs, len(self.outputs), ctypes.byref(made)))
        try:
            return {port.name: taken(outputs[i]) for i, port in enumerate(self.outputs)}
        finally:
            for i in range(made.value):
                check(library.ember_value_release(ctypes.byref(outputs[i])))

    def __call__(self, *positional, **named):
        outputs = self.run(*positional, **named)
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs

    def __repr__(self):
        return f"Model(inputs={[p.name for p in self.inputs]}, outputs={[p.name for p in self.outputs]})"


def load_model(source):
    """A model from an ONNX file, with what lies beside it; or from its bytes."""
    if isinstance(source, (bytes, bytearray)):
        return Model(asked(library.ember_model_load_data, ctypes.c_void_p, bytes(source), len(source)))
    return Model(asked(library.ember_model_load, ctypes.c_void_p, os.fsencode(source)))
