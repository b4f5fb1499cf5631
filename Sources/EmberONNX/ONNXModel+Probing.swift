import EmberCPU
import EmberRuntime
import EmberTensor

extension ONNXModel {
  /// Inputs of the declared types and shapes with small numbers, for trying a model out; nil where there is a default.
  /// Extents that may vary are 2.
  public func sampleInputs() throws -> [ONNXValue?] {
    try zip(inputs, graph.inputTypes).map { port, type in port.isRequired ? try Self.sample(type) : nil }
  }

  private static func sample(_ type: ONNXValueType) throws -> ONNXValue {
    switch type {
    case .sequence(let element): return .sequence([try sample(element), try sample(element)])
    case .optional(let element): return try sample(element)
    case .other: return .tensor(Tensor.zeros([1]))
    case .tensor(let elementType, let dimensions):
      let shape = (dimensions ?? []).map { if case .fixed(let extent) = $0, extent >= 0 { extent } else { 2 } }
      let count = shape.reduce(1) { $0.multipliedReportingOverflow(by: $1).partialValue }
      guard shape.count <= maximumRank, shape.allSatisfy({ $0 < 1 << 24 }), (0..<1 << 24).contains(count) else {
        throw EmberError(.shape, in: "onnx", "an input of shape \(shape) is too large for a sample")
      }
      let elementType = elementType ?? .float32
      guard let dtype = elementType.dtype else {
        return .strings(ONNXStrings(shape: shape, (0..<count).map { "text \($0 % 7)" }))
      }
      let numbers = (Tensor.arange(count) % Tensor(7)).reshape(shape)
      let range = elementType.integerRange ?? 0...7
      return ONNXValue(numbers.clamp(min: Int(max(range.lowerBound, -4)), max: Int(min(range.upperBound, 7))).to(dtype), elementType)
    }
  }

  /// Loads bytes as a model and runs it on sample inputs, with at most 256 MiB and a hundred thousand nodes. Errors are what is expected;
  /// this is for looking for anything worse.
  public static func probe(_ bytes: [UInt8]) {
    CPU.setMemoryCap(1 << 28)
    guard let model = try? ONNXModel(bytes: bytes) else { return }
    model.nodeLimit = 100_000
    _ = try? catchingErrors { try noGrad { try model.evaluate(try model.sampleInputs()) } }
  }
}
