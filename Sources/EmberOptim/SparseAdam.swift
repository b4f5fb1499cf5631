import EmberRuntime
import EmberSparse
import EmberTensor

/// Adam that moves only the elements which a gradient names, and only their moments: for embeddings of which a batch uses few rows; as
/// `torch.optim.SparseAdam`.
///
/// ```swift
/// optimizer.setGradient(try SparseTensor(indices: rows, values: gradients, shape: [10_000, 64]), of: embedding.$weight)
/// optimizer.step()
/// ```
/// Where a parameter has no sparse gradient, its ordinary one counts, of which the rows that are not all zero are named.
open class SparseAdam: GroupOptimizer<SparseAdam.Options> {
  /// What is chosen for a group of parameters.
  public struct Options: OptimizerOptions {
    /// The length of a step.
    public var learningRate: Double
    /// How much of the averages of the gradient and of its square a step keeps, each from 0 to below 1.
    public var betas: (Double, Double)
    /// Added to the denominator.
    public var epsilon: Double
    /// Climbs instead of descending.
    public var maximize: Bool

    public init(learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8, maximize: Bool = false) {
      self.learningRate = learningRate
      self.betas = betas
      self.epsilon = epsilon
      self.maximize = maximize
    }

    public static var saved: [(name: String, path: WritableKeyPath<Options, Double>)] {
      [
        ("lr", \.learningRate), ("beta1", \.betas.0), ("beta2", \.betas.1), ("eps", \.epsilon), ("maximize", \.maximize.asNumber),
      ]
    }
    public static var momentum: WritableKeyPath<Options, Double>? { \.betas.0 }

    public func validate() throws(EmberError) {
      let checks = OptionChecks("SparseAdam")
      try checks.require("learningRate", learningRate, learningRate > 0, "positive")
      try checks.betas(betas)
      try checks.require("epsilon", epsilon, epsilon > 0, "positive")
    }

    public func validate(_ value: Tensor) throws(EmberError) { try OptionChecks("SparseAdam").isReal(value) }
  }

  /// By cell.
  private var sparseGradients: [ObjectIdentifier: SparseTensor] = [:]

  public convenience init(
    _ parameters: [StateCell], learningRate: Double = 1e-3, betas: (Double, Double) = (0.9, 0.999), epsilon: Double = 1e-8,
    maximize: Bool = false
  ) {
    self.init(groups: [
      ParameterGroup(parameters, Options(learningRate: learningRate, betas: betas, epsilon: epsilon, maximize: maximize))
    ])
  }

  /// Gives a parameter the gradient of the next steps, until `zeroGrad`. Nil: the ordinary one counts again.
  public func setGradient(_ gradient: SparseTensor?, of cell: StateCell) {
    if ErrorScopes.hasFailed { return }
    let value = cell.value
    if let gradient, gradient.shape != value.shape || gradient.dtype != value.dtype || gradient.device != value.device {
      let kind: EmberError.Kind = gradient.shape != value.shape ? .shape : gradient.dtype != value.dtype ? .dtype : .device
      raise(
        EmberError(kind, in: "SparseAdam", "a sparse gradient \(gradient.dtype)\(gradient.shape) for the parameter \(value.summary)"))
      return
    }
    let old = sparseGradients
    ErrorScopes.journal(for: self) { self.sparseGradients = old }
    sparseGradients[ObjectIdentifier(cell)] = gradient
  }

  override open func zeroGrad() {
    sparseGradients = [:]
    super.zeroGrad()
  }

  override open func layout(for value: Tensor, _ options: Options) -> [StateTensor] { [StateTensor("exp_avg"), StateTensor("exp_avg_sq")] }

  /// A sparse gradient stands in the step with its shape alone; `plan` takes the rest.
  override func gradient(of cell: StateCell) -> Tensor? {
    guard let sparse = sparseGradients[ObjectIdentifier(cell)] else { return cell.grad }
    return Tensor.zeros([], dtype: sparse.dtype, on: sparse.device).expand(Array(sparse.shape))
  }

  override var needsDenseGradient: Bool { false }

  override open func plan(_ update: inout ParameterUpdate, _ o: Options) {
    do {
      let sparse = try (sparseGradients[ObjectIdentifier(update.cell)] ?? Self.rows(of: update.gradient)).coalesced()
      guard sparse.count > 0, sparse.values.elementCount > 0 else { return }
      let extents = Array(sparse.values.shape.dropFirst())
      let places = sparse.flatPositions
      func named(_ x: Tensor) -> Tensor { x.flatten(0, x.rank - extents.count - 1).indexSelect(0, places) }
      let gradient = o.maximize ? -sparse.values.detach() : sparse.values.detach()
      let average = named(update.state["exp_avg"]).lerp(gradient, weight: .real(1 - o.betas.0))
      let square = named(update.state["exp_avg_sq"]).lerp(gradient.square(), weight: .real(1 - o.betas.1))
      let (correction1, correction2) = Adam.corrections(o.betas, update.state.step)
      let rate = o.learningRate * correction2.squareRoot() / correction1
      let moved = named(update.value) - average / (square.sqrt() + o.epsilon) * Scalar.real(rate)
      // Where the pieces that change begin, in elements.
      let size = extents.reduce(1, *)
      update.planned = [places * size, moved.contiguous(), average.contiguous(), square.contiguous()]
    } catch {
      raise(error as? EmberError ?? EmberError(.value, in: "SparseAdam", "\(error)"))
    }
  }

  /// The rows that are not all zero.
  private static func rows(of gradient: Tensor) throws -> SparseTensor {
    let whole = gradient.rank == 0 ? gradient.reshape([1]) : gradient
    let isNamed = (whole.reshape([whole.size(0), whole.elementCount / max(1, whole.size(0))]) .!= 0).any([1])
    let rows = isNamed.nonzero().reshape([1, -1])
    return try SparseTensor(
      indices: rows, values: whole.indexSelect(0, rows.reshape([-1])), shape: Array(whole.shape), isCoalesced: true)
  }

  override open func apply(_ update: inout ParameterUpdate, _ o: Options) {
    guard update.planned.count == 4, update.value.backend.holdsData else { return }
    let piece = Shape(Array(update.planned[1].shape.dropFirst()))
    for (target, source) in zip([update.value, update.state["exp_avg"], update.state["exp_avg_sq"]], update.planned.dropFirst()) {
      func pieces(_ x: Tensor) -> Operand {
        Operand(pointer: x.operand.pointer, dtype: x.dtype, shape: piece, strides: piece.contiguousStrides)
      }
      target.backend.putBlocks(
        into: pieces(target), offsets: update.planned[0].operand, source: pieces(source), sourceStride: piece.elementCount,
        accumulate: false)
    }
  }
}
