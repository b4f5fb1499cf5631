import EmberFunctional
import EmberRuntime
import EmberTensor

/// Numbers in few bits, with scales and zero points.
extension OperatorTable {
  mutating func addQuantization() {
    add("QuantizeLinear", since: 10) { call in try quantized(call) }
    add("DequantizeLinear", since: 10) { call in try dequantized(call) }
    add("DynamicQuantizeLinear", since: 11) { call in
      let x = try call.tensor(0)
      let low = x.amin().clamp(max: 0.0), high = x.amax().clamp(min: 0.0)
      let range = (high - low) / 255
      let scale = `where`(range .== 0, Tensor.ones(like: range), range)
      let zero = (-low / scale).clamp(min: 0.0, max: 255.0).round()
      let y = ((x / scale).round() + zero).clamp(min: 0.0, max: 255.0)
      return [y.to(.uint8), scale, zero.to(.uint8)]
    }
    add("MatMulInteger", since: 10) { call in
      let a = try call.shifted(0, zero: 2, alongRows: true), b = try call.shifted(1, zero: 3, alongRows: false)
      return a.matmul(b).to(.int32)
    }
    add("ConvInteger", since: 10) { call in
      let x = try call.shifted(0, zero: 2, alongRows: false), w = try call.shiftedFilters(1, zero: 3)
      return try convolution(call, x, w, nil).to(.int32)
    }
    add("QLinearMatMul", since: 10) { call in
      let a = try call.shifted(0, zero: 2, alongRows: true), b = try call.shifted(3, zero: 5, alongRows: false)
      let aScale = try alongRows(call.tensor(1), a.rank), bScale = try call.tensor(4), yScale = try call.tensor(6)
      let factor = aScale.to(.float64) * bScale.to(.float64) / yScale.to(.float64)
      return try call.requantized(a.matmul(b) * factor, zero: 7)
    }
    add("QLinearConv", since: 10) { call in
      let x = try call.shifted(0, zero: 2, alongRows: false), w = try call.shiftedFilters(3, zero: 5)
      let accumulated = try convolution(call, x, w, try call.optionalTensor(8)?.to(.float64))
      let wScale = try call.tensor(4).to(.float64)
      let perChannel = wScale.elementCount == 1 ? wScale.reshape([]) : wScale.reshape([wScale.elementCount] + Array(repeating: 1, count: x.rank - 2))
      let factor = try call.tensor(1).to(.float64) * perChannel / call.tensor(6).to(.float64)
      return try call.requantized(accumulated * factor, zero: 7)
    }
  }
}

/// Zero points and scales of rows, [M] or [..., M, 1], so that they broadcast with [..., M, K].
private func alongRows(_ x: Tensor, _ rank: Int) -> Tensor { x.rank == 1 && rank > 1 ? x.unsqueeze(-1) : x }

extension OperatorCall {
  /// Integers less their zero point, as exact floating-point numbers.
  fileprivate func shifted(_ i: Int, zero: Int, alongRows isRows: Bool) throws -> Tensor {
    let x = try tensor(i).to(.float64)
    guard let zero = try optionalTensor(zero)?.to(.float64) else { return x }
    return x - (isRows ? alongRows(zero, x.rank) : zero)
  }

  /// Filters with a zero point for all or one for each.
  fileprivate func shiftedFilters(_ i: Int, zero: Int) throws -> Tensor {
    let w = try tensor(i).to(.float64)
    guard let zero = try optionalTensor(zero)?.to(.float64) else { return w }
    return w - (zero.elementCount == 1 ? zero.reshape([]) : zero.reshape([zero.elementCount] + Array(repeating: 1, count: w.rank - 1)))
  }

  /// Numbers rounded, moved by a zero point and held in its type.
  fileprivate func requantized(_ x: Tensor, zero: Int) throws -> Tensor {
    let zero = try tensor(zero)
    guard let range = ONNXElementType(zero.dtype)?.integerRange else { throw failure("a zero point \(describe(zero))", .dtype) }
    return (x.round() + zero.to(.float64)).clamp(min: Double(range.lowerBound), max: Double(range.upperBound)).to(zero.dtype)
  }

