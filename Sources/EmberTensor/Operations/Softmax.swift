import EmberRuntime

package struct Softmax: UnaryOperation {
  package static let name = "softmax"
  package let saved: SavedTensors = .output
  package let logarithm: Bool
  package let dimension: Int
  package var callName: String { logarithm ? "log_softmax" : "softmax" }

  package func forward(_ x: Tensor) throws(EmberError) -> Tensor {
    let operation = callName
    guard x.dtype.isFloatingPoint, !x.dtype.isStorageOnly else {
      throw EmberError(.dtype, in: operation, "\(x.summary): it must be float32, float64, float16 or bfloat16; convert with .to(.float32)")
    }
    let axis = try DenseAxis(x, dimension, in: operation)
    let y = try Tensor.empty(shape: x.body.shape, dtype: x.dtype, like: x)
    if x.backend.holdsData, y.elementCount > 0 { x.backend.softmax(axis.operand, logarithm: logarithm, into: y.operand) }
    return y
  }

  package func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let y = context.output()
    if context.isRecording {
      // Written out, so that it can be differentiated again.
      if logarithm { return gradient - y.exp() * gradient.sum(dimension, keepDim: true) }
      let weighted = gradient * y
      return weighted - y * weighted.sum(dimension, keepDim: true)
    }
    return attempt { () throws(EmberError) in
      let axis = try DenseAxis(gradient.value, dimension, in: "softmax_backward")
      let result = try Tensor.empty(shape: y.body.shape, dtype: y.dtype, like: y)
      let dense = try y.dense()
      if y.backend.holdsData, result.elementCount > 0 {
        y.backend.softmaxBackward(gradient: axis.operand, output: dense.operand, logarithm: logarithm, into: result.operand)
      }
      return result
    }
  }
}

extension Tensor {
  /// exp x / Σ exp x along a dimension; computed in `dtype` if given.
  public func softmax(_ dim: Int, dtype: DType? = nil) -> Tensor {
    apply(Softmax(logarithm: false, dimension: dim), dtype.map { to($0) } ?? self)
  }

  /// The logarithm of `softmax`, computed without taking it.
  public func logSoftmax(_ dim: Int, dtype: DType? = nil) -> Tensor {
    apply(Softmax(logarithm: true, dimension: dim), dtype.map { to($0) } ?? self)
  }
}

extension OperatorRegistry {
  mutating func addSoftmax() {
    add("aten::softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { (x: Tensor, dim: Int, dtype: DType?) in
      x.softmax(dim, dtype: dtype)
    }
    add("aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor") { (x: Tensor, dim: Int, dtype: DType?) in
      x.logSoftmax(dim, dtype: dtype)
    }
  }
}
