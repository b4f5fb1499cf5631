import EmberRuntime

/// Kinds of dtypes that an operation accepts.
struct DTypeSet: OptionSet, CustomStringConvertible {
  let rawValue: UInt8

  static let bool = DTypeSet(rawValue: 1)
  static let integer = DTypeSet(rawValue: 2)
  static let floatingPoint = DTypeSet(rawValue: 4)
  static let complex = DTypeSet(rawValue: 8)
  /// Everything that has an order.
  static let real: DTypeSet = [.bool, .integer, .floatingPoint]
  /// The same without truth values.
  static let realNumber: DTypeSet = [.integer, .floatingPoint]
  /// Everything but truth values.
  static let number: DTypeSet = [.integer, .floatingPoint, .complex]
  static let all: DTypeSet = [.bool, .integer, .floatingPoint, .complex]

  func accepts(_ dtype: DType) -> Bool { rawValue >> dtype.category.rawValue & 1 == 1 }

  var description: String {
    let names = ["bool", "integer", "floating point", "complex"]
    return names.indices.filter { rawValue >> UInt8($0) & 1 == 1 }.map { names[$0] }.joined(separator: ", ")
  }
}

/// The result of `body` if all operands are of accepted dtypes, else an error and a poisoned tensor.
func accepting(_ accepted: DTypeSet, in operation: String, _ operands: Tensor..., body: () -> Tensor) -> Tensor {
  for operand in operands where !accepted.accepts(operand.dtype) && !operand.isPoisoned {
    return refuse(.dtype, operation, "works on \(accepted), not on \(operand.summary)")
  }
  return body()
}

/// The result of `body` if all operands are of one dtype, else an error and a poisoned tensor.
func requiringOneDType(in operation: String, _ operands: Tensor..., body: () -> Tensor) -> Tensor {
  for operand in operands.dropFirst() where operand.dtype != operands[0].dtype && !operand.isPoisoned && !operands[0].isPoisoned {
    return refuse(
      .dtype, operation, "needs operands of one dtype, not \(operands[0].summary) and \(operand.summary); convert one with .to(dtype)")
  }
  return body()
}

/// Raises an error; the poisoned tensor that stands for the result. An operand that is poisoned has had its error before.
func refuse(_ kind: EmberError.Kind, _ operation: String, _ message: String, beside operand: Tensor? = nil) -> Tensor {
  if operand?.isPoisoned != true { raise(EmberError(kind, in: operation, message)) }
  return .poison
}

extension Tensor {
  /// A number as a 0-dimensional operand beside this one: of the dtype that the two meet in, so that it decides nothing further.
  func meeting(_ number: Scalar) -> Tensor {
    if isPoisoned { return .poison }
    var promotion = PromotionAccumulator()
    promotion.add(dtype, isZeroDimensional: rank == 0)
    promotion.add(number: number.category)
    return Tensor.full([], number, dtype: promotion.result(), on: device)
  }
}
