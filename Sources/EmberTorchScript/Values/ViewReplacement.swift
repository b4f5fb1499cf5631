import EmberRuntime
import EmberTensor

/// The way back through the views that have a function for it, so that a write through a view is an operation that graphs and ONNX know.
enum ViewReplacement {
  private static let reshaping: Set<String> = [
    "alias", "contiguous", "detach", "flatten", "ravel", "reshape", "reshape_as", "squeeze", "unflatten", "unsqueeze", "view", "view_as",
  ]
  private static let rearranging: Set<String> = ["moveaxis", "movedim", "numpy_T", "permute", "swapaxes", "swapdims", "t", "transpose"]

  /// - Parameters:
  ///   - operation: ATen's name of the view.
  ///   - step: the view itself.
  ///   - argument: its arguments by name.
  static func make(_ operation: String, _ step: @escaping ViewPath.Step, _ argument: (String) -> OperatorValue?) -> ViewPath.Replacement? {
    func integer(_ name: String) -> Int? { if case .integer(let number)? = argument(name) { number } else { nil } }
    if reshaping.contains(operation) { return { whole, part in part.reshape(Array(whole.shape)) } }
    if rearranging.contains(operation) { return { whole, part in try rearranged(part, against: step, rank: whole.rank) } }
    switch operation {
    case "select":
      guard let dimension = integer("dim"), let index = integer("index") else { return nil }
      return { $0.selectScatter($1, dimension, index) }
    case "slice":
      guard let dimension = integer("dim") else { return nil }
      let start = integer("start"), end = integer("end"), step = integer("step") ?? 1
      return { $0.sliceScatter($1, dimension, start: start, end: end, step: step) }
    case "narrow":
      guard let dimension = integer("dim"), let start = integer("start"), let length = integer("length") else { return nil }
      return { whole, part in
        let first = start < 0 ? start + whole.size(dimension) : start
        return whole.sliceScatter(part, dimension, start: first, end: first + length)
      }
    default: return nil
    }
  }

  /// The same for the parts of a view that makes several.
  static func make(_ operation: String, part: Int, of parts: [Tensor], _ argument: (String) -> OperatorValue?) -> ViewPath.Replacement? {
    guard case .integer(let dimension)? = argument("dim") else { return nil }
    switch operation {
    case "unbind": return { $0.selectScatter($1, dimension, part) }
    case "chunk", "split", "split_with_sizes", "tensor_split", "unsafe_chunk", "unsafe_split":
      let lengths = parts.prefix(part + 1).map { $0.size(dimension) }
      let end = lengths.reduce(0, +), start = end - lengths[part]
      return { $0.sliceScatter($1, dimension, start: start, end: end) }
    default: return nil
    }
  }

  /// A tensor with its dimensions where they were before `step` changed their order, which a tensor whose extents all differ tells.
  private static func rearranged(_ part: Tensor, against step: ViewPath.Step, rank: Int) throws -> Tensor {
    let marked = try step(Tensor.empty((0..<rank).map { $0 + 2 }, on: .meta))
    var order = Array(0..<rank)
    for (position, extent) in marked.shape.enumerated() { order[extent - 2] = position }
    return part.permute(order)
  }
}
