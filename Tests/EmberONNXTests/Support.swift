import EmberRuntime
import EmberTensor
import Foundation
import SwiftProtobuf
import TestSupport

@testable import EmberONNX

/// The folder of fixtures.
let fixtures = URL(fileURLWithPath: Checkout.fixture(""))

/// A node with inputs and outputs by name.
func node(
  _ operation: String, _ inputs: [String], _ outputs: [String], name: String = "", domain: String = "", _ attributes: Onnx_AttributeProto...
) -> Onnx_NodeProto {
  var node = Onnx_NodeProto()
  node.opType = operation
  node.input = inputs
  node.output = outputs
  node.name = name
  node.domain = domain
  node.attribute = attributes
  return node
}

func attribute(_ name: String, _ value: Int) -> Onnx_AttributeProto {
  var attribute = Onnx_AttributeProto()
  (attribute.name, attribute.type, attribute.i) = (name, .int, Int64(value))
  return attribute
}

func attribute(_ name: String, _ value: String) -> Onnx_AttributeProto {
  var attribute = Onnx_AttributeProto()
  (attribute.name, attribute.type, attribute.s) = (name, .string, Data(value.utf8))
  return attribute
}

func attribute(_ name: String, _ graph: Onnx_GraphProto) -> Onnx_AttributeProto {
  var attribute = Onnx_AttributeProto()
  (attribute.name, attribute.type, attribute.g) = (name, .graph, graph)
  return attribute
}

func tensor(_ name: String, _ values: [Float], _ shape: [Int]) -> Onnx_TensorProto {
  var tensor = Onnx_TensorProto()
  (tensor.name, tensor.dataType, tensor.dims, tensor.floatData) = (name, 1, shape.map(Int64.init), values)
  return tensor
}

func integers(_ name: String, _ values: [Int], _ shape: [Int]? = nil) -> Onnx_TensorProto {
  var tensor = Onnx_TensorProto()
  tensor.name = name
  tensor.dataType = 7
  tensor.dims = (shape ?? [values.count]).map(Int64.init)
  tensor.int64Data = values.map(Int64.init)
  return tensor
}

func port(_ name: String, _ type: ONNXElementType = .float32, _ shape: [Int]? = nil) -> Onnx_ValueInfoProto {
  var port = Onnx_ValueInfoProto()
  port.name = name
  port.type.tensorType.elemType = Int32(type.rawValue)
  if let shape {
    port.type.tensorType.shape.dim = shape.map { extent in
      var dimension = Onnx_TensorShapeProto.Dimension()
      dimension.dimValue = Int64(extent)
      return dimension
    }
  }
  return port
}

func graph(
  _ nodes: [Onnx_NodeProto], inputs: [Onnx_ValueInfoProto] = [], outputs: [String], initializers: [Onnx_TensorProto] = []
) -> Onnx_GraphProto {
  var graph = Onnx_GraphProto()
  graph.name = "test"
  graph.node = nodes
  graph.input = inputs
  graph.output = outputs.map { port($0) }
  graph.initializer = initializers
  return graph
}

/// The message of a model.
func message(_ graph: Onnx_GraphProto, opset: Int = 22, functions: [Onnx_FunctionProto] = []) -> Onnx_ModelProto {
  var model = Onnx_ModelProto()
  model.irVersion = 10
  model.graph = graph
  model.functions = functions
  for (domain, version) in [("", opset), ("local", 1), ("ai.onnx.ml", 4)] {
    var entry = Onnx_OperatorSetIdProto()
    (entry.domain, entry.version) = (domain, Int64(version))
    model.opsetImport.append(entry)
  }
  return model
}

func load(_ graph: Onnx_GraphProto, opset: Int = 22, functions: [Onnx_FunctionProto] = []) throws -> ONNXModel {
  try ONNXModel(bytes: try message(graph, opset: opset, functions: functions).serializedBytes())
}

/// The text of the error that a closure throws; nil if it does not.
func complaint<Result>(_ body: () throws -> Result) -> String? {
  do {
    _ = try body()
    return nil
  } catch { return "\(error)" }
}
