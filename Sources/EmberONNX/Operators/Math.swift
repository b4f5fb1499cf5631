import EmberFunctional
import EmberRuntime
import EmberTensor

/// Arithmetic on two tensors and more. Results have the operands' dtype: types that Ember only stores are computed in a wider one.
extension OperatorTable {
  mutating func addMath() {
    add("Add") { call in try call.arithmetic { $0 + $1 } }
    add("Sub") { call in try call.arithmetic { $0 - $1 } }
    add("Mul") { call in try call.arithmetic { $0 * $1 } }
    add("Div") { call in try call.arithmetic(quotient) }
    add("Pow") { call in
      let (x, y) = try call.operands()
      // Integers of a power's type meet exponents of any other.
      let power = x.dtype.isFloatingPoint ? x ** y.to(x.dtype) : x.wide ** y.wide
      return power.to(x.dtype)
    }
    add("Mod", since: 10) { call in
      let (x, y) = try call.operands()
      return (try call.flag("fmod") ? cRemainder(x, y) : flooredRemainder(x, y)).to(x.dtype)
    }
    add("Max") { call in try call.combined(larger) }
    add("Min") { call in try call.combined(smaller) }
    add("Sum") { call in try call.combined { $0 + $1 } }
    add("Mean") { call in
      let count = Double(call.inputs.count)
      return try call.combined { $0 + $1 } / count
    }
    add("Clip", numbers: [1, 2]) { call in
      let x = try call.tensor(0)
      return clipped(
        x, try call.double("min", -Double(Float.greatestFiniteMagnitude)).tensor(like: x),
        try call.double("max", Double(Float.greatestFiniteMagnitude)).tensor(like: x))
    }
    add("Clip", since: 11, numbers: [1, 2]) { call in
      clipped(try call.tensor(0), try call.optionalTensor(1), try call.optionalTensor(2))
    }
    addBits()
  }

  private mutating func addBits() {
    add("BitShift", since: 11) { call in
      let (x, count) = try call.operands()
      let direction = try call.required(try call.string("direction"), "direction")
      guard direction == "LEFT" || direction == "RIGHT" else { throw call.failure("the direction '\(direction)'; it is LEFT or RIGHT") }
      return shifted(x, by: count, left: direction == "LEFT")
    }
    add("BitwiseAnd", since: 18) { call in try call.arithmetic { $0 & $1 } }
    add("BitwiseOr", since: 18) { call in try call.arithmetic { $0 | $1 } }
    add("BitwiseXor", since: 18) { call in try call.arithmetic { $0 ^ $1 } }
    add("BitwiseNot", since: 18) { call in
      let x = try call.tensor(0)
      return (~x.wide).to(x.dtype)
    }
  }
}

extension Double {
  fileprivate func tensor(like x: Tensor) -> Tensor { Tensor.full([], .real(self), dtype: x.dtype, on: x.device) }
}

extension OperatorCall {
  /// Two operands that broadcast. Before version 7 the second one was laid along the first from an axis on, if asked for.
  func operands() throws -> (Tensor, Tensor) {
    let a = try tensor(0), b = try tensor(1)
    guard version < 7, try flag("broadcast"), let axis = try int("axis") else { return (a, b) }
    let first = try wrapped(axis, a.rank)
    guard first + b.rank <= a.rank else {
      throw failure("\(describe(b)) does not lie along \(describe(a)) from axis \(axis) on", .shape)
    }
    return (a, b.reshape(Array(b.shape) + Array(repeating: 1, count: a.rank - first - b.rank)))
  }

  /// An operation whose result has the operands' dtype.
  func arithmetic(_ body: (Tensor, Tensor) -> Tensor) throws -> Tensor {
    let (a, b) = try operands()
    guard a.dtype == b.dtype else { throw failure("operands \(describe(a)) and \(describe(b)); their types must agree", .dtype) }
    return body(a, b).to(a.dtype)
  }

  /// An operation over all inputs, one after the other.
  fileprivate func combined(_ body: (Tensor, Tensor) -> Tensor) throws -> Tensor {
    let all = try tensors()
    guard let first = all.first else { throw failure("it needs at least one input") }
    guard all.allSatisfy({ $0.dtype == first.dtype }) else { throw failure("inputs of different types", .dtype) }
    return all.dropFirst().reduce(first, body).to(first.dtype)
  }
}

extension Tensor {
  /// The same numbers in a dtype that Ember computes in. Numbers of `uint64` from 2⁶³ on become negative ones of the same bits.
  var wide: Tensor {
    switch dtype {
    case .uint16: to(.int32)
    case .uint32, .uint64: to(.int64)
    case .float8e4m3fn, .float8e4m3fnuz, .float8e5m2, .float8e5m2fnuz: to(.float32)
    default: self
    }
  }

