import EmberRuntime
import EmberTensor

extension ONNXValue {
  /// The value in a file of ONNX's tests: a tensor, a sequence or an optional, as the type says.
  init(serialized bytes: [UInt8], type: ONNXValueType) throws {
    self = try bytes.withUnsafeBytes { bytes in
      switch type {
      case .sequence: try Self(ONNXModel.message(Onnx_SequenceProto.self, bytes))
      case .optional: try Self(ONNXModel.message(Onnx_OptionalProto.self, bytes))
      case .tensor, .other: try TensorDecoder(externalFiles: nil).value(ONNXModel.message(Onnx_TensorProto.self, bytes))
      }
    }
  }

  private init(_ message: Onnx_SequenceProto) throws {
    let decoder = TensorDecoder(externalFiles: nil)
    self =
      switch Onnx_SequenceProto.DataType(rawValue: Int(message.elemType)) {
      case .tensor: .sequence(try message.tensorValues.map { try decoder.value($0) })
      case .sparseTensor: .sequence(try message.sparseTensorValues.map { try decoder.value($0) })
      case .sequence: .sequence(try message.sequenceValues.map { try Self($0) })
      case .optional: .sequence(try message.optionalValues.map { try Self($0) })
      case .undefined: .sequence([])
      case .map, nil: throw bad("sequences of maps are not supported")
      }
  }

  private init(_ message: Onnx_OptionalProto) throws {
    let decoder = TensorDecoder(externalFiles: nil)
    self =
      switch Onnx_OptionalProto.DataType(rawValue: Int(message.elemType)) {
      case .tensor: message.hasTensorValue ? try decoder.value(message.tensorValue) : .absent
      case .sparseTensor: message.hasSparseTensorValue ? try decoder.value(message.sparseTensorValue) : .absent
      case .sequence: message.hasSequenceValue ? try Self(message.sequenceValue) : .absent
      case .optional: message.hasOptionalValue ? try Self(message.optionalValue) : .absent
      case .undefined: .absent
      case .map, nil: throw bad("optional maps are not supported")
      }
  }
}
