import EmberRuntime

/// Gamma variates of scale 1, one for each element, which is its shape (Marsaglia and Tsang, 2000).
///
/// A draw x is differentiated at the fixed probability P(a, x) that it stands for: dx/da = -∂P/∂a / ∂P/∂x (Figurnov, Mohamed and
/// Mnih, 2018, arXiv:1805.08498). ∂P/∂a has no closed form; it is taken from differences of P over four points, in double precision.
struct StandardGamma: UnaryOperation {
  static let name = "_standard_gamma"
  let saved: SavedTensors = [.input0, .output]
  let draws = true
  let generator: Generator?

  func forward(_ shape: Tensor) throws(EmberError) -> Tensor {
    guard shape.dtype.isFloatingPoint else {
      throw EmberError(.dtype, in: Self.name, "shapes must be floating point, not \(shape.summary)")
    }
    let dense = try shape.dense()
    let result = try Tensor.empty(shape: shape.body.shape, dtype: shape.dtype, like: shape)
    guard shape.backend.holdsData, shape.elementCount > 0 else { return result }
    let source = try Generator.choose(generator, for: shape.device, in: Self.name)
    guard source.withState({ $0.draw(.gamma, dense.operand, into: result.operand) }) else {
      throw EmberError(.unsupported, in: Self.name, "cannot be drawn as \(shape.summary)")
    }
    return result
  }

  func derivative(_ gradient: Tensor, _ context: DerivativeContext) -> Tensor? {
    let (a, x) = (context.input(0).to(.float64), context.output().to(.float64))
    // P changes over a distance of √a about its middle, and of a near 0.
    let step = 1e-3 * minimum(a, a.sqrt())
    let isLower = x .< a
    /// P, or -Q = P - 1 where P is near 1.
    func cumulative(_ steps: Double) -> Tensor {
      let shape = a + step * steps
      return Pointwise.choose(isLower, igamma(shape, x), -igammac(shape, x))
    }
    let change = (8 * (cumulative(1) - cumulative(-1)) - (cumulative(2) - cumulative(-2))) / (12 * step)
    let logDensity = (a - 1) * x.log() - x - a.lgamma()
    return gradient * (-change * (-logDensity).exp()).to(gradient.dtype)
  }
}

extension Tensor {
  /// Gamma variates of scale 1, one for each element, which is its shape. Gradients flow to the shapes.
  public func standardGamma(generator: Generator? = nil) -> Tensor {
    guard mayRun("_standard_gamma", self) else { return .poison }
    if let scope = VmapScope.current { return scope.drawing("_standard_gamma", for: self) { $0.standardGamma(generator: generator) } }
    // A graph draws at each run, also where the shapes are the same each time.
    if Tracer.current != nil { return applyTraced(StandardGamma(generator: generator), self) }
    return apply(StandardGamma(generator: generator), self)
  }
}
