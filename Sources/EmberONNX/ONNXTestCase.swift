import EmberFormats
import EmberGraph
import EmberRuntime
import EmberTensor
internal import FoundationEssentials

/// One case of ONNX's backend tests: a model, and sets of inputs with the outputs they must give.
public struct ONNXTestCase: Sendable {
  /// The path of the case's folder from the one that was searched.
  public let name: String
  /// The contents of one of the case's files, nil if there is none.
  private let read: @Sendable (String) throws -> [UInt8]?

  /// The cases in a folder, however deep, or in a zip archive, by name.
  public static func cases(in path: String) throws -> [ONNXTestCase] {
    var isFolder = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw EmberError(.file, in: "onnx-test", "\(path): there is no such folder")
    }
    if !isFolder {
      let files = try Zip.load(path, limit: 1 << 30, in: "onnx-test")
      return names(in: files.keys).map { name in
        ONNXTestCase(name: name) { files[name == "." ? $0 : "\(name)/\($0)"] }
      }
    }
    let paths = (try? FileManager.default.subpathsOfDirectory(atPath: path)) ?? []
    return names(in: paths).map { name in
      ONNXTestCase(name: name) { file in
        let whole = "\(path)/\(name)/\(file)"
        guard FileManager.default.fileExists(atPath: whole) else { return nil }
        return try FileBytes.reading(whole, in: "onnx", limit: 1 << 31).withBytes { Array($0) }
      }
    }
  }

  private static func names(in paths: some Sequence<String>) -> [String] {
    let model = "model.onnx"
    return paths.compactMap { path in
      path == model ? "." : path.hasSuffix("/" + model) ? String(path.dropLast(model.count + 1)) : nil
    }.sorted()
  }

  /// Runs all sets; throws what went wrong or differs first. Tolerances are those of ONNX's own runner.
  ///
  /// - Parameter compiled: runs the model as graphs where it can be one, each set twice: as it is captured, and again.
  /// - Returns: how many graphs there were.
  @discardableResult
  public func run(compiled: Bool = false) throws -> Int {
    guard let bytes = try read("model.onnx") else { throw EmberError(.file, in: "onnx-test", "there is no model.onnx") }
    let model = try ONNXModel(bytes: bytes)
    var options = CompileOptions()
    options.verifies = true
    let graphs = compiled ? model.compiled(options: options) : nil
    var set = 0
    while true {
      func values(_ kind: String, _ types: [ONNXValueType]) throws -> [ONNXValue?] {
        try types.indices.map { i in try read("test_data_set_\(set)/\(kind)_\(i).pb").map { try ONNXValue(serialized: $0, type: types[i]) } }
      }
      let inputs = try values("input", model.graph.inputTypes), outputs = try values("output", model.graph.outputTypes)
      if outputs.allSatisfy({ $0 == nil }) { break }
      for _ in 0..<(compiled ? 2 : 1) {
        let results = try noGrad { try graphs?.evaluate(inputs) ?? model.evaluate(inputs) }
        for (i, expected) in outputs.enumerated() {
          guard let expected else { continue }
          if let difference = ONNXComparison(relative: 1e-3, absolute: 1e-7).difference(results[i], expected) {
            throw EmberError(.value, in: "onnx-test", "set \(set), output '\(model.outputs[i].name)': \(difference)")
          }
        }
      }
      set += 1
    }
    if set == 0 { throw EmberError(.file, in: "onnx-test", "there is no test_data_set_0 with outputs") }
    return graphs?.graphs.count ?? 0
  }
}

/// Holds values against expected ones.
public struct ONNXComparison: Sendable {
  public let relative: Double
  public let absolute: Double

  public init(relative: Double, absolute: Double) {
    self.relative = relative
    self.absolute = absolute
  }

  /// What differs, in words; nil if nothing does.
  public func difference(_ actual: ONNXValue, _ expected: ONNXValue) -> String? {
    switch (actual, expected) {
    case (.absent, .absent): return nil
    case (.strings(let a), .strings(let b)):
      if a.shape != b.shape { return "shape \(a.shape), not \(b.shape)" }
      return zip(a.elements, b.elements).first { $0 != $1 }.map { "'\($0.0)', not '\($0.1)'" }
    case (.sequence(let a), .sequence(let b)):
      if a.count != b.count { return "\(a.count) elements, not \(b.count)" }
      for (i, pair) in zip(a, b).enumerated() {
        if let difference = difference(pair.0, pair.1) { return "element \(i): \(difference)" }
      }
      return nil
    default:
      guard let a = actual.tensor, let b = expected.tensor, let type = actual.elementType, type == expected.elementType else {
        return "\(actual.summary), not \(expected.summary)"
      }
      if a.shape != b.shape { return "shape \(a.shape), not \(b.shape)" }
      do { return try difference(a, b, type) } catch { return "\(error)" }
    }
  }

  private func difference(_ a: Tensor, _ b: Tensor, _ type: ONNXElementType) throws -> String? {
    if type == .uint64 { return try firstDifference(a.elementsOrThrow(as: UInt64.self), b.elementsOrThrow(as: UInt64.self)) { $0 == $1 } }
    if type.isInteger { return try firstDifference(a.elementsOrThrow(as: Int64.self), b.elementsOrThrow(as: Int64.self)) { $0 == $1 } }
    if type == .bool { return try firstDifference(a.elementsOrThrow(as: Bool.self), b.elementsOrThrow(as: Bool.self)) { $0 == $1 } }
    if a.dtype.isComplex { return try difference(a.viewAsReal(), b.viewAsReal(), .float64) }
    return try firstDifference(a.elementsOrThrow(as: Double.self), b.elementsOrThrow(as: Double.self)) { x, y in
      x == y || x.isNaN && y.isNaN || abs(x - y) <= absolute + relative * abs(y)
    }
  }

  private func firstDifference<Element>(_ a: [Element], _ b: [Element], _ agree: (Element, Element) -> Bool) -> String? {
    let wrong = a.indices.filter { !agree(a[$0], b[$0]) }
    guard let first = wrong.first else { return nil }
    return "\(wrong.count) of \(a.count) elements differ, the first at \(first): \(a[first]), not \(b[first])"
  }
}
