import EmberRuntime
public import EmberTensor

/// A long row of token numbers cut into windows, for language models: inputs [length] and, as targets, the tokens that follow each of them.
public struct TokenWindows: BatchedDataset {
  public let tokens: Tensor
  public let length: Int

  /// - Parameter tokens: [count], integers. What does not fill a window at the end is left out.
  public init(_ tokens: Tensor, length: Int) throws {
    guard tokens.rank == 1, !tokens.dtype.isFloatingPoint, !tokens.dtype.isComplex, length > 0 else {
      throw EmberError(.shape, in: "TokenWindows", "tokens \(tokens.dtype)\(tokens.shape) in windows of \(length); [count] and a positive length are needed")
    }
    self.tokens = tokens.detach()
    self.length = length
  }

  public var count: Int { max(0, tokens.elementCount - 1) / length }

  public func element(at index: Int) throws -> (Tensor, Tensor) {
    try check(index)
    return try catchingErrors {
      (tokens.narrow(0, start: index * length, length: length), tokens.narrow(0, start: index * length + 1, length: length))
    }
  }

  /// [batch, length] each.
  public func batch(at indices: [Int]) throws -> (Tensor, Tensor) {
    for index in indices { try check(index) }
    return try catchingErrors {
      let places = (Tensor(indices) * length).unsqueeze(1) + Tensor.arange(length)
      func rows(_ places: Tensor) -> Tensor { tokens.indexSelect(0, places.flatten().to(tokens.device)).reshape([indices.count, length]) }
      return (rows(places), rows(places + 1))
    }
  }
}
