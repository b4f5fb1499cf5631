import EmberRuntime

extension OperatorRegistry {
  typealias BinaryFunction = @Sendable (Tensor, Tensor) -> Tensor

  /// Registers functions of two tensors: `atan2` becomes `aten::atan2(Tensor self, Tensor other) -> Tensor`.
  mutating func addBinary(_ functions: KeyValuePairs<String, BinaryFunction>) {
    for (name, function) in functions {
      add("aten::\(name)(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in function(x, y) }
    }
  }

  /// Registers the overloads with a tensor and with a number: `aten::fmod.Tensor`, `aten::fmod.Scalar`.
  mutating func addWithNumbers(_ functions: KeyValuePairs<String, BinaryFunction>) {
    for (name, function) in functions {
      add("aten::\(name).Tensor(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in function(x, y) }
      add("aten::\(name).Scalar(Tensor self, Scalar other) -> Tensor") { (x: Tensor, y: Scalar) in function(x, x.meeting(y)) }
    }
  }

  /// The same for the functions of arithmetic, which take a number for either operand: `torch.mul(2, x)`.
  private mutating func addWithNumbersOnEitherSide(_ functions: KeyValuePairs<String, BinaryFunction>) {
    for (name, function) in functions {
      for (overload, other) in [("Tensor", "Tensor"), ("Scalar", "Scalar")] {
        add("aten::\(name).\(overload)(Tensor self, \(other) other) -> Tensor") { (x: ArithmeticOperand, y: ArithmeticOperand) in
          function(x.tensor(beside: y), y.tensor(beside: x))
        }
      }
    }
  }

  /// Registers the overload that takes its first operand as a number: `aten::remainder.Scalar_Tensor`.
  mutating func addNumberFirst(_ functions: KeyValuePairs<String, BinaryFunction>) {
    for (name, function) in functions {
      add("aten::\(name).Scalar_Tensor(Scalar self, Tensor other) -> Tensor") { (x: Scalar, y: Tensor) in function(y.meeting(x), y) }
    }
  }

  /// Registers Python's reflected operators, `other ∘ self`: `torch.Tensor.__radd__`.
  private mutating func addReflected(_ functions: KeyValuePairs<String, BinaryFunction>) {
    for (name, function) in functions {
      add("torch.Tensor.__\(name)__(Tensor self, Any other) -> Tensor") { (x: Tensor, other: OperatorValue) in
        if case .tensor(let y) = other { return function(y, x) }
        guard let number = other.scalar else {
          throw EmberError(.value, in: "__\(name)__", "the other operand is a \(other.kind), no tensor or number")
        }
        return function(x.meeting(number), x)
      }
    }
  }

  mutating func addBinaryFunctions() {
    addBinary([
      "atan2": { atan2($0, $1) }, "fmax": { fmax($0, $1) }, "fmin": { fmin($0, $1) }, "maximum": { maximum($0, $1) },
      "minimum": { minimum($0, $1) }, "hypot": { $0.hypot($1) }, "nextafter": { $0.nextAfter($1) }, "gcd": { $0.gcd($1) },
      "lcm": { $0.lcm($1) }, "logaddexp": { $0.logAddExp($1) }, "logaddexp2": { $0.logAddExp2($1) },
      "logical_and": { $0.logicalAnd($1) }, "logical_or": { $0.logicalOr($1) }, "logical_xor": { $0.logicalXor($1) },
    ])
    addWithNumbers([
      "eq": { $0 .== $1 }, "ne": { $0 .!= $1 }, "lt": { $0 .< $1 }, "le": { $0 .<= $1 }, "gt": { $0 .> $1 }, "ge": { $0 .>= $1 },
      "bitwise_and": { $0.bitwiseAnd($1) }, "bitwise_or": { $0.bitwiseOr($1) }, "bitwise_xor": { $0.bitwiseXor($1) },
      "remainder": { $0.remainder($1) }, "fmod": { $0.fmod($1) }, "copysign": { $0.copysign($1) },
    ])
    addWithNumbersOnEitherSide(["mul": { $0 * $1 }, "div": { $0 / $1 }, "true_divide": { $0 / $1 }])
    addNumberFirst([
      "bitwise_and": { $0.bitwiseAnd($1) }, "bitwise_or": { $0.bitwiseOr($1) }, "bitwise_xor": { $0.bitwiseXor($1) },
      "bitwise_left_shift": { $0.bitwiseLeftShift($1) }, "bitwise_right_shift": { $0.bitwiseRightShift($1) },
      "remainder": { $0.remainder($1) },
    ])
    addReflected([
      "radd": { $0 + $1 }, "rmul": { $0 * $1 }, "rdiv": { $0 / $1 },
      "rand": { $0.bitwiseAnd($1) }, "ror": { $0.bitwiseOr($1) }, "rxor": { $0.bitwiseXor($1) },
    ])
    // These two are functions of any two operands, one of which is a tensor.
    let ofAny: KeyValuePairs<String, BinaryFunction> = ["rsub": { $0.subtracting($1) }, "rmod": { $0.remainder($1) }]
    for (name, function) in ofAny {
      add("torch.Tensor.__\(name)__(Any self, Any other) -> Tensor") { (x: OperatorValue, other: OperatorValue) in
        switch (x, other) {
        case (.tensor(let x), .tensor(let y)): return function(y, x)
        case (.tensor(let x), _):
          if let number = other.scalar { return function(x.meeting(number), x) }
        case (_, .tensor(let y)):
          if let number = x.scalar { return function(y, y.meeting(number)) }
        default: break
        }
        throw EmberError(.value, in: "__\(name)__", "one operand must be a tensor, the other one or a number; not \(x.kind) and \(other.kind)")
      }
    }
    addScaledSums()
    addDivisions()
    addShifts()
    addPowers()
    add("aten::heaviside(Tensor self, Tensor values) -> Tensor") { (x: Tensor, values: Tensor) in x.heaviside(values) }
    add("aten::ldexp.Tensor(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in x.ldexp(y) }
    add("aten::isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor") {
      (x: Tensor, y: Tensor, relative: Double, absolute: Double, equalNaN: Bool) in
      x.isClose(y, rtol: relative, atol: absolute, equalNaN: equalNaN)
    }
    add("aten::polar(Tensor abs, Tensor angle) -> Tensor") { (absolute: Tensor, angle: Tensor) in polar(absolute, angle) }
    add("aten::complex(Tensor real, Tensor imag) -> Tensor") { (real: Tensor, imaginary: Tensor) in complex(real, imaginary) }
    add("aten::complex.out(Tensor real, Tensor imag, *, Tensor(a!) out) -> Tensor(a!)") { (real: Tensor, imaginary: Tensor, out: Tensor) in
      guard out.dtype == real.dtype.complexType else {
        throw EmberError(.dtype, in: "complex", "the output must be \(real.dtype.complexType), not \(out.summary)")
      }
      return try written(complex(real, imaginary), to: out, in: "complex")
    }
    add("aten::xlogy.Tensor(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in xlogy(x, y) }
    add("aten::xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor") { (x: Scalar, y: Tensor) in xlogy(y.meeting(x), y) }
    add("aten::xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor") { (x: Tensor, y: Scalar) in xlogy(x, x.meeting(y)) }
  }

  private mutating func addScaledSums() {
    // The overload with a number takes alpha by position as well.
    for (overload, other) in [("Tensor", "Tensor other, *"), ("Scalar", "Scalar other")] {
      add("aten::add.\(overload)(Tensor self, \(other), Scalar alpha=1) -> Tensor") {
        (x: ArithmeticOperand, y: ArithmeticOperand, alpha: Scalar) in
        x.tensor(beside: y).adding(y.tensor(beside: x), alpha: alpha)
      }
      add("aten::sub.\(overload)(Tensor self, \(other), Scalar alpha=1) -> Tensor") {
        (x: ArithmeticOperand, y: ArithmeticOperand, alpha: Scalar) in
        x.tensor(beside: y).subtracting(y.tensor(beside: x), alpha: alpha)
      }
    }
    add("aten::rsub.Tensor(Tensor self, Tensor other, *, Scalar alpha=1) -> Tensor") { (x: Tensor, y: Tensor, alpha: Scalar) in
      y.subtracting(x, alpha: alpha)
    }
    add("aten::rsub.Scalar(Tensor self, Scalar other, Scalar alpha=1) -> Tensor") { (x: Tensor, y: Scalar, alpha: Scalar) in
      x.meeting(y).subtracting(x, alpha: alpha)
    }
  }

  private mutating func addDivisions() {
    @Sendable func mode(_ name: String?) throws -> RoundingMode? {
      guard let name else { return nil }
      guard let mode = RoundingMode(rawValue: name) else {
        throw EmberError(.value, in: "div", "a rounding mode of \"\(name)\"; it must be None, \"trunc\" or \"floor\"")
      }
      return mode
    }
    for (overload, other) in [("Tensor_mode", "Tensor"), ("Scalar_mode", "Scalar")] {
      add("aten::div.\(overload)(Tensor self, \(other) other, *, str? rounding_mode) -> Tensor") {
        (x: ArithmeticOperand, y: ArithmeticOperand, rounding: String?) in
        x.tensor(beside: y).divided(by: y.tensor(beside: x), rounding: try mode(rounding))
      }
    }
    for (overload, other) in [("", "Tensor"), (".Scalar", "Scalar")] {
      add("aten::floor_divide\(overload)(Tensor self, \(other) other) -> Tensor") { (x: ArithmeticOperand, y: ArithmeticOperand) in
        x.tensor(beside: y).floorDivide(y.tensor(beside: x))
      }
    }
  }

  private mutating func addShifts() {
    let shifts: KeyValuePairs<String, BinaryFunction> = [
      "bitwise_left_shift": { $0.bitwiseLeftShift($1) }, "bitwise_right_shift": { $0.bitwiseRightShift($1) },
    ]
    for (name, function) in shifts {
      add("aten::\(name).Tensor(Tensor self, Tensor other) -> Tensor") { (x: Tensor, y: Tensor) in function(x, y) }
      add("aten::\(name).Tensor_Scalar(Tensor self, Scalar other) -> Tensor") { (x: Tensor, y: Scalar) in function(x, x.meeting(y)) }
    }
  }

  private mutating func addPowers() {
    add("aten::pow.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor") { (x: Tensor, y: Tensor) in x.pow(y) }
    add("aten::pow.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor") { (x: Tensor, y: Scalar) in x.pow(y) }
    add("aten::pow.Scalar(Scalar self, Tensor exponent) -> Tensor") { (x: Scalar, y: Tensor) in x ** y }
    add("torch.Tensor.__rpow__(Any self, Any other) -> Tensor") { (exponent: OperatorValue, base: OperatorValue) in
      switch (base, exponent) {
      case (.tensor(let x), .tensor(let y)): return x.pow(y)
      case (.tensor(let x), _):
        if let y = exponent.scalar { return x.pow(y) }
      case (_, .tensor(let y)):
        if let x = base.scalar { return x ** y }
      default: break
      }
      throw EmberError(.value, in: "__rpow__", "a \(base.kind) to the power of a \(exponent.kind)")
    }
    add("aten::float_power.Tensor_Tensor(Tensor self, Tensor exponent) -> Tensor") { (x: Tensor, y: Tensor) in x.floatPower(y) }
    add("aten::float_power.Tensor_Scalar(Tensor self, Scalar exponent) -> Tensor") { (x: Tensor, y: Scalar) in
      x.floatPower(Tensor.full([], y, dtype: y.category == .complex ? .complex128 : .float64, on: x.device))
    }
    add("aten::float_power.Scalar(Scalar self, Tensor exponent) -> Tensor") { (x: Scalar, y: Tensor) in
      Tensor.full([], x, dtype: x.category == .complex ? .complex128 : .float64, on: y.device).floatPower(y)
    }
  }
}

/// An operand of arithmetic: a tensor, or a number that stands for one.
enum ArithmeticOperand: OperatorArgument {
  case tensor(Tensor)
  case number(Scalar)

  static func represents(_ kind: OperatorSchema.Kind) -> Bool { kind.isPlain("Tensor") || kind.isPlain("Scalar") }

  static func read(_ value: OperatorValue, as kind: OperatorSchema.Kind) -> Self? {
    if kind.isPlain("Tensor"), case .tensor(let tensor) = value { return .tensor(tensor) }
    return Scalar.read(value, as: kind).map { .number($0) }
  }

  /// The operand as a tensor: a number takes the dtype that it and the other tensor meet in.
  func tensor(beside other: Self) -> Tensor {
    switch (self, other) {
    case (.tensor(let tensor), _): tensor
    case (.number(let number), .tensor(let tensor)): tensor.meeting(number)
    case (.number(let number), .number): Tensor(number)
    }
  }
}
