import EmberRuntime
import EmberTensor

#if canImport(Darwin)
  import Darwin
#else
  import Glibc
#endif

/// Functions of numbers: Python's `math`, which scripts call by the names of ATen's functions of tensors.
extension Builtins {
  static func addNumbers(_ table: inout [String: Builtin]) {
    func real(_ name: String, _ function: @escaping (Double) -> Double) {
      table["aten::\(name)"] = { arguments, _ in
        guard arguments.count == 1, let number = arguments.positional[0].number, number.1 == 0 else { return nil }
        return .real(function(number.0))
      }
    }
    real("sqrt") { $0.squareRoot() }
    for (name, function): (String, (Double) -> Double) in [
      ("exp", exp), ("expm1", expm1), ("log", log), ("log2", log2), ("log10", log10), ("log1p", log1p), ("sin", sin), ("cos", cos), ("tan", tan),
      ("asin", asin), ("acos", acos), ("atan", atan), ("sinh", sinh), ("cosh", cosh), ("tanh", tanh), ("asinh", asinh), ("acosh", acosh),
      ("atanh", atanh), ("erf", erf), ("erfc", erfc), ("gamma", tgamma), ("lgamma", lgamma), ("fabs", fabs),
    ] { real(name, function) }
    real("degrees") { $0 * 180 / .pi }
    real("radians") { $0 * .pi / 180 }
    func whole(_ name: String, _ rule: FloatingPointRoundingRule) {
      table["aten::\(name)"] = { arguments, _ in
        switch arguments.positional.first {
        case .integer(let value) where arguments.count == 1: return .integer(value)
        case .real(let value) where arguments.count == 1:
          guard let result = Int(exactly: value.rounded(rule)) else { throw ScriptFailure("\(name) of \(value) does not fit an int") }
          return .integer(result)
        default: return nil
        }
      }
    }
    whole("floor", .down)
    whole("ceil", .up)
    whole("trunc", .towardZero)
    table["aten::round"] = { arguments, _ in
      switch (arguments.positional.first, arguments.optional(1)) {
      case (.integer(let value), nil): return .integer(value)
      case (.real(let value), nil): return .real(value.rounded(.toNearestOrEven))
      case (.real(let value), .integer(let digits)?):
        let scale = pow(10, Double(digits))
        return .real((value * scale).rounded(.toNearestOrEven) / scale)
      default: return nil
      }
    }
    for name in ["aten::abs", "prim::abs"] {
      table[name] = { arguments, _ in
        switch arguments.positional.first {
        case .integer(let value): .integer(value == .min ? value : Swift.abs(value))
        case .real(let value): .real(Swift.abs(value))
        case .complex(let real, let imaginary): .real(hypot(real, imaginary))
        default: nil
        }
      }
    }
    table["aten::neg"] = { arguments, _ in
      switch arguments.positional.first {
      case .integer(let value): .integer(0 &- value)
      case .real(let value): .real(-value)
      case .complex(let real, let imaginary): .complex(-real, -imaginary)
      default: nil
      }
    }
    func predicate(_ name: String, _ test: @escaping (Double) -> Bool) {
      table["aten::\(name)"] = { arguments, _ in arguments.positional.first?.number.map { .bool(test($0.0)) } }
    }
    predicate("isnan") { $0.isNaN }
    predicate("isinf") { $0.isInfinite }
    predicate("isfinite") { $0.isFinite }
    table["aten::pow"] = { arguments, _ in
      guard arguments.count == 2, let base = arguments.positional[0].number, let exponent = arguments.positional[1].number, base.1 == 0,
        exponent.1 == 0
      else { return nil }
      if case .integer(let base) = arguments.positional[0], case .integer(let exponent) = arguments.positional[1], exponent >= 0 {
        return .integer(power(base, exponent))
      }
      return .real(pow(base.0, exponent.0))
    }
    func pair(_ name: String, _ function: @escaping (Double, Double) -> Double) {
      table["aten::\(name)"] = { arguments, _ in
        guard arguments.count == 2, let a = arguments.positional[0].number, let b = arguments.positional[1].number else { return nil }
        return .real(function(a.0, b.0))
      }
    }
    pair("atan2", atan2)
    pair("copysign", copysign)
    table["aten::mathremainder"] = { arguments, _ in
      guard arguments.count == 2, let a = arguments.positional[0].number, let b = arguments.positional[1].number else { return nil }
      return .real(remainder(a.0, b.0))
    }
    table["aten::gcd"] = { arguments, _ in
      guard arguments.count == 2, case .integer(let a) = arguments.positional[0], case .integer(let b) = arguments.positional[1] else { return nil }
      var (x, y) = (a.magnitude, b.magnitude)
      while y != 0 { (x, y) = (y, x % y) }
      return .integer(Int(truncatingIfNeeded: x))
    }
    table["aten::factorial"] = { arguments, _ in
      guard case .integer(let count)? = arguments.positional.first, 0...20 ~= count else { return nil }
      return .integer((0..<count).reduce(1) { $0 * ($1 + 1) })
    }
    table["aten::divmod"] = { arguments, _ in
      guard arguments.count == 2, let quotient = try ScalarArithmetic.functions["aten::floordiv"]!(arguments.positional[0], arguments.positional[1]),
        let rest = try ScalarArithmetic.functions["aten::remainder"]!(arguments.positional[0], arguments.positional[1])
      else { return nil }
      return .tuple(try ScriptTuple([quotient, rest]))
    }
    table["aten::modf"] = { arguments, _ in
      guard case .real(let value)? = arguments.positional.first else { return nil }
      let whole = value.rounded(.towardZero)
      return .tuple(try ScriptTuple([.real(value - whole), .real(whole)]))
    }
    // Complex numbers; those of two real ones never come here.
    func complex(_ name: String, _ combine: @escaping (_ a: (Double, Double), _ b: (Double, Double)) -> (Double, Double)) {
      table["aten::\(name)"] = { arguments, _ in
        guard arguments.count == 2, let a = arguments.positional[0].number, let b = arguments.positional[1].number else { return nil }
        let result = combine(a, b)
        return .complex(result.0, result.1)
      }
    }
    complex("add") { ($0.0 + $1.0, $0.1 + $1.1) }
    complex("sub") { ($0.0 - $1.0, $0.1 - $1.1) }
    complex("mul") { ($0.0 * $1.0 - $0.1 * $1.1, $0.0 * $1.1 + $0.1 * $1.0) }
  }

  private static func power(_ base: Int, _ exponent: Int) -> Int {
    var result = 1, square = base, rest = exponent
    while rest > 0 {
      if rest & 1 == 1 { result = result &* square }
      square = square &* square
      rest >>= 1
    }
    return result
  }
}
