import EmberFunctional
import EmberGraph
import EmberRuntime
import EmberTensor

/// softmax(scale · q kᵀ + mask) v
extension Attention: ONNXExportable {
  func export(_ site: ExportSite) throws -> [String?] {
    let q = try site.input(0), k = try site.input(1), v = try site.input(2), mask = try site.inputIfPresent(3)
    let type = q.dtype
    var order = Array(0..<k.rank)
    order.swapAt(k.rank - 2, k.rank - 1)
    let scaled = site.emit("Mul", q.name, site.scalar(.real(scale), type))
    var scores = site.emit("MatMul", scaled, site.transpose(k.name, order))
    if let mask { scores = site.emit("Add", scores, mask.name) }
    let lowest = site.scalar(.real(-.infinity), type)
    if isCausal {
      let queries = site.unsqueeze(try site.range(q.shape[q.rank - 2]), [1])
      let isSeen = site.emit("LessOrEqual", try site.range(k.shape[k.rank - 2]), queries)
      scores = site.emit("Where", isSeen, scores, lowest)
    }
    var weights = site.emit("Softmax", scores, attributes: ["axis": .int(-1)])
    if mask != nil {
      // A query that sees nothing gets nothing, not NaN.
      let largest = site.reduce("ReduceMax", scores, [q.rank - 1], keepsDimensions: true)
      weights = site.emit("Where", site.emit("Equal", largest, lowest), site.scalar(.real(0), type), weights)
    }
    return [site.emit("MatMul", weights, v.name), nil]
  }
}
