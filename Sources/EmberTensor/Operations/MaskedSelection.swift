import EmberRuntime

/// The elements where a mask of the same shape holds, in row-major order. Input 1: the mask.
///
/// Takes no memory but the result's: positions, of 8 bytes each, are never written down.
struct MaskedSelect: BinaryOperation {
  static let name = "masked_select"
  let saved: SavedTensors = .input1

  func forward(_ x: Tensor, _ mask: Tensor) throws(EmberError) -> Tensor {
    guard x.backend.holdsData else {
      throw EmberError(.device, in: Self.name, "the result's shape depends on data, which \(mask.summary) does not have")
    }
    let count = x.backend.countNonzero(mask.operand)
    try checkScratch(in: Self.name)
    let result = try Tensor.empty(shape: [count], dtype: x.dtype, like: x)
    if count > 0 { x.backend.maskedSelect(x.operand, mask: mask.operand, count: count, into: result.operand) }
    return result
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> (Tensor?, Tensor?) {
    let zeros = Tensor.zeros(Array(context.inputShape(0)), dtype: gradient.dtype, on: gradient.device)
    return (gradient.elementCount == 0 ? zeros : zeros.maskedScatter(context.input(1), gradient), nil)
  }
}

extension Tensor {
  /// The elements where `mask` holds, in a row.
  public func maskedSelect(_ mask: Tensor) -> Tensor {
    guard mayRun("masked_select", self), mayRun("masked_select", mask) else { return .poison }
    guard let shape = self.shape.broadcast(with: mask.shape), mask.dtype == .bool else {
      return refuse(.shape, "masked_select", "a mask \(mask.summary) for \(summary); it must be bool and broadcast", beside: self)
    }
    let whole = expand(Array(shape)), places = mask.expand(Array(shape))
    if !isSymbolic, !mask.isSymbolic { return apply(MaskedSelect(), whole, places) }
    return whole.flatten().indexSelect(0, places.flatten().nonzero().flatten())
  }

  /// What a subscript with one mask for all dimensions reads; nil for any other.
  func selected(by indices: [TensorIndex]) -> Tensor? {
    guard indices.count == 1, case .tensor(let mask) = indices[0], mask.dtype == .bool, mask.rank > 0, mask.body.shape == body.shape,
      mask.device == device, !isSymbolic, !mask.isSymbolic
    else { return nil }
    return apply(MaskedSelect(), self, mask)
  }
}
