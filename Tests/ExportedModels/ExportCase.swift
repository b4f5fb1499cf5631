import EmberFormats
import EmberNN
import EmberONNX
import EmberRuntime
import EmberTensor

/// A model that is exported, and inputs of other sizes than those it was exported with.
public struct ExportCase {
  public let name: String
  public let model: Module
  public let examples: [Tensor]
  public var options: ONNXExportOptions
  public let inputs: [Tensor]
  public let forward: ([Tensor]) -> [Tensor]

  /// - Parameters:
  ///   - examples: what the model is exported with.
  ///   - inputs: what it is then compared with.
  public init(
    _ name: String, _ model: Module, examples: [Tensor], inputs: [Tensor], dynamicAxes: [[Int: String]], opset: Int = 20,
    externalDataLimit: Int = 1 << 30, _ forward: @escaping ([Tensor]) -> [Tensor]
  ) {
    self.name = name
    self.model = model
    self.examples = examples
    self.inputs = inputs
    self.forward = forward
    options = ONNXExportOptions(opset: opset, dynamicAxes: dynamicAxes, externalDataLimit: externalDataLimit)
  }

  public func export(to path: String) throws { try model.exportONNX(to: path, inputs: examples, options: options, forward) }

  /// What the model itself gives for the inputs.
  public func expected() throws -> [Tensor] {
    model.eval()
    return try catchingErrors { noGrad { forward(inputs) } }
  }

  /// Writes NAME.onnx, and NAME.inputK.npy and NAME.outputK.npy beside it.
  public func write(to folder: String) throws {
    try export(to: "\(folder)/\(name).onnx")
    for (i, input) in inputs.enumerated() { try NPY.save(input, to: "\(folder)/\(name).input\(i).npy") }
    for (i, output) in try expected().enumerated() { try NPY.save(output, to: "\(folder)/\(name).output\(i).npy") }
  }
}
