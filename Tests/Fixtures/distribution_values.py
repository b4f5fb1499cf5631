"""Densities, moments and divergences by torch.distributions, in double precision, as a Swift file.

    python Tests/Fixtures/distribution_values.py > Tests/EmberDistributionsTests/DistributionValues.swift
"""

import torch
import torch.distributions as d

torch.set_default_dtype(torch.float64)

# Class, parameters (each a batch), values.
CASES = [
    ("Normal", [[0.0, -1.5, 30.0], [1.0, 0.25, 7.0]], [0.3, -1.0, 12.0]),
    ("LogNormal", [[0.0, -0.5, 1.0], [1.0, 0.25, 0.5]], [0.3, 1.5, 12.0]),
    ("HalfNormal", [[1.0, 0.25, 7.0]], [0.3, 0.9, 12.0]),
    ("Uniform", [[0.0, -2.0, 5.0], [1.0, 3.0, 5.5]], [0.3, -1.0, 5.25]),
    ("Laplace", [[0.0, -1.5, 3.0], [1.0, 0.25, 7.0]], [0.3, -1.0, -12.0]),
    ("Exponential", [[1.0, 0.25, 7.0]], [0.3, 9.0, 0.01]),
    ("Gumbel", [[0.0, -1.5, 3.0], [1.0, 0.25, 7.0]], [0.3, -1.0, -2.0]),
    ("Cauchy", [[0.0, -1.5, 3.0], [1.0, 0.25, 7.0]], [0.3, -1.0, 120.0]),
    ("Gamma", [[1.0, 0.25, 7.0], [1.0, 3.0, 0.5]], [0.3, 0.01, 12.0]),
    ("Beta", [[1.0, 0.25, 7.0], [1.0, 3.0, 0.5]], [0.3, 0.01, 0.9]),
    ("Dirichlet", [[1.0, 0.25, 7.0], [1.0, 3.0, 0.5]], [0.3, 0.1, 0.6]),
    ("StudentT", [[1.0, 1.5, 7.0], [1.0, 3.0, 0.5], [0.5, 1.0, 2.0]], [0.3, 0.01, 12.0]),
    ("Bernoulli", [[0.3, 0.999, 0.5]], [1.0, 0.0, 1.0]),
    ("Bernoulli logits", [[-2.0, 0.0, 30.0]], [1.0, 0.0, 1.0]),
    ("Geometric", [[0.3, 0.9, 0.5]], [4.0, 0.0, 1.0]),
    ("Categorical", [[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]], [1.0, 2.0]),
    ("Categorical logits", [[-1.0, 3.0, 0.5], [0.0, 0.0, 0.1]], [1.0, 2.0]),
]
# Two batches of parameters each.
PAIRS = [
    ("Normal", [[0.0, 2.0], [1.0, 0.5]], "Normal", [[0.5, -1.0], [2.0, 3.0]]),
    ("LogNormal", [[0.0, 1.0], [1.0, 0.5]], "LogNormal", [[0.5, -1.0], [2.0, 3.0]]),
    ("HalfNormal", [[1.0, 0.5]], "HalfNormal", [[2.0, 0.3]]),
    ("Uniform", [[0.0, 2.0], [1.0, 3.5]], "Uniform", [[-0.5, 1.0], [2.0, 3.0]]),
    ("Laplace", [[0.0, 2.0], [1.0, 0.5]], "Laplace", [[0.5, -1.0], [2.0, 3.0]]),
    ("Exponential", [[1.0, 0.5]], "Exponential", [[2.0, 0.3]]),
    ("Gumbel", [[0.0, 2.0], [1.0, 0.5]], "Gumbel", [[0.5, -1.0], [2.0, 3.0]]),
    ("Cauchy", [[0.0, 2.0], [1.0, 0.5]], "Cauchy", [[0.5, -1.0], [2.0, 3.0]]),
    ("Gamma", [[1.0, 0.5], [2.0, 3.0]], "Gamma", [[2.0, 0.3], [1.0, 5.0]]),
    ("Beta", [[1.0, 0.5], [2.0, 3.0]], "Beta", [[2.0, 0.3], [1.0, 5.0]]),
    ("Dirichlet", [[1.0, 0.5], [2.0, 3.0]], "Dirichlet", [[2.0, 0.3], [1.0, 5.0]]),
    ("Bernoulli", [[0.3, 0.0]], "Bernoulli", [[0.6, 0.2]]),
    ("Geometric", [[0.3, 0.9]], "Geometric", [[0.6, 0.2]]),
    ("Categorical", [[0.2, 0.5, 0.3], [0.7, 0.0, 0.3]], "Categorical", [[0.1, 0.1, 0.8], [0.2, 0.3, 0.5]]),
    ("Uniform", [[0.0, 2.0], [1.0, 3.5]], "Normal", [[0.5, -1.0], [2.0, 3.0]]),
    ("Uniform", [[0.0, 2.0], [1.0, 3.5]], "Exponential", [[0.5, 1.0]]),
    ("Uniform", [[0.0, 2.0], [1.0, 3.5]], "Gumbel", [[0.5, -1.0], [2.0, 3.0]]),
    ("Exponential", [[1.0, 0.5]], "Normal", [[0.5, -1.0], [2.0, 3.0]]),
    ("Exponential", [[1.0, 0.5]], "Gumbel", [[0.5, -1.0], [2.0, 3.0]]),
    ("Laplace", [[0.0, 2.0], [1.0, 0.5]], "Normal", [[0.5, -1.0], [2.0, 3.0]]),
    ("Normal", [[0.0, 2.0], [1.0, 0.5]], "Laplace", [[0.5, -1.0], [2.0, 3.0]]),
    ("Normal", [[0.0, 2.0], [1.0, 0.5]], "Gumbel", [[0.5, -1.0], [2.0, 3.0]]),
    ("Gumbel", [[0.0, 2.0], [1.0, 0.5]], "Normal", [[0.5, -1.0], [2.0, 3.0]]),
    ("Normal", [[0.0, 2.0], [1.0, 0.5]], "Uniform", [[0.5, -1.0], [2.0, 3.0]]),
    ("Exponential", [[1.0, 0.5]], "Uniform", [[0.5, -1.0], [2.0, 3.0]]),
]


