import EmberGraph
import EmberRuntime
import EmberTensor

extension ExportSite {
  fileprivate func ones(_ shape: [Int], _ dtype: DType) -> String { constant(Tensor.ones(shape, dtype: dtype)) }
  fileprivate func zeros(_ shape: [Int], _ dtype: DType) -> String { constant(Tensor.zeros(shape, dtype: dtype)) }

  /// A vector of channels beside [batch, channels, ...].
  fileprivate func perChannel(_ name: String, rank: Int) -> String { rank <= 2 ? name : unsqueeze(name, Array(1...(rank - 2))) }
}

extension LayerNormOperation: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    let weight = try site.inputIfPresent(1)?.name ?? site.ones(normalized, x.dtype)
    let y = site.emit(
      "LayerNormalization", x.name, weight, try site.inputIfPresent(2)?.name,
      attributes: ["axis": .int(-normalized.count), "epsilon": .float(epsilon)])
    return [try site.cast(y, from: x.dtype, to: result ?? x.dtype), nil, nil]
  }
}

extension RMSNormOperation: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), type = x.dtype.statistics
    let wide = try site.cast(x.name, from: x.dtype, to: type)
    let axes = (0..<normalized.count).map { -1 - $0 }
    let square = site.reduce("ReduceMean", site.emit("Mul", wide, wide), axes, keepsDimensions: true)
    let root = site.emit("Sqrt", site.emit("Add", square, site.scalar(.real(epsilon), type)))
    var y = site.emit("Div", wide, root)
    if let weight = try site.inputIfPresent(1) { y = site.emit("Mul", y, try site.cast(weight.name, from: weight.dtype, to: type)) }
    return [try site.cast(y, from: type, to: x.dtype), nil]
  }
}

extension GroupNormOperation: ONNXExportable {
  /// Each group becomes one channel of an instance normalisation.
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    let size = x.shape.dropFirst().reduce(Extent(1, like: x.shape[0])) { $0 * $1 }
    let perGroup = Extent(size.samples.map { $0 / groups })
    let grouped = try site.reshape(x.name, from: x.shape, to: [x.shape[0], Extent(groups, like: size), perGroup])
    let normal = site.emit(
      "InstanceNormalization", grouped, site.ones([groups], x.dtype), site.zeros([groups], x.dtype),
      attributes: ["epsilon": .float(epsilon)])
    var y = try site.reshape(normal, from: [x.shape[0]], to: x.shape)
    if let weight = try site.inputIfPresent(1) { y = site.emit("Mul", y, site.perChannel(weight.name, rank: x.rank)) }
    if let bias = try site.inputIfPresent(2) { y = site.emit("Add", y, site.perChannel(bias.name, rank: x.rank)) }
    return [y, nil, nil]
  }
}

extension BatchNormOperation: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), channels = x.shape[1].fixed ?? 0
    let weight = try site.inputIfPresent(1)?.name, bias = try site.inputIfPresent(2)?.name
    guard training else {
      let mean = try site.input(3), variance = try site.input(4)
      let y = site.emit(
        "BatchNormalization", x.name, weight ?? site.ones([channels], x.dtype), bias ?? site.zeros([channels], x.dtype), mean.name,
        variance.name, attributes: ["epsilon": .float(epsilon)])
      return [y, nil, nil, nil]
    }
    if site.isUsed(1) || site.isUsed(2) || site.isUsed(3) { throw site.refusal("statistics of a batch are read, as training does") }
    let axes = (0..<x.rank).filter { $0 != 1 }
    let centred = site.emit("Sub", x.name, site.reduce("ReduceMean", x.name, axes, keepsDimensions: true))
    let variance = site.reduce("ReduceMean", site.emit("Mul", centred, centred), axes, keepsDimensions: true)
    var y = site.emit("Div", centred, site.emit("Sqrt", site.emit("Add", variance, site.scalar(.real(epsilon), x.dtype))))
    if let weight { y = site.emit("Mul", y, site.perChannel(weight, rank: x.rank)) }
    if let bias { y = site.emit("Add", y, site.perChannel(bias, rank: x.rank)) }
    return [y, nil, nil, nil]
  }
}

extension Softmax: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0)
    if x.rank == 0 { return [site.squeeze(softmax(site, site.unsqueeze(x.name, [0]), 0), [0])] }
    return [softmax(site, x.name, dimension)]
  }

  private func softmax(_ site: ExportSite, _ name: String, _ axis: Int) -> String {
    site.emit(logarithm ? "LogSoftmax" : "Softmax", name, attributes: ["axis": .int(axis)])
  }
}
