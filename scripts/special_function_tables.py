#!/usr/bin/env python3
"""Writes Sources/CEmberKernels/special_function_tables.h: Chebyshev series of special functions, computed with mpmath.

    python3 scripts/special_function_tables.py > Sources/CEmberKernels/special_function_tables.h

Each series is that of a function without its singularities and its exponential growth, over the interval that the comment
beside it names, cut where the rest is below the last bit of a double.
"""
from mpmath import airyai, airybi, besseli, besselk, cos, erfc, exp, log, mp, mpf, pi, sin, sqrt

mp.dps = 50


def series(function, count=64):
    """Coefficients c such that function(t) = c[0] / 2 + sum c[k] T_k(t), by interpolation at Chebyshev's nodes."""
    angles = [pi * (mpf(2 * j + 1) / (2 * count)) for j in range(count)]
    values = [function(cos(angle)) for angle in angles]
    coefficients = [2 * sum(v * cos(k * a) for v, a in zip(values, angles)) / count for k in range(count)]
    scale = max(abs(c) for c in coefficients)
    while abs(coefficients[-1]) < scale * mpf(2) ** -57:
        coefficients.pop()
    return coefficients


def table(name, comment, function, count=64):
    print(f"// {comment}")
    coefficients = series(function, count)
    print(f"static const double {name}[{len(coefficients)}] = {{")
    numbers = [repr(float(c)) for c in coefficients]
    for i in range(0, len(numbers), 4):
        print("    " + ", ".join(numbers[i:i + 4]) + ",")
    print("};")


def reciprocal(scale):
    """x from t = scale / x - 1; t = -1 stands for infinity, approached closely enough."""
    return lambda t: scale / (t + 1)


def phase(x):
    return mpf(2) / 3 * x * sqrt(x) + pi / 4


def airy_x(zeta):
    return (mpf(3) / 2 * zeta) ** (mpf(2) / 3)


def airy_decaying(zeta):
    x = airy_x(zeta)
    return 2 * sqrt(pi) * x ** mpf(0.25) * exp(zeta) * airyai(x)


def airy_sine(zeta):
    x = airy_x(zeta)
    return sqrt(pi) * x ** mpf(0.25) * (airyai(-x) * sin(phase(x)) + airybi(-x) * cos(phase(x)))


def airy_cosine(zeta):
    x = airy_x(zeta)
    return sqrt(pi) * x ** mpf(0.25) * (airybi(-x) * sin(phase(x)) - airyai(-x) * cos(phase(x)))


print("// Made by scripts/special_function_tables.py; not to be edited.")
print("// Chebyshev series: f(t) = c[0] / 2 + c[1] T1(t) + c[2] T2(t) + ..., t in [-1, 1].")
print("#ifndef EMBER_SPECIAL_FUNCTION_TABLES_H")
print("#define EMBER_SPECIAL_FUNCTION_TABLES_H\n")
table("i0_near", "exp(-x) I0(x), t = x / 4 - 1", lambda t: exp(-4 * (t + 1)) * besseli(0, 4 * (t + 1)))
table("i0_far", "sqrt(x) exp(-x) I0(x), t = 16 / x - 1", lambda t: (lambda x: sqrt(x) * exp(-x) * besseli(0, x))(reciprocal(16)(t)))
table("i1_near", "exp(-x) I1(x) / x, t = x / 4 - 1", lambda t: exp(-4 * (t + 1)) * besseli(1, 4 * (t + 1)) / (4 * (t + 1)))
table("i1_far", "sqrt(x) exp(-x) I1(x), t = 16 / x - 1", lambda t: (lambda x: sqrt(x) * exp(-x) * besseli(1, x))(reciprocal(16)(t)))
table("k0_near", "K0(x) + log(x / 2) I0(x), t = x^2 / 2 - 1",
      lambda t: (lambda x: besselk(0, x) + log(x / 2) * besseli(0, x))(sqrt(2 * (t + 1))))
table("k0_far", "sqrt(x) exp(x) K0(x), t = 4 / x - 1", lambda t: (lambda x: sqrt(x) * exp(x) * besselk(0, x))(reciprocal(4)(t)))
table("k1_near", "x (K1(x) - log(x / 2) I1(x)), t = x^2 / 2 - 1",
      lambda t: (lambda x: x * (besselk(1, x) - log(x / 2) * besseli(1, x)))(sqrt(2 * (t + 1))))
table("k1_far", "sqrt(x) exp(x) K1(x), t = 4 / x - 1", lambda t: (lambda x: sqrt(x) * exp(x) * besselk(1, x))(reciprocal(4)(t)))
table("erfcx_series", "(1 + 2 x) exp(x^2) erfc(x), t = (x - 3.75) / (x + 3.75)",
      lambda t: (lambda x: (1 + 2 * x) * exp(x * x) * erfc(x))(mpf(3.75) * (1 + t) / (1 - t)))
table("airy_right", "2 sqrt(pi) x^(1/4) exp(z) Ai(x), z = 2/3 x^(3/2), t = 4/3 / z - 1, x >= 1", lambda t: airy_decaying(reciprocal(mpf(4) / 3)(t)))
table("airy_left_sine", "sqrt(pi) x^(1/4) (Ai(-x) sin(z + pi/4) + Bi(-x) cos(z + pi/4)), z and t as above, x >= 1",
      lambda t: airy_sine(reciprocal(mpf(4) / 3)(t)))
table("airy_left_cosine", "sqrt(pi) x^(1/4) (Bi(-x) sin(z + pi/4) - Ai(-x) cos(z + pi/4)), z and t as above, x >= 1",
      lambda t: airy_cosine(reciprocal(mpf(4) / 3)(t)))
print("\n#endif")