def make(name, parameters):
    tensors = [torch.tensor(parameter) for parameter in parameters]
    kind, _, form = name.partition(" ")
    if kind in ("Categorical", "Dirichlet"):
        tensors = [torch.stack(tensors)]
    return getattr(d, kind)(logits=tensors[0]) if form else getattr(d, kind)(*tensors)


def number(x):
    return {float("inf"): ".infinity", float("-inf"): "-.infinity"}.get(x, ".nan" if x != x else repr(x))


def numbers(tensor):
    items = [number(x) for x in tensor.flatten().tolist()]
    if len(items) <= 4:
        return "[" + ", ".join(items) + "]"
    return "[\n      " + ", ".join(items[:4]) + ",\n      " + ", ".join(items[4:]) + ",\n    ]"


def nested(lists):
    return "[" + ", ".join(numbers(torch.tensor(values)) for values in lists) + "]"


print("// Made by Tests/Fixtures/distribution_values.py with PyTorch " + torch.__version__.split("+")[0] + ".\n")
print("let distributionValues: [DistributionValue] = [")
for name, parameters, values in CASES:
    p, x = make(name, parameters), torch.tensor(values)
    quantiles = torch.tensor([0.1, 0.5, 0.9])
    texts = []
    for function, argument in ((p.cdf, x), (p.icdf, quantiles)):
        try:
            texts.append(numbers(function(argument)))
        except NotImplementedError:
            texts.append("nil")
    cdf, icdf = texts
    print(f'  DistributionValue(\n    name: "{name}", parameters: {nested(parameters)},\n    values: {numbers(x)},')
    print(f"    logProbability: {numbers(p.log_prob(x))},\n    entropy: {numbers(p.entropy())},")
    print(f"    mean: {numbers(p.mean)},\n    variance: {numbers(p.variance)},\n    mode: {numbers(p.mode)},\n    cdf: {cdf},\n    icdf: {icdf}),")
print("]\n\nlet divergenceValues: [DivergenceValue] = [")
for p, p_parameters, q, q_parameters in PAIRS:
    divergence = numbers(d.kl_divergence(make(p, p_parameters), make(q, q_parameters)))
    print(f'  DivergenceValue(\n    p: "{p}", pParameters: {nested(p_parameters)}, q: "{q}", qParameters: {nested(q_parameters)},\n    value: {divergence}),')
print("]")
