#!/usr/bin/env python3
"""Writes ../optimizer-states.pt: states of PyTorch's optimizers after three steps, with what three more steps make of the parameters.

    $(scripts/pytorch) Tests/Fixtures/optimizer-states/make.py
"""

import pathlib

import torch

optim = torch.optim

# Options as PyTorch calls them. The second group, of two parameters, has another learning rate; a schedule has begun; the last parameter has no
# gradient, so no state, until the fourth step.
CASES = {
    "SGD": (optim.SGD, {"lr": 0.1}),
    "SGD-momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    "Adam": (optim.Adam, {"lr": 0.1, "betas": (0.8, 0.99), "amsgrad": True}),
    "AdamW": (optim.AdamW, {"lr": 0.1, "weight_decay": 0.1, "fused": True}),
    "Adamax": (optim.Adamax, {"lr": 0.1}),
    "NAdam": (optim.NAdam, {"lr": 0.1, "decoupled_weight_decay": True, "weight_decay": 0.1}),
    "RAdam": (optim.RAdam, {"lr": 0.1}),
    "Adagrad": (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    "Adadelta": (optim.Adadelta, {"lr": 1.0, "rho": 0.8}),
    "RMSprop": (optim.RMSprop, {"lr": 0.1, "centered": True, "momentum": 0.9}),
    "Rprop": (optim.Rprop, {"lr": 0.1, "etas": (0.4, 1.3)}),
    "ASGD": (optim.ASGD, {"lr": 0.1}),
    "Adafactor": (optim.Adafactor, {"lr": 0.1}),
    "Muon": (optim.Muon, {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw"}),
    "Muon-unclamped": (optim.Muon, {"lr": 0.1, "adjust_lr_fn": "spectral_unclamped"}),
}

generator = torch.Generator().manual_seed(5)


def numbers(*shape):
    return torch.randn(*shape, generator=generator)


def case(kind, options):
    parameters = [torch.nn.Parameter(numbers(*shape)) for shape in ((2, 3), (3, 4), (2, 2))]
    optimizer = kind([{"params": parameters[:1]}, {"params": parameters[1:], "lr": options["lr"] / 2}], **options)
    optim.lr_scheduler.StepLR(optimizer, step_size=100)
    gradients = [[numbers(*p.shape) for p in parameters] for _ in range(6)]

    def steps(some, count):
        for step in some:
            for p, gradient in zip(parameters[:count], step):
                p.grad = gradient.clone()
            optimizer.step()
        return [p.detach().clone() for p in parameters]

    before = steps(gradients[:3], 2)
    # A copy: the next steps write into the same tensors.
    state = {
        "state": {i: {k: v.clone() if torch.is_tensor(v) else v for k, v in s.items()} for i, s in optimizer.state_dict()["state"].items()},
        "param_groups": [dict(group) for group in optimizer.state_dict()["param_groups"]],
    }
    return {"before": before, "state": state, "gradients": gradients[3:], "after": steps(gradients[3:], 3)}


path = pathlib.Path(__file__).resolve().parent.parent / "optimizer-states.pt"
torch.save({name: case(*arguments) for name, arguments in CASES.items()}, path)
print(f"{path.name}: {path.stat().st_size} bytes, {len(CASES)} optimizers")
