import CEmberKernels
import EmberRuntime

/// An element chosen by its rank along a dimension, and its position: the k-th smallest, the median.
struct RankSelection: VariadicOperation {
  enum Choice: Sendable {
    /// The k-th smallest, k from 1.
    case smallest(Int)
    /// The lower one of the middle; NaN wins, or is left out.
    case median(ignoresNaN: Bool)

    var name: String {
      switch self {
      case .smallest: "kthvalue"
      case .median(let ignoresNaN): ignoresNaN ? "nanmedian" : "median"
      }
    }
  }

  static let name = "kthvalue"
  static let kernels = KernelTable<@Sendable (Choice, AxisOperand, Tensor, Tensor) -> Bool>(
    name,
    cpu: { choice, input, values, indices in
      let dtype = Int32(input.operand.dtype.rawValue)
      let outer = Int64(input.outer)
      let count = Int64(input.count)
      let inner = Int64(input.inner)
      let positions = indices.body.pointer?.assumingMemoryBound(to: Int64.self)
      switch choice {
      case .smallest(let k):
        return ember_kthvalue(dtype, input.operand.pointer, Int64(k), values.body.pointer, positions, outer, count, inner)
      case .median(let ignoresNaN):
        return ember_median(dtype, input.operand.pointer, values.body.pointer, positions, outer, count, inner, ignoresNaN)
      }
    },
    cuda: cudaKernel)
  let saved: SavedTensors = .output(1)
  let choice: Choice
  let dimension: Int
  let keepsDimension: Bool
  var undifferentiableOutputs: Set<Int> { [1] }

  func forward(_ inputs: [Tensor?]) throws(EmberError) -> [Tensor] {
    let x = inputs[0]!
    if x.dtype.isComplex { throw EmberError(.dtype, in: choice.name, "complex numbers have no order: \(x.summary)") }
    let axis = try DenseAxis(x, dimension, in: choice.name)
    let count = axis.operand.count
    if case .smallest(let k) = choice, k < 1 || k > count {
      throw EmberError(.value, in: choice.name, "k = \(k) of \(count) elements along dimension \(dimension) of \(x.summary)")
    }
    let shape =
      x.rank == 0 ? Shape() : keepsDimension ? x.body.shape.replacing(axis.dimension, with: 1) : x.body.shape.removing(axis.dimension)
    if count == 0 { throw EmberError(.index, in: choice.name, "\(x.summary) has no elements along dimension \(dimension)") }
    let values = try Tensor.empty(shape: shape, dtype: x.dtype, like: x)
    let indices = try Tensor.empty(shape: shape, dtype: .int64, like: x)
    if let kernel = try Self.kernels.kernel(on: x.device), values.elementCount > 0, !kernel(choice, axis.operand, values, indices) {
      throw EmberError(.kernel, in: choice.name, "no kernel of \(x.device) takes \(x.summary) along dimension \(dimension)")
    }
    return [values, indices]
  }

  func derivative(_ gradients: [Tensor?], _ context: DerivativeContext) -> [Tensor?] {
    [gradients[0].map { scatterBack($0, context.output(1), context.inputShape(0), dimension, keeps: keepsDimension) }]
  }
}

extension Tensor {
  /// The k-th smallest element along a dimension (k from 1), and the position of one that is equal to it.
  public func kthValue(_ k: Int, dim: Int = -1, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    ranked(.smallest(k), dim, keepDim)
  }

  /// The median along a dimension, the lower one of an even number, and a position of it. NaN if there is one.
  public func median(_ dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    ranked(.median(ignoresNaN: false), dim, keepDim)
  }
  /// As `median`, of the elements that are not NaN.
  public func nanMedian(_ dim: Int, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    ranked(.median(ignoresNaN: true), dim, keepDim)
  }

  /// The median of all elements; NaN of none. Equal elements share the gradient.
  public func median() -> Tensor { middle(ignoresNaN: false) }
  /// As `median`, of the elements that are not NaN.
  public func nanMedian() -> Tensor { middle(ignoresNaN: true) }

  private func ranked(_ choice: RankSelection.Choice, _ dim: Int, _ keepDim: Bool) -> (values: Tensor, indices: Tensor) {
    let all = apply(RankSelection(choice: choice, dimension: dim, keepsDimension: keepDim), [self], count: 2)
    return (all[0], all[1])
  }