  /// The same order among numbers that compare as signed ones.
  var ordered: Tensor { dtype == .uint64 ? to(.int64) ^ Tensor(Int64.min, on: device) : wide }
}

func larger(_ a: Tensor, _ b: Tensor) -> Tensor { extreme(a, b, maximum) }
func smaller(_ a: Tensor, _ b: Tensor) -> Tensor { extreme(a, b, minimum) }

private func extreme(_ a: Tensor, _ b: Tensor, _ body: (Tensor, Tensor) -> Tensor) -> Tensor {
  let result = body(a.ordered, b.ordered)
  return a.dtype == .uint64 ? (result ^ Tensor(Int64.min, on: a.device)).to(.uint64) : result.to(a.dtype)
}

private func clipped(_ x: Tensor, _ low: Tensor?, _ high: Tensor?) -> Tensor {
  if x.dtype == x.wide.dtype, low != nil || high != nil { return x.clamp(min: low, max: high).to(x.dtype) }
  var result = x
  if let low { result = larger(result, low) }
  if let high { result = smaller(result, high) }
  return result
}

/// Integers are divided towards zero.
private func quotient(_ a: Tensor, _ b: Tensor) -> Tensor {
  if a.dtype == .uint64 { return unsignedQuotient(a.to(.int64), b.to(.int64)).to(.uint64) }
  if a.dtype.isFloatingPoint { return a / b }
  // Less its remainder the dividend is a multiple: exact in all 64 bits.
  return (a.wide - a.wide.fmod(b.wide)).floorDivide(b.wide)
}

/// The remainder of a division towards minus infinity: it has the divisor's sign.
private func flooredRemainder(_ a: Tensor, _ b: Tensor) -> Tensor {
  if a.dtype == .uint64 { return unsignedRemainder(a, b) }
  return a.wide.remainder(b.wide)
}

/// The remainder of a division towards zero: it has the dividend's sign.
private func cRemainder(_ a: Tensor, _ b: Tensor) -> Tensor {
  if a.dtype == .uint64 { return unsignedRemainder(a, b) }
  return a.wide.fmod(b.wide)
}

private func unsignedRemainder(_ a: Tensor, _ b: Tensor) -> Tensor {
  let dividend = a.to(.int64), divisor = b.to(.int64)
  return (dividend - unsignedQuotient(dividend, divisor) * divisor).to(.uint64)
}

/// Quotients of numbers of 64 bits without sign, given as signed ones of the same bits (Warren, Hacker's Delight, 9-3).
private func unsignedQuotient(_ a: Tensor, _ b: Tensor) -> Tensor {
  let lowest = Tensor(Int64.min, on: a.device), one = Tensor(Int64(1), on: a.device)
  func isAtLeast(_ x: Tensor, _ y: Tensor) -> Tensor { (x ^ lowest) .>= (y ^ lowest) }
  let half = a.bitwiseRightShift(one) & Tensor(Int64.max, on: a.device)
  let isLarge = b .< 0
  let estimate = half.floorDivide(`where`(isLarge, one, b)).bitwiseLeftShift(one)
  let exact = estimate + isAtLeast(a - estimate * b, b).to(.int64)
  return `where`(isLarge, isAtLeast(a, b).to(.int64), exact)
}

/// Bits moved; counts below 0 or of all bits and more leave the sign alone when moving right, else nothing.
private func shifted(_ x: Tensor, by count: Tensor, left: Bool) -> Tensor {
  let bits = x.dtype.size * 8
  let amount = count.wide
  let isOutside = (amount .< 0) | (amount .>= bits)
  let safe = amount.maskedFill(isOutside, 0)
  if left {
    let moved = x.wide.bitwiseLeftShift(safe)
    return moved.maskedFill(isOutside, 0).to(x.dtype)
  }
  var moved = x.wide.bitwiseRightShift(safe)
  if x.dtype == .uint64 {
    // No copies of what is no sign bit.
    let rest = Tensor(Int64(-1), on: x.device).bitwiseLeftShift((64 - safe).clamp(min: 1, max: 63))
    moved = `where`(safe .== 0, moved, moved & ~rest)
  }
  let filled = x.dtype.isSigned ? -(x .< 0).to(moved.dtype) : Tensor.zeros([], dtype: moved.dtype, on: x.device)
  return `where`(isOutside, filled, moved).to(x.dtype)
}
