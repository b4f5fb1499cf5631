#!/usr/bin/env python3
"""Writes ../torchscript-graphs.pt: networks of scripts/side-by-side/networks.py, scripted, traced and frozen, with what they return at two batch sizes.

    $(scripts/pytorch) Tests/Fixtures/torchscript/make_graphs.py

The form is that of ../torchscript.pt (see make.py); a module has besides the dimensions that its ONNX file leaves open, and a part of the message
where no graph can stand for it.
"""

import pathlib
import sys
import warnings

import torch

from archives import copied, plained, saved, slim, write

ROOT = pathlib.Path(__file__).parents[3]
sys.path.append(str(ROOT / "scripts" / "side-by-side"))
import networks  # noqa: E402

warnings.filterwarnings("ignore")
FORMS = {
    "tagger": ("traced",), "gated": ("traced",), "encoder": ("traced-no-grad",), "rotary": ("frozen",),
    "unet": ("scripted",), "writes": ("scripted", "traced"), "annotated": ("scripted",), "dispatch": ("scripted",), "half": ("scripted",),
    "decides": ("scripted",), "keeps": ("scripted",),
}


def main():
    known, modules = networks.all_networks(), {}
    for name, forms in FORMS.items():
        network = known[name]
        torch.manual_seed(3)
        model = network.make().eval()
        # Weights that deflate well.
        with torch.no_grad():
            for tensor in [*model.parameters(), *model.buffers()]:
                tensor.copy_((tensor * 8).round() / 8)
        for form in forms:
            compiled = networks.compiled(model, network, form)
            calls = []
            archive = saved(compiled)
            for batch in (2, 5) if network.has_batch else (2,):
                arguments = network.inputs(batch)
                with torch.no_grad():
                    calls.append({"method": "forward", "arguments": copied(arguments), "result": plained(compiled(*copied(arguments)))})
            modules[f"{name}-{form}"] = {
                "archive": slim(archive), "calls": calls, "dynamic": list(network.dynamic), "refusal": network.refusal}
    write(modules, ROOT / "Tests" / "Fixtures" / "torchscript-graphs.pt")


main()
