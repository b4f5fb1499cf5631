import EmberRuntime
import EmberTensor

/// Draws: of the same distribution, but not the same numbers.
extension DrawCall: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let shape = site.outputShape()
    let floating: DType = dtype == .float64 ? .float64 : .float32
    func draw(_ operation: String, _ a: (String, Double), _ b: (String, Double)) throws -> String {
      let type: ExportAttribute = .int(try site.exporter.elementType(floating).rawValue)
      let attributes: KeyValuePairs<String, ExportAttribute> = [a.0: .float(a.1), b.0: .float(b.1), "dtype": type]
      // The operators of this name without "Like" take no shape that varies.
      let like = site.emit("ConstantOfShape", try site.vector(shape), attributes: ["value": .tensor(Tensor.zeros([1]))])
      return try site.cast(site.emit(operation, [like], attributes, outputs: 1)[0], from: floating, to: dtype)
    }
    switch distribution {
    case .normal(let mean, let deviation): return [try draw("RandomNormalLike", ("mean", mean), ("scale", deviation))]
    case .uniform(let low, let high): return [try draw("RandomUniformLike", ("low", low), ("high", high))]
    default: throw site.refusal("draws from a distribution that ONNX does not have")
    }
  }
}

extension BernoulliCall: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] { [site.emit("Bernoulli", try site.input(0).name)] }
}