  private func middle(ignoresNaN: Bool) -> Tensor {
    guard mayRun("median", self) else { return .poison }
    if elementCount == 0 {
      guard dtype.isFloatingPoint else { return refuse(.value, "median", "\(summary) has no elements, and no NaN to say so", beside: self) }
      return Tensor.full([], .real(.nan), dtype: dtype, on: device)
    }
    let value = noGrad { detach().flatten().ranked(.median(ignoresNaN: ignoresNaN), 0, false).values }
    guard node != nil, isRecordingEnabled else { return value }
    // The same number again, from the elements that are equal to it: they share the gradient evenly.
    let isChosen = (self .== value) | (isNaN & value.isNaN)
    let chosen = Pointwise.choose(isChosen, self, Tensor.zeros([], dtype: dtype, on: device))
    return chosen.sum() / isChosen.to(dtype).sum()
  }

  /// The most frequent element along a dimension, the smallest of several, and a position of it.
  public func mode(_ dim: Int = -1, keepDim: Bool = false) -> (values: Tensor, indices: Tensor) {
    guard mayRun("mode", self) else { return (.poison, .poison) }
    if rank == 0 { return (self, Tensor.zeros([], dtype: .int64, on: device)) }
    guard dim >= -rank, dim < rank, size(dim) > 0 || elementCount == 0 else {
      return (refuse(.index, "mode", "dimension \(dim) of \(summary) does not exist, or has no elements", beside: self), .poison)
    }
    let dim = dim < 0 ? dim + rank : dim
    guard size(dim) > 0 else { return (refuse(.index, "mode", "\(summary) has no elements along dimension \(dim)", beside: self), .poison) }
    let indices = noGrad {
      let (sorted, order) = detach().sort(dim)
      // How far each sorted element is from the beginning of its run of equal ones; the farthest ends the longest run.
      let extent = size(dim)
      let position = Tensor.arange(extent, on: device).reshape((0..<rank).map { $0 == dim ? extent : 1 })
      let begins = sorted.narrow(dim, start: 1, length: extent - 1) .!= sorted.narrow(dim, start: 0, length: extent - 1)
      let first = Tensor.ones(like: sorted.narrow(dim, start: 0, length: 1), dtype: .bool)
      let begin = (cat([first, begins], dim: dim).to(.int64) * position).cummax(dim).values
      let end = (position - begin).argmax(dim, keepDim: true)
      return order.gather(dim: dim, index: end)
    }
    let values = gather(dim: dim, index: indices)
    return keepDim ? (values, indices) : (values.squeeze(dim), indices.squeeze(dim))
  }

  /// Sorted along dimension 0.
  public func msort() -> Tensor { sort(0).values }
}

extension OperatorRegistry {
  mutating func addSelections() {
    add("aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, k: Int, dim: Int, keepDim: Bool) in
      let (values, indices) = x.kthValue(k, dim: dim, keepDim: keepDim)
      return (values, indices)
    }
    add("aten::median(Tensor self) -> Tensor") { (x: Tensor) in x.median() }
    add("aten::nanmedian(Tensor self) -> Tensor") { (x: Tensor) in x.nanMedian() }
    add("aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, dim: Int, keepDim: Bool) in
      let (values, indices) = x.median(dim, keepDim: keepDim)
      return (values, indices)
    }
    add("aten::nanmedian.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, dim: Int, keepDim: Bool) in
      let (values, indices) = x.nanMedian(dim, keepDim: keepDim)
      return (values, indices)
    }
    add("aten::mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, dim: Int, keepDim: Bool) in
      let (values, indices) = x.mode(dim, keepDim: keepDim)
      return (values, indices)
    }
    add("aten::sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, dim: Int, descending: Bool) in
      let (values, indices) = x.sort(dim, descending: descending)
      return (values, indices)
    }
    // Sorting is always stable.
    add("aten::sort.stable(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)") {
      (x: Tensor, _: Bool?, dim: Int, descending: Bool) in
      let (values, indices) = x.sort(dim, descending: descending)
      return (values, indices)
    }
    add("aten::argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor") { (x: Tensor, dim: Int, descending: Bool) in
      x.argsort(dim, descending: descending)
    }
    add("aten::argsort.stable(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor") {
      (x: Tensor, _: Bool, dim: Int, descending: Bool) in x.argsort(dim, descending: descending)
    }
    add("aten::topk(Tensor self, SymInt k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)") {
      (x: Tensor, k: Int, dim: Int, largest: Bool, sorted: Bool) in
      let (values, indices) = x.topk(k, dim: dim, largest: largest, sorted: sorted)
      return (values, indices)
    }
    add("aten::msort(Tensor self) -> Tensor") { (x: Tensor) in x.msort() }
  }
}
