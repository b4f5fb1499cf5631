import EmberGraph
import EmberRuntime
import EmberTensor

extension Reduce: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), result = site.outputDType()
    let axes = x.rank == 0 ? [] : dimensions.map { $0 < 0 ? $0 + x.rank : $0 }
    func reduced(_ operation: String, in type: DType, _ name: String? = nil, from source: DType? = nil) throws -> String {
      let operand = try site.cast(name ?? x.name, from: source ?? x.dtype, to: type)
      return try site.cast(site.reduce(operation, operand, axes, keepsDimensions: keepsDimensions), from: type, to: result)
    }
    // Extremes of bytes and truth values are known to few operator sets.
    let ordered: DType = x.dtype.category <= .integer && x.dtype != .int64 ? .int32 : x.dtype
    switch reduction {
    case .sum: return [try reduced("ReduceSum", in: result)]
    case .mean: return [try reduced("ReduceMean", in: result)]
    case .product: return [try reduced("ReduceProd", in: result)]
    case .maximum: return [try reduced("ReduceMax", in: ordered)]
    case .minimum: return [try reduced("ReduceMin", in: ordered)]
    case .logSumExp: return [try reduced("ReduceLogSumExp", in: result)]
    case .sumOfSquares: return [try reduced("ReduceSumSquare", in: result)]
    case .sumAbsolute: return [try reduced("ReduceL1", in: result)]
    case .any, .all:
      let truths = try site.cast(x.name, from: x.dtype, to: .bool)
      return [try reduced(reduction == .any ? "ReduceMax" : "ReduceMin", in: .int32, truths, from: .bool)]
    case .countNonzero:
      let truths = try site.cast(x.name, from: x.dtype, to: .bool)
      return [try reduced("ReduceSum", in: .int64, truths, from: .bool)]
    case .nanSum:
      guard x.dtype.isFloatingPoint else { return [try reduced("ReduceSum", in: result)] }
      let numbers = site.emit("Where", site.emit("IsNaN", x.name), site.scalar(.real(0), x.dtype), x.name)
      return [try reduced("ReduceSum", in: result, numbers)]
    case .argmax, .argmin:
      let operation = reduction == .argmax ? "ArgMax" : "ArgMin"
      let operand = try site.cast(x.name, from: x.dtype, to: ordered)
      if axes.count == 1 {
        return [site.emit(operation, operand, attributes: ["axis": .int(axes[0]), "keepdims": .int(keepsDimensions ? 1 : 0)])]
      }
      guard axes.isEmpty else { throw site.refusal("positions over \(axes.count) dimensions have no form in ONNX") }
      let flat = site.emit("Reshape", operand, site.ints([-1]))
      let index = site.emit(operation, flat, attributes: ["axis": .int(0), "keepdims": .int(0)])
      return [keepsDimensions ? try site.reshape(index, to: site.outputShape()) : index]
    }
  }
}

extension Extreme: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    if x.rank == 0 { return [x.name, site.scalar(0, .int64)] }
    let type: DType = x.dtype.category <= .integer && x.dtype != .int64 ? .int32 : x.dtype
    let operand = try site.cast(x.name, from: x.dtype, to: type), axis = dimension < 0 ? dimension + x.rank : dimension
    let values = site.reduce(maximum ? "ReduceMax" : "ReduceMin", operand, [axis], keepsDimensions: keepsDimension)
    let indices = site.emit(
      maximum ? "ArgMax" : "ArgMin", operand, attributes: ["axis": .int(axis), "keepdims": .int(keepsDimension ? 1 : 0)])
    return [try site.cast(values, from: type, to: x.dtype), indices]
  }
}

extension Variance: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), type = x.dtype.statistics
    let axes = dimensions.isEmpty ? Array(0..<x.rank) : dimensions.map { $0 < 0 ? $0 + x.rank : $0 }
    let wide = try site.cast(x.name, from: x.dtype, to: type)
    let centred = site.emit("Sub", wide, site.reduce("ReduceMean", wide, axes, keepsDimensions: true))
    let squares = site.reduce("ReduceSum", site.emit("Mul", centred, centred), axes, keepsDimensions: keepsDimensions)
    let divisor: String
    let count = axes.reduce(nil as Extent?) { product, axis in product.map { $0 * x.shape[axis] } ?? x.shape[axis] }
    if let count, count.fixed == nil {
      let number = try site.cast(site.scalarExtent(count), from: .int64, to: type)
      divisor = correction == 0 ? number : site.emit("Sub", number, site.scalar(.real(correction), type))
    } else {
      divisor = site.scalar(.real(max(Double(count?.fixed ?? 1) - correction, 0)), type)
    }
    let variance = site.emit("Div", squares, divisor)
    return [try site.cast(squareRoot ? site.emit("Sqrt", variance) : variance, from: type, to: x.dtype)]
  }
}

extension VectorNorm: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), axes = dimensions.map { $0 < 0 ? $0 + x.rank : $0 }
    func reduced(_ operation: String, _ name: String) -> String { site.reduce(operation, name, axes, keepsDimensions: keepsDimensions) }
    switch p {
    case 1: return [reduced("ReduceL1", x.name)]
    case 2: return [reduced("ReduceL2", x.name)]
    case .infinity: return [reduced("ReduceMax", site.emit("Abs", x.name))]
    case -.infinity: return [reduced("ReduceMin", site.emit("Abs", x.name))]
    case 0: return [reduced("ReduceSum", try site.cast(site.cast(x.name, from: x.dtype, to: .bool), from: .bool, to: x.dtype))]
    default:
      let powers = site.emit("Pow", site.emit("Abs", x.name), site.scalar(.real(p), x.dtype))
      return [site.emit("Pow", reduced("ReduceSum", powers), site.scalar(.real(1 / p), x.dtype))]
    }
  }
}

extension Cumulative: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    guard scan == .sum else { throw site.refusal("running products have no form in these operator sets of ONNX") }
    let x = try site.input(0), result = site.outputDType()
    let wide = try site.cast(x.name, from: x.dtype, to: result)
    if x.rank == 0 { return [wide] }
    return [site.emit("CumSum", wide, site.scalar(.integer(Int64(dimension)), .int64))]
  }
}

extension TopK: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    if x.rank == 0 { return [x.name, site.scalar(0, .int64)] }
    return site.emit(
      "TopK", [x.name, try site.vector([site.extent(self) { $0.k }])],
      ["axis": .int(dimension), "largest": .int(largest ? 1 : 0), "sorted": .int(sorted ? 1 : 0)], outputs: 2)
  }
}

extension Sort: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    if x.rank == 0 { return [x.name, site.scalar(0, .int64)] }
    let axis = dimension < 0 ? dimension + x.rank : dimension
    return site.emit(
      "TopK", [x.name, try site.vector([x.shape[axis]])], ["axis": .int(axis), "largest": .int(descending ? 1 : 0)], outputs: 2)
  }
}
