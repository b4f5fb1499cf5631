import EmberRuntime
import EmberTensor

extension MatMul: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] { [site.emit("MatMul", try site.input(0).name, try site.input(1).name)] }
}

extension LinearOperation: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let x = try site.input(0), weight = try site.input(1), bias = try site.inputIfPresent(2)
    if x.rank == 2 { return [site.emit("Gemm", x.name, weight.name, bias?.name, attributes: ["transB": .int(1)])] }
    let product = site.emit("MatMul", x.name, site.transpose(weight.name, [1, 0]))
    return [bias.map { site.emit("Add", product, $0.name) } ?? product]
  }
}

extension AddMatMul: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let base = try site.input(0), a = try site.input(1), b = try site.input(2)
    if a.rank == 2, a.dtype.isFloatingPoint {
      return [
        site.emit(
          "Gemm", a.name, b.name, beta == 0 ? nil : base.name, attributes: ["alpha": .float(alpha), "beta": .float(beta == 0 ? 1 : beta)])
      ]
    }
    func scaled(_ name: String, _ factor: Double) -> String {
      factor == 1 ? name : site.emit("Mul", name, site.scalar(a.dtype.isFloatingPoint ? .real(factor) : .integer(Int64(factor)), a.dtype))
    }
    let product = scaled(site.emit("MatMul", a.name, b.name), alpha)
    return [beta == 0 ? product : site.emit("Add", product, scaled(base.name, beta))]
  }
}