  /// A scale or zero point in the shape that goes with `x`: of the whole, of each position along an axis, or of blocks of it.
  fileprivate func granular(_ parameter: Tensor, for x: Tensor) throws -> Tensor {
    if parameter.elementCount == 1, parameter.rank <= 1 { return parameter.reshape([]) }
    let blockSize = try int("block_size", 0)
    let axis = try wrapped(try int("axis", 1), x.rank)
    if parameter.rank == 1, blockSize == 0 {
      guard parameter.shape[0] == x.shape[axis] else {
        throw failure("\(describe(parameter)) for dimension \(axis) of \(describe(x))", .shape)
      }
      return parameter.reshape((0..<x.rank).map { $0 == axis ? parameter.shape[0] : 1 })
    }
    guard blockSize > 0, parameter.rank == x.rank, parameter.shape[axis] == (x.shape[axis] + blockSize - 1) / blockSize else {
      throw failure("\(describe(parameter)) for blocks of \(blockSize) along dimension \(axis) of \(describe(x))", .shape)
    }
    return parameter.repeatInterleave(blockSize, dim: axis).narrow(axis, start: 0, length: x.shape[axis])
  }
}

private func quantized(_ call: OperatorCall) throws -> ONNXValue {
  let x = try call.tensor(0), scale = try call.tensor(1)
  let zero = call.has(2) ? try call.value(2) : nil
  var type = zero?.elementType ?? .uint8
  if let given = try call.elementType("output_dtype"), zero == nil { type = given }
  let precision = try call.int("precision", 0) == 0 ? scale.dtype : try call.required(call.elementType("precision")?.dtype, "precision")
  let quotient = x.to(precision) / (try call.granular(scale.to(precision), for: x))
  let shift = try zero?.tensor.map { try call.granular($0.to(.float32), for: x) }
  if let range = type.integerRange {
    let whole = quotient.round().to(.float32)
    let held = (shift.map { whole + $0 } ?? whole).clamp(min: Double(range.lowerBound), max: Double(range.upperBound))
    return ONNXValue(held.to(type.dtype!), type)
  }
  let moved = shift.map { quotient.to(.float32) + $0 } ?? quotient.to(.float32)
  if type == .float4e2m1 { return ONNXValue(Float4Conversion.rounded(moved), type) }
  guard let dtype = type.dtype, dtype.isFloatingPoint, dtype.size == 1 else { throw call.failure("quantization to \(type)", .unsupported) }
  return .tensor(Float8Conversion.rounded(moved, to: dtype, saturates: try call.flag("saturate", true)))
}

private func dequantized(_ call: OperatorCall) throws -> Tensor {
  let value = try call.value(0), scale = try call.tensor(1)
  guard let x = value.tensor else { throw call.failure("input 0 is \(value.summary), where a tensor is needed", .dtype) }
  let dtype = try call.int("output_dtype", 0) == 0 ? scale.dtype : try call.required(call.elementType("output_dtype")?.dtype, "output_dtype")
  let zero = try call.has(2) ? call.value(2).tensor : nil
  var number = x.dtype.isInteger ? x.to(.int32) : x.to(.float32)
  if let zero { number = number - (try call.granular(zero.to(number.dtype), for: x)) }
  return number.to(dtype) * (try call.granular(scale.to(dtype), for: x))
}

/// Rounding to floating-point numbers of eight bits; Micikevicius et al., arXiv:2209.05433.
enum Float8Conversion {
  static func rounded(_ x: Tensor, to dtype: DType, saturates: Bool) -> Tensor {
    if x.dtype == dtype { return x }
    let wide = x.wide.to(.float32)
    guard saturates else { return wide.to(dtype) }
    let largest =
      switch dtype {
      case .float8e4m3fn: 448.0
      case .float8e4m3fnuz: 240.0
      default: 57344.0
      }
    return wide.clamp(min: -largest, max: largest).to(dtype)
  }
}

/// Rounding to the sixteen numbers of `float4_e2m1`; OCP Microscaling Formats, version 1.0.
enum Float4Conversion {
  /// The nearest number, of two equally near ones the even one; those beyond ±6 are held there. NaN, which there is none of, becomes -0.
  static func rounded(_ x: Tensor) -> Tensor {
    let size = x.abs().clamp(max: 6.0)
    let coarse = `where`(size .< 4, size.round(), (size / 2).round() * 2)
    let result = `where`(size .< 2, (size * 2).round() / 2, coarse)
    return result.copysign(x).maskedFill(x.isNaN, -0.0)
  }
}
